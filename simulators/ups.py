"""A simulated UPS with two faces on the same battery (world.power).

A path as link: Megatec Q1 on a pty, 2400 baud, for NUT's own drivers (nutdrv_qx, blazer_ser; hardware facts: networkupstools.org,
protocols/megatec). A host:port as link: upsd's text protocol on TCP, as if NUT ran above it. Not here: the battery itself.
"""

import asyncio
import shlex
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from simulators.faults import PLUG_FAULTS, WIRE_FAULTS, Active, WireFaults
from simulators.plug import Plug
from simulators.power import PowerWorld, UpsBattery
from simulators.tcp_port import Send, TcpPort
from simulators.wire_device import WireDevice
from simulators.world import SimDevice, World, check_faults

MODEL_FAULTS: Mapping[str, str] = {
    "silent": "the UPS answers nobody; upsd reports DATA-STALE",
    "lies": "the battery reports 100 % until two minutes before the end",
    "runtime-jumps": "the runtime figure jumps between a tenth and three times",
    "no-figures": "only the status is known, no charge, runtime or load",
    "replace-battery": "the UPS asks for a new battery (RB)",
    "refuse": "every question is refused: by upsd with ACCESS-DENIED, by the UPS with (NAK",
}
RESET = {"reset-middle": "it restarts in the middle of each answer"}
FAULTS: Mapping[str, str] = {**WIRE_FAULTS, **RESET, **MODEL_FAULTS}
MEGATEC_FAULTS = {name: text for name, text in FAULTS.items() if name != "runtime-jumps"}
"""this wire carries no runtime"""
IN_EACH_ANSWER = frozenset(MODEL_FAULTS) - {"refuse"}

MEGATEC_BAUD = 2400
NAK = b"(NAK\r"
UPS_NAME = "rekam"
STALE = "ERR DATA-STALE"
REFUSED = "ERR ACCESS-DENIED"


def build(world: World, link: Path | str, faults: Collection[str] = ()) -> SimDevice:
    """host:port -> upsd face; path -> Megatec face."""
    if isinstance(link, Path) or "/" in link:
        return MegatecUps(world, Path(link), faults)
    return UpsdFace(world, link, faults)


def apply_fault(power: PowerWorld, name: str, on: bool) -> None:
    """Put a fault of the model into the world."""
    if name == "silent":
        power.ups_silent = on
    for ups in power.upses:
        if name == "lies":
            ups.lies = on
        elif name == "runtime-jumps":
            ups.runtime_jumps = on
        elif name == "replace-battery":
            ups.replace_battery = on


class MegatecUps(WireDevice):
    """Answers Q1, F and I; swallows what it accepts, echoes what it does not know."""

    ACCEPTED = ("S", "C", "T", "Q")

    def __init__(self, world: World, link: Path, faults: Collection[str]) -> None:
        super().__init__(world, link, faults, MEGATEC_FAULTS, baud=MEGATEC_BAUD)
        self._line = bytearray()
        for name in self.active:
            self._apply(name, True)

    async def start(self) -> None:
        self.world.power.follow(self.world.clock)
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.world.power.unfollow()

    def set_fault(self, name: str, on: bool) -> None:
        super().set_fault(name, on)
        self._apply(name, on)

    def _apply(self, name: str, on: bool) -> None:
        apply_fault(self.world.power, name, on)
        if name in RESET:
            self.wire.set(name, on)

    def receive(self, data: bytes) -> None:
        for byte in data:
            if byte == 0x0D:
                self._command(bytes(self._line).decode("ascii", "replace"))
                self._line.clear()
            elif len(self._line) < 64:
                self._line.append(byte)

    def _command(self, command: str) -> None:
        self.played.update(self.active & IN_EACH_ANSWER)
        if self.world.power.ups_silent:
            return
        if self.active.acts("refuse"):
            self.port.send(NAK)
            return
        answer = megatec_answer(self.world.power.upses[0], command, self.ACCEPTED, "no-figures" not in self.active)
        if answer is not None:
            self.port.send(answer)


def megatec_answer(ups: UpsBattery, command: str, accepted: Collection[str], figures: bool = True) -> bytes | None:
    """The bytes after one command; None where the UPS stays silent because it obeys."""
    if command == "Q1":
        return q1(ups, figures)
    if command == "F":
        return b"#230.0 002 24.00 50.0\r"
    if command == "I":
        return f"#{'REKAM':<15} {'SIM-600':<10} {'1.0':<10}\r".encode("ascii")
    return None if command[:1] in accepted else command.encode("ascii", "replace") + b"\r"


def q1(ups: UpsBattery, figures: bool = True) -> bytes:
    """(MMM.M NNN.N PPP.P QQQ RR.R SS.S TT.T b7..b0: input V, fault V, output V, load %, Hz, battery V, deg C, flags. @ is a digit not known."""
    flags = f"{int(ups.on_battery)}{int(ups.low)}{int(boosting(ups))}{int(ups.replace_battery)}1001"
    output_v = 0.0 if ups.dead else 230.0
    hz = ups.input_hz if not ups.on_battery else 50.0
    battery_v = ups.v_full if ups.lies and ups.charge_percent == 100 else ups.battery_v
    load, volts = (f"{ups.load_percent:03.0f}", f"{battery_v:04.1f}") if figures else ("@@@", "@@.@")
    mains = f"({ups.input_v:05.1f} {ups.input_v if ups.on_battery else 0.0:05.1f} {output_v:05.1f}"
    return f"{mains} {load} {hz:04.1f} {volts} 28.0 {flags}\r".encode("ascii")


def boosting(ups: UpsBattery) -> bool:
    """A line-interactive UPS lifts a low input by its transformer."""
    return not ups.on_battery and ups.input_v < 200


