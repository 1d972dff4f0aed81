"""Where the bench finds MicroPython's unix port; `./rekam micropython` puts it there (tools/micropython.py)."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".rekam" / "micropython"


def find() -> list[str] | None:
    """The command that runs MicroPython: the unpacked package through its own linker, else the system's; None when there is neither."""
    program = FOLDER / "usr/bin/micropython"
    linkers = sorted(FOLDER.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"))
    if program.exists() and linkers:
        return [str(linkers[0]), "--library-path", str(linkers[0].parent), str(program)]
    system = shutil.which("micropython")
    return [system] if system else None
