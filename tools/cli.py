"""`./rekam COMMAND`: the table of commands, their one line of help, and the one place where an expected failure becomes a sentence.

Each command is a module with `EXAMPLE`, `add_arguments(parser)` and `run(arguments) -> exit code`, imported only when asked for.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from edge.errors import StationError
from station_config.load import ConfigError

UNREACHABLE = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError, IsADirectoryError)
"""what a wrong path on the command line ends in"""


class Command(NamedTuple):
    """One line of the table."""

    module: str
    help: str
    needs_bench: bool = False
    """speaks to simulators, which a field package leaves out"""


COMMANDS: Mapping[str, Command] = {
    "demo": Command("tools.demo", "record simulated people through the whole chain and check every byte", needs_bench=True),
    "test": Command("tools.test", "run every test (arguments go to pytest)", needs_bench=True),
    "station": Command("tools.station", "run a station with its operator page"),
    "district": Command("tools.district", "run the district: receive, verify, store, answer with receipts"),
    "doctor": Command("tools.doctor", "check a station: what is fitted, what answers, what to do"),
    "register": Command("tools.register", "list a station's devices; note a repair, calibration or replacement"),
    "keys": Command("tools.keys", "make the keys and certificates of a district and its stations"),
    "roster": Command("tools.roster", "seal who is expected and who may log in, onto a stick for the stations"),
    "policy": Command("tools.policy", "show or sign what a district's stations shall keep to"),
    "quarantine": Command("tools.quarantine", "list what a district set aside; release or discard it"),
    "record": Command("tools.record", "inspect, verify or open a signed record, event or receipt"),
    "export": Command("tools.stick_export", "copy what waits for the district onto a stick, sealed; the station may run"),
    "import": Command("tools.stick_import", "take in what a stick brings (district: entries; station: receipts, roster, policy)"),
    "stick": Command("tools.stick_plugged", "exchange with a stick that was plugged in, both ways"),
    "flash": Command("tools.flash", "put the firmware onto the board and verify it by hash"),
    "power-plan": Command("tools.power_plan", "work out connection, UPS, genset, fuel, cable and solar for a site"),
    "world": Command("tools.world", "run the whole simulated world for a station of your own", needs_bench=True),
    "sim": Command("tools.sim", "run one simulated device on its real wire", needs_bench=True),
    "micropython": Command("tools.micropython", "fetch MicroPython for the bench's board"),
    "pico": Command("tools.pico", "build MicroPython for an emulated Pico, on which tests install the firmware"),
    "fuzz": Command("tools.fuzz", "fuzz the decoders and the district's door, guided by coverage", needs_bench=True),
}
GROUPS: Mapping[str, Mapping[str, Command]] = {
    "bench": {
        "link": Command("tools.bench_link", "goodput over shaped and broken links, beside MQTT as usual and tus", needs_bench=True),
        "seal": Command("tools.bench_seal", "cost of sealing and signing, against the bare primitives", needs_bench=True),
        "store": Command("tools.bench_store", "bytes, flushes and time to keep a record; start with thousands waiting", needs_bench=True),
        "capture": Command("tools.bench_capture", "time and CPU of each driver against the limit of its wire", needs_bench=True),
        "ingest": Command("tools.bench_ingest", "records a second into the district, against disk, SQLite and broker", needs_bench=True),
        "board": Command("tools.bench_board", "flash and memory that the board's firmware takes of an RP2040", needs_bench=True),
        "power": Command("tools.bench_power", "a month of a bad site in virtual time", needs_bench=True),
        "boot": Command("tools.bench_boot", "start of the station with thousands waiting, to a page that is ready", needs_bench=True),
    },
    "crash": {
        "store": Command("tools.crash_store", "cut the store's power on a simulated disk; nothing promised may be lost", needs_bench=True),
        "system": Command("tools.crash_system", "cut power, link and disks of a whole simulated system", needs_bench=True),
        "forge": Command("tools.forge", "forged, altered, foreign and replayed records and receipts; none may get in", needs_bench=True),
    },
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 only on success, 2 for a wrong call."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_overview())
        return 0
    if words[0] in GROUPS:
        return _group(words[0], words[1:])
    if words[0] not in COMMANDS:
        return _refuse(f"there is no command {words[0]!r}. ./rekam --help lists them.")
    return _call(words[0], COMMANDS[words[0]], words[1:])


def _group(name: str, words: list[str]) -> int:
    members = GROUPS[name]
    if not words or words[0] not in members:
        print(f"usage: ./rekam {name} KIND ...\n" + "\n".join(_line(f"{name} {kind}", command) for kind, command in members.items()))
        return 0 if words and words[0] in {"-h", "--help"} else 2
    return _call(f"{name} {words[0]}", members[words[0]], words[1:])


def _call(name: str, command: Command, words: list[str]) -> int:
    if command.needs_bench and find_spec("simulators") is None:
        return _refuse(f"{name} needs the test bench, which this field package does not carry. Run it from the project's source folder.")
    module = importlib.import_module(command.module)
    parser = argparse.ArgumentParser(
        prog=f"./rekam {name}", description=command.help[0].upper() + command.help[1:] + ".", epilog=f"example: {module.EXAMPLE}",
    )
    module.add_arguments(parser)
    parsed = parser.parse_args(words)
    report = getattr(parsed, "json", None)
    if isinstance(report, Path) and not report.parent.is_dir():
        return _refuse(f"--json {report}: there is no folder {report.parent}. Make it first, or name another file.")
    if isinstance(report, Path) and report.is_dir():
        return _refuse(f"--json {report}: that is a folder. Name a file in it.")
    try:
        return int(module.run(parsed))
    except (StationError, ConfigError) as problem:
        return _refuse(str(problem))
    except UNREACHABLE as problem:
        return _refuse(f"{problem.filename or 'a file'}: {problem.strerror or problem}. Check the path and whose it is, then call again.")
    except KeyboardInterrupt:
        return 130


def _refuse(sentence: str) -> int:
    print(f"rekam: {sentence}", file=sys.stderr)
    return 2


def _overview() -> str:
    lines = [_line(name, command) for name, command in COMMANDS.items()]
    lines += [_line(f"{group} {kind}", command) for group, members in GROUPS.items() for kind, command in members.items()]
    return "Rekam: a field station that records people for their identity card and loses nobody.\n\nusage: ./rekam COMMAND ...\n\n" + "\n".join(lines)


def _line(name: str, command: Command) -> str:
    return f"  {name:<18} {command.help}"


if __name__ == "__main__":
    try:
        code = main()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head(1), has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    raise SystemExit(code)
