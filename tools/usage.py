"""What a process costs, read from /proc (proc(5))."""

import os
import subprocess
import sys
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int) -> float:
    """Largest resident set so far, MB (VmHWM); 0.0 when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    found = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(found[0]) / 1024 if found else 0.0


def cpu_s(pid: int) -> float:
    """User and system seconds of the process; 0.0 when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


_ADDED = """
import importlib, sys
import edge.clock, edge.devices.interfaces
def resident_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS:")).split()[1])
before = resident_kb()
importlib.import_module(sys.argv[1])
print(resident_kb() - before)
"""


def added_rss_mb(module: str) -> float:
    """MB by which loading that module makes a fresh interpreter larger that holds numpy and the station's interfaces already."""
    done = subprocess.run([sys.executable, "-c", _ADDED, module], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout) / 1024
