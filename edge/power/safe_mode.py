"""Safe mode: one plain page at the station's address that says why the station does not run and what to do.

Started by systemd when the station stopped by itself too often (OnFailure=). Does not touch the store, and of the devices two: it tells the board
that somebody is at home, else the board would cut and restore the Pi's supply and begin the storm again; and it lets go of the genset (`safe_genset.py`).
The UPSes are asked how long the power lasts (`safe_supply.py`).
The reason is what the station left behind (`last_words.py`), else what systemd says (MONITOR_SERVICE_RESULT, systemd >= 251).
"""

import argparse
import asyncio
import html
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from edge.clock import Clock, SystemClock
from edge.devices.board import SerialBoard
from edge.devices.genset_fitted import genset_maker
from edge.devices.interfaces import Board, Genset
from edge.devices.presence import Presence
from edge.devices.ups import UpsdClient
from edge.errors import DeviceError, StationError
from edge.power import last_words, safe_genset, safe_supply
from edge.power.last_words import LastWords
from station_config.load import ConfigError, load_station, load_texts
from station_config.schema import StationConfig

REQUEST_LIMIT_BYTES = 8192
REQUEST_DEADLINE_S = 5.0
USUAL_PORT = 8080
BEAT_S, BEAT_DEADLINE_S = 10.0, 2.0
OF_SYSTEMD = {"watchdog": "watchdog", "timeout": "watchdog", "oom-kill": "memory", "signal": "killed", "core-dump": "crash"}
"""its result -> safe_why_..."""
KNOWN = frozenset({*OF_SYSTEMD, "exit-code", "start-limit-hit"})
Texts = Mapping[str, str]


def by_systemd(environment: Mapping[str, str]) -> LastWords:
    """What systemd says, and nothing that it would not."""
    result, status = environment.get("MONITOR_SERVICE_RESULT", ""), environment.get("MONITOR_EXIT_STATUS", "")
    known = result if result in KNOWN else "?"
    return LastWords(OF_SYSTEMD.get(result, "unknown"), f"{known} {status}".strip() if status.isalnum() else known)


def sentences(words: LastWords, texts: Texts) -> list[str]:
    """For the page: what happened, why, what to do."""
    own = texts.get(words.code) if words.sentence else None
    why = texts.get(f"safe_why_{words.code}", texts["safe_why_unknown"]).format(part=words.detail, detail=words.detail or words.code)
    reason = f"{own} {texts.get(f'{words.code}_next', '')} ({words.sentence})" if own else words.sentence or why
    return [texts["safe_mode"], texts["safe_mode_why"].format(reason=reason), texts["safe_mode_next"]]


def of_genset(config: StationConfig | None, texts: Texts) -> list[str]:
    """What becomes of a running genset; nothing where none is fitted."""
    if config is None or not (config.devices.genset or config.power.genset.by_contact):
        return []
    return [texts["safe_mode_genset"].format(minutes=safe_genset.minutes(config.power.genset))]


def page(lines: list[str], language: str = "id") -> bytes:
    """A whole HTTP answer; the first line is what happened."""
    first, *others = (html.escape(line) for line in lines)
    paragraphs = "".join(f"<p>{line}</p>" for line in others)
    style = "body{font:1.3rem/1.4 sans-serif;margin:5vh 5vw;max-width:44rem}h1{font-size:1.7rem}"
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="15"><title>Rekam</title>'
    body = f'<!doctype html><html lang="{language}">{head}<style>{style}</style><h1>{first}</h1>{paragraphs}'.encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode("ascii") + body


@dataclass
class Told:
    """What the page says: fixed but for the line about power, which comes second."""

    lines: list[str]
    language: str = "id"
    supply: str = ""

    def answer(self) -> bytes:
        first, *others = self.lines
        return page([first, *([self.supply] if self.supply else []), *others], self.language)

    def tell_supply(self, sentence: str) -> None:
        self.supply = sentence


async def serve(host: str, port: int, answer: Callable[[], bytes]) -> None:
    """Answer everything with the one page until cancelled."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_DEADLINE_S):
                await reader.readuntil(b"\r\n\r\n")
            writer.write(answer())
            await writer.drain()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # not a browser
        finally:
            writer.close()

    server = await asyncio.start_server(client, host, port, limit=REQUEST_LIMIT_BYTES)
    async with server:
        await server.serve_forever()


async def keep_board_quiet(board: Presence[Board], clock: Clock) -> None:
    """Beat until cancelled; a board that does not answer is tried again by its presence. A genset lease is not renewed: it ends by itself."""
    async with asyncio.TaskGroup() as group:
        group.create_task(board.run())
        while True:
            with suppress(DeviceError):  # the page is what matters here
                await board.use(lambda found: found.heartbeat(), BEAT_DEADLINE_S)
            await clock.sleep_s(BEAT_S if board.state == "ready" else 1.0)


def port_of(path: Path) -> int:
    """Of the page, also out of a file that is no valid configuration."""
    try:
        found = re.search(rb"^\s*page_port\s*=\s*(\d{1,5})\b", path.read_bytes(), re.MULTILINE)
    except OSError:
        found = None
    port = int(found[1]) if found else USUAL_PORT
    return port if 0 < port < 65_536 else USUAL_PORT


async def run(config: StationConfig | None, port: int, told: Told, texts: Texts) -> None:
    """The page; and UPSes, board and genset, where they are fitted."""
    clock = SystemClock()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve("127.0.0.1", port, told.answer))
        if config is None:
            return
        if config.devices.ups:
            upses = [UpsdClient(each.name, each.host, each.port, f"ups-{each.name}") for each in config.devices.ups]
            group.create_task(safe_supply.watch(upses, texts, told.tell_supply, clock))
        if (section := config.devices.board) is not None:
            board: Presence[Board] = Presence("board", lambda: SerialBoard("board", section, clock), clock, lambda _: None)
            group.create_task(keep_board_quiet(board, clock))
        if (engine := config.devices.genset) is not None:
            with suppress(StationError):  # a mapping file that cannot be read: the page says how to stop it by hand
                make = genset_maker(engine)
                genset: Presence[Genset] = Presence("genset", lambda: make(engine), clock, lambda _: None)
                group.create_task(safe_genset.bring_home(genset, config.power.genset, clock))


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the safe-mode page.")
    parser.add_argument("--config", type=Path, required=True)
    config: StationConfig | None = None
    path, words = parser.parse_args().config, by_systemd(os.environ)
    try:
        config = load_station(path)
        words = last_words.read(Path(config.station.data_dir)) or words
    except ConfigError as error:
        words = LastWords("config", sentence=str(error))  # a broken configuration is the likeliest reason of all
    language = config.station.language if config else "id"
    texts = load_texts()[language]
    asyncio.run(run(config, port_of(path), Told([*sentences(words, texts), *of_genset(config, texts)], language), texts))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
