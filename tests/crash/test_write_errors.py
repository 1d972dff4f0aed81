"""Every system call of a durable write fails once with EIO and ENOSPC: the program never says SAVED, and the old file stays."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROGRAM = """
import sys
from pathlib import Path
from edge.files import write_durably
try:
    write_durably(Path(sys.argv[1]), b"new" * 1000)
except OSError as error:
    sys.exit(7)
print("SAVED")
"""
pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)")


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", ["openat", "write", "fsync", "rename"])
def test_a_refused_call_is_never_called_saved(call: str, error: str, tmp_path: Path) -> None:
    path, log = tmp_path / "file", tmp_path / "log"
    for number in range(1, 10):
        path.write_bytes(b"old")
        watched = [word for name in (path, path.with_name("file.tmp"), tmp_path) for word in ("-P", str(name))]
        inject = ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}"]
        command = ["strace", "-f", "-qq", "-o", str(log), *watched, *inject, sys.executable, "-c", PROGRAM, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if "INJECTED" not in log.read_text(encoding="utf-8", errors="replace"):
            assert done.returncode == 0
            assert done.stdout == "SAVED\n"
            assert number > 1
            return
        assert (done.returncode, done.stdout) == (7, "")
        assert path.read_bytes() in (b"old", b"new" * 1000)
        if call != "fsync":
            assert path.read_bytes() == b"old" or number > 1
    pytest.fail("the calls do not end")
