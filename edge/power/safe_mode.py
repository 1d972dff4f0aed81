"""Safe mode: one plain page at the station's address that says why the station does not run and what to do.

Started by systemd when the station stopped by itself too often (OnFailure=). Touches neither devices nor the store, so that a broken
card or device cannot break it too. The reason comes from systemd (MONITOR_SERVICE_RESULT, MONITOR_EXIT_STATUS; systemd >= 251).
"""

import argparse
import asyncio
import html
import os
from collections.abc import Mapping
from pathlib import Path

from station_config.load import ConfigError, load_station, load_texts

REQUEST_LIMIT_BYTES = 8192
REQUEST_DEADLINE_S = 5.0
RESULTS = frozenset({"watchdog", "timeout", "oom-kill", "signal", "core-dump", "exit-code", "start-limit-hit"})


def reason(environment: Mapping[str, str]) -> str:
    """What systemd says, in one or two words."""
    result = environment.get("MONITOR_SERVICE_RESULT", "")
    status = environment.get("MONITOR_EXIT_STATUS", "")
    known = result if result in RESULTS else "?"
    return f"{known} {status}".strip() if status.isalnum() else known


def page(sentences: list[str]) -> bytes:
    """A whole HTTP answer."""
    lines = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    style = "body{font:1.6rem sans-serif;margin:3rem;max-width:40rem}"
    body = f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="15"><title>Rekam</title><style>{style}</style>{lines}'.encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode("ascii") + body


async def serve(host: str, port: int, answer: bytes) -> None:
    """Answer everything with the same page until cancelled."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_DEADLINE_S):
                await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            pass  # not a browser
        finally:
            writer.close()

    server = await asyncio.start_server(client, host, port, limit=REQUEST_LIMIT_BYTES)
    async with server:
        await server.serve_forever()


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the safe-mode page.")
    parser.add_argument("--config", type=Path, required=True)
    host, port, language = "127.0.0.1", 8080, "id"
    config = parser.parse_args().config
    try:
        station = load_station(config).station
        host, port, language = station.page_host, station.page_port, station.language
        details: list[str] = []
    except ConfigError as error:
        details = [str(error)]  # a broken configuration is the likeliest reason of all
    texts = load_texts()[language]
    sentences = [texts["safe_mode"].format(reason=reason(os.environ)), *details]
    asyncio.run(serve(host, port, page(sentences)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
