"""The board as a process: the firmware itself, under MicroPython or else CPython, on a wire with faults, its pins joined to the world.

    station -- PtyPort (pace, faults) -- this -- pseudo-terminal -- firmware -- pins as text (firmware/hal_unix.py) -- this -- world

Nothing of the firmware's behaviour is modelled here; only what hangs on its pins is: relays of the power, the light, the tamper switch.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tty
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from protocols import board_link as wire
from simulators import micropython
from simulators.faults import WIRE_FAULTS
from simulators.wire_device import WireDevice
from simulators.world import World

FAULTS: Mapping[str, str] = {
    **WIRE_FAULTS,
    "reset": "the board resets now, and whenever this is turned on again",
    "reset-middle": "the board resets while it takes in the next command",
    "hang": "the firmware stops without a reset",
    "refuse": "every command but identify is refused",
    "wrong-size": "each message is a byte too short, its checksum right",
    "other-schema": "the firmware is of another version (from its next start on)",
    "tamper": "the box is open",
    "hot": "78 degrees inside the box",
    "light-stuck": "the light does not go off",
    "light-dead": "the light does not go on",
}

AT_ONCE = frozenset({"reset", "hang"})
"""what happens to the running firmware, not to its wires"""

BAUD = 115_200
HEAP = "heapsize=192k"
"""what MicroPython leaves of the RP2040's 264 KB; pointers here are twice as wide, so this is the harder test"""
POLL_S = 0.02
READY_S = 10.0
RESTART_S = 0.2
READ_SIZE = 4096
OTHER_SCHEMA = "import protocols.board_link as wire; wire.SCHEMA ^= 1; import main"
NEVER_REFUSED = frozenset({wire.reply_to("identify").kind, wire.EVENT.kind})
CONTACTS = ("mains_ok", "ups_ok", "genset_running", "genset_alarm", "pi_alive")


