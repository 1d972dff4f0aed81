"""A Pico as mpremote sees it: a raw REPL on a pseudo-terminal whose code runs in a MicroPython process with a folder as flash."""

import os
import pty
import select
import subprocess
import threading
import tty
from pathlib import Path

from simulators import micropython

SERVANT = """
import sys
class Machine:
    @staticmethod
    def reset():
        raise SystemExit
sys.modules['machine'] = Machine
space = {}
while True:
    size = int(sys.stdin.readline())
    code = sys.stdin.read(size)
    try:
        exec(code, space)
    except SystemExit:
        space = {}
    except Exception as error:
        sys.print_exception(error)
    print('\\x04', end='')
"""
BANNER = b"raw REPL; CTRL-B to exit\r\n>"


class Unplugged(Exception):
    """No answer, from now until the next program."""


class FakePico:
    """Speaks what MicroPython's shared/runtime/pyexec.c does in raw mode, without raw paste."""

    def __init__(self, flash: Path) -> None:
        self.flash = flash
        self.programs: list[str] = []
        self.worn: str | None = None
        """a file whose bytes do not last"""
        self.dies_at = ""
        """the board is unplugged when a program with this text comes"""
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._stopped, self._stop = os.pipe()
        script = flash.parent / "servant.py"
        script.write_text(SERVANT)
        self._process = subprocess.Popen(
            [*(micropython.find() or []), str(script)], cwd=flash, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._stop, b"x")
        self._thread.join(10)
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()
        for descriptor in (self._master, self._slave, self._stopped, self._stop):
            os.close(descriptor)

    def _serve(self) -> None:
        code = b""
        while True:
            ready, _, _ = select.select([self._master, self._stopped], [], [])
            if self._stopped in ready:
                return
            try:
                for byte in os.read(self._master, 1024):
                    code = self._take(bytes([byte]), code)
            except Unplugged:
                code = b""

    def _take(self, byte: bytes, code: bytes) -> bytes:
        """One byte from the host; the code collected so far."""
        if byte == b"\x01":
            self._say(b"R\x00" if code == b"\x05A" else BANNER)
            return b""
        if byte == b"\x04":
            self._say(b"OK\r\nMPY: soft reboot\r\n" + BANNER if not code.strip() else self._execute(code))
            return b""
        return b"" if byte in (b"\x03", b"\x02") else code + byte

    def _execute(self, code: bytes) -> bytes:
        text = code.decode().lstrip("\r")
        self.programs.append(text)
        if self.dies_at and self.dies_at in text:
            raise Unplugged
        if self.worn and text.startswith("\nimport binascii"):
            (self.flash / self.worn).write_bytes(b"\xff")
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{len(text.encode())}\n".encode() + text.encode())
        out = b""
        while not out.endswith(b"\x04"):
            out += self._process.stdout.read(1)
        failed = out[:-1] if b"Traceback" in out else b""
        return b"OK" + (b"" if failed else out[:-1].replace(b"\n", b"\r\n")) + b"\x04" + failed + b"\x04>"

    def _say(self, data: bytes) -> None:
        os.write(self._master, data)