def status_words(ups: UpsBattery) -> str:
    """ups.status as NUT's drivers write it."""
    words = ["OB", "DISCHRG"] if ups.on_battery else ["OL"]
    if not ups.on_battery and ups.soc < 0.98:
        words.append("CHRG")
    for word, present in (("LB", ups.low), ("BOOST", boosting(ups)), ("RB", ups.replace_battery)):
        if present:
            words.append(word)
    return " ".join(words)


def variables(ups: UpsBattery, figures: bool) -> dict[str, str]:
    """What upsd knows of one UPS."""
    found = {"device.mfr": "Rekam bench", "device.model": "SIM-600", "device.type": "ups", "driver.name": "nutdrv_qx", "ups.status": status_words(ups)}
    if figures:
        found |= {
            "battery.charge": f"{ups.charge_percent:.0f}",
            "battery.runtime": f"{ups.runtime_s:.0f}",
            "battery.voltage": f"{ups.battery_v:.2f}",
            "input.voltage": f"{ups.input_v:.1f}",
            "input.frequency": f"{ups.input_hz:.1f}",
            "ups.load": f"{ups.load_percent:.1f}",
            "ups.realpower.nominal": f"{ups.nominal_w:.0f}",
        }
    return found


class UpsdFace:
    """upsd on TCP: names `rekam`, `rekam2`, ... for the batteries of the world."""

    def __init__(self, world: World, link: str, faults: Collection[str]) -> None:
        check_faults(FAULTS, faults)
        self._world = world
        self._active = Active(faults)
        self.played = self._active.played
        self._wire = WireFaults(world.rng("wire/upsd"), self._active, self.played)
        self._port = TcpPort(link, self._serve, faults=self._wire, clock=world.clock)
        self._plug = Plug(self._port.close, self._port.open, world.clock, self.played)
        self._answers: Mapping[str, Callable[[list[str]], list[str]]] = {
            "VER": lambda _: ["Network UPS Tools upsd 2.8.0 (rekam bench)"],
            "NETVER": lambda _: ["1.3"],
            "HELP": lambda _: ["Commands: HELP VER GET LIST USERNAME PASSWORD LOGIN LOGOUT"],
            "LIST": self._list,
            "GET": self._get,
            "USERNAME": lambda _: ["OK"],
            "PASSWORD": lambda _: ["OK"],
            "LOGIN": lambda _: ["OK"],
            "LOGOUT": lambda _: ["OK Goodbye"],
            "STARTTLS": lambda _: ["ERR FEATURE-NOT-CONFIGURED"],
        }

    @property
    def address(self) -> str:
        return self._port.address

    async def start(self) -> None:
        for name in self._active:
            apply_fault(self._world.power, name, True)
        self._world.power.follow(self._world.clock)
        await self._plug.begin(self._active)

    async def stop(self) -> None:
        await self._plug.end()
        await self._port.close()
        await self._world.power.unfollow()

    def set_fault(self, name: str, on: bool) -> None:
        check_faults(FAULTS, [name])
        self._active.turn(name, on)
        apply_fault(self._world.power, name, on)
        if name in PLUG_FAULTS:
            self._plug.act(name, on)
        else:
            self._wire.set(name, on)

    async def _serve(self, reader: asyncio.StreamReader, send: Send) -> None:
        words = [""]
        while words[:1] != ["LOGOUT"] and (line := await reader.readline()):
            words = shlex.split(line.decode("utf-8", "replace"))
            await send("".join(f"{line}\n" for line in self._answer(words)).encode("utf-8"))

    def _answer(self, words: list[str]) -> list[str]:
        if self._active.acts("refuse"):
            return [REFUSED]
        if words[:1] in (["LIST"], ["GET"]):
            self.played.update(self._active & IN_EACH_ANSWER)
        answer = self._answers.get(words[0]) if words else None
        return answer(words) if answer else ["ERR UNKNOWN-COMMAND"]

    def _ups(self, name: str) -> UpsBattery | None:
        number = name.removeprefix(UPS_NAME) or "1"
        known = name.startswith(UPS_NAME) and number.isdigit() and 1 <= int(number) <= len(self._world.power.upses)
        return self._world.power.upses[int(number) - 1] if known else None

    def _list(self, words: list[str]) -> list[str]:
        what, name = (words[1:2] or [""])[0], (words[2:3] or [""])[0]
        if what == "UPS":
            names = [UPS_NAME + (str(index) if index > 1 else "") for index in range(1, len(self._world.power.upses) + 1)]
            return ["BEGIN LIST UPS", *(f'UPS {each} "Rekam bench"' for each in names), "END LIST UPS"]
        ups = self._ups(name)
        if ups is None:
            return ["ERR UNKNOWN-UPS"]
        if what != "VAR":
            return [f"BEGIN LIST {what} {name}", f"END LIST {what} {name}"]
        if self._world.power.ups_silent:
            return [STALE]
        rows = [f'VAR {name} {key} "{value}"' for key, value in variables(ups, "no-figures" not in self._active).items()]
        return [f"BEGIN LIST VAR {name}", *rows, f"END LIST VAR {name}"]

    def _get(self, words: list[str]) -> list[str]:
        if len(words) < 3 or (ups := self._ups(words[2])) is None:
            return ["ERR UNKNOWN-UPS"]
        if words[1] == "UPSDESC":
            return [f'UPSDESC {words[2]} "Rekam bench"']
        if words[1] == "NUMLOGINS":
            return [f"NUMLOGINS {words[2]} 0"]
        if self._world.power.ups_silent:
            return [STALE]
        value = variables(ups, "no-figures" not in self._active).get(words[3]) if len(words) > 3 else None
        return [f'VAR {words[2]} {words[3]} "{value}"'] if value is not None else ["ERR VAR-NOT-SUPPORTED"]