class Joint:
    """A pseudo-terminal whose slave end the firmware opens."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._heard(os.read(self._master, READ_SIZE))

    def send(self, data: bytes) -> None:
        """A wire, not a queue: what the firmware does not read is lost, and so is what comes between two of its lives."""
        if self._master < 0:
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)
        self._master = -1


class BoardProcess(WireDevice):
    """One board."""

    def __init__(self, world: World, link: Path | str, faults: Collection[str] = (), interpreter: list[str] | None = None) -> None:
        """interpreter: the command of MicroPython, [] for CPython; None takes what is there."""
        super().__init__(world, link, faults, FAULTS, baud=BAUD)
        self.outputs: dict[str, int] = {}
        self.starts = 0
        self._micropython = interpreter if interpreter is not None else micropython.find() or []
        self._process: asyncio.subprocess.Process | None = None
        self._link: Joint | None = None
        self._pins: Joint | None = None
        self._line = self._half_frame = b""
        self._told: dict[str, int] = {}
        self._ready = asyncio.Event()

    @property
    def runner(self) -> str:
        """What runs the firmware, for people."""
        return "firmware under MicroPython (unix port)" if self._micropython else "firmware under CPython with a stand-in for `machine` (no MicroPython found)"

    async def start(self) -> None:
        """Returns when the firmware's loop runs. Raises TimeoutError when it does not."""
        self.world.power.follow(self.world.clock)
        await super().start()
        try:
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
        except TimeoutError:
            await self.stop()
            raise
        for name in AT_ONCE & self.active:
            self.set_fault(name, True)

    async def stop(self) -> None:
        await super().stop()
        await self.world.power.unfollow()

    async def live(self) -> None:
        """Start the firmware, and again after each reset; meanwhile its pins follow the world."""
        try:
            while True:
                await self._one_life()
                await self.world.clock.sleep_s(RESTART_S)
        finally:
            self._at_rest()

    async def _one_life(self) -> None:
        self._link, self._pins = Joint(self._from_firmware), Joint(self._pin_text)
        self._told = {}
        self._tell_pins()
        self._process = await asyncio.create_subprocess_exec(*self._command(), env=self._environment())
        self.starts += 1
        watch = asyncio.create_task(self._follow_world(), name="board pins")
        try:
            await self._process.wait()
        finally:
            watch.cancel()
            await self._end_process()
            await asyncio.gather(watch, return_exceptions=True)
            self._link.close()
            self._pins.close()
            self._at_rest()

    async def _end_process(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _command(self) -> list[str]:
        program = ["-c", OTHER_SCHEMA] if self.active.acts("other-schema") else [str(micropython.ROOT / "firmware/main.py")]
        if self._micropython:
            return [*self._micropython, "-X", HEAP, *program]
        return [sys.executable, str(micropython.ROOT / "simulators/standins/machine.py"), *program]

    def _environment(self) -> dict[str, str]:
        assert self._link is not None
        assert self._pins is not None
        path = f"{micropython.ROOT / 'firmware'}:{micropython.ROOT}"
        return {"REKAM_BOARD_LINK": self._link.path, "REKAM_BOARD_PINS": self._pins.path, "MICROPYPATH": path, "PYTHONPATH": path}

    # the link

    def receive(self, data: bytes) -> None:
        if self._link is None:
            return
        if self.active.acts("reset-middle"):
            self.active.discard("reset-middle")
            self._link.send(data[: len(data) // 2])
            self._kill()
            return
        self._link.send(data)

    def _from_firmware(self, data: bytes) -> None:
        """A message for each frame, so that faults hit frames and not reads."""
        *frames, self._half_frame = (self._half_frame + data).split(b"\x00")
        for frame in frames:
            if frame:
                self.port.send(self._spoiled(frame))

    def _spoiled(self, stuffed: bytes) -> bytes:
        """A frame that the firmware sent, as it goes to the wire."""
        sequence, kind, body = wire.parse(stuffed)
        if kind not in NEVER_REFUSED and self.active.acts("refuse"):
            return wire.frame(sequence, wire.REFUSED.kind, wire.REFUSED.pack(wire.REASONS.index("bad_value"), 0))
        if body and self.active.acts("wrong-size"):
            return wire.frame(sequence, kind, body[:-1])
        return b"\x00" + stuffed + b"\x00"

    # the pins

    def _pin_text(self, data: bytes) -> None:
        self._line += data
        *lines, self._line = self._line.split(b"\n")
        for line in lines:
            self._pin(line.decode("ascii").split())

    def _pin(self, words: list[str]) -> None:
        if words[0] == "r":
            self._ready.set()
            return
        if words[0] == "p":
            self._pulse(int(words[1]))
            return
        name, level = words[1], int(words[2])
        self.outputs[name] = level
        if name == "start_contact":
            self.world.power.start_contact(bool(level))
        elif name == "pi_power":
            self.world.power.pi_power = bool(level)
        elif name in ("light", "light_supply"):
            self._shine()

    def _pulse(self, length_ms: int) -> None:
        """The light's own hardware: it goes out by itself, whatever the firmware does meanwhile."""
        self._pin(["o", "light", "1"])
        asyncio.get_running_loop().call_later(length_ms / 1000, self._pulse_over)

    def _pulse_over(self) -> None:
        if self.outputs.get("light"):
            self._pin(["o", "light", "0"])

    def _shine(self) -> None:
        supplied = self.outputs.get("light_supply", 0) and "light-dead" not in self.active
        self.world.illuminator_on = bool(supplied and (self.outputs.get("light") or "light-stuck" in self.active))

    def _at_rest(self) -> None:
        """A chip without a program: pins float, the transistors are off, and the Pi's supply is on."""
        self.outputs = {}
        self._line = self._half_frame = b""
        self._ready.clear()
        self.world.illuminator_on = False
        self.world.power.start_contact(False)
        self.world.power.pi_power = True

    async def _follow_world(self) -> None:
        while True:
            await self.world.clock.sleep_s(POLL_S)
            self._tell_pins()

    def _tell_pins(self) -> None:
        """What has changed since the firmware was told."""
        assert self._pins is not None
        new = {name: level for name, level in self._levels().items() if self._told.get(name) != level}
        self._told |= new
        if new:
            self._pins.send("".join(f"{name} {level}\n" for name, level in new.items()).encode("ascii"))

    def _levels(self) -> dict[str, int]:
        contacts = {f"i {name}": int(getattr(self.world.power, name)) for name in CONTACTS}
        acts = self.active.acts
        seen = 1 if acts("light-stuck") else 0 if acts("light-dead") else 2
        return {
            **contacts, "i tamper": int(acts("tamper")), "i light_seen": seen,
            "a temperature_c10": 780 if acts("hot") else 310, "a supply_mv": 5_050,
        }

    # faults

    def set_fault(self, name: str, on: bool) -> None:
        super().set_fault(name, on)
        if name in AT_ONCE:
            self.active.acts(name)
        if name == "reset":
            self.active.discard(name)
            if on:
                self._kill()
        elif name == "hang":
            self._signal(signal.SIGSTOP if on else signal.SIGCONT)
        elif name == "other-schema":
            self._kill()
        elif name.startswith("light"):
            self._shine()

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)


def build(world: World, link: Path | str, faults: Collection[str] = ()) -> BoardProcess:
    """The board on a pseudo-terminal at `link`."""
    return BoardProcess(world, link, faults)
