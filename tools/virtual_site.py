"""A site in virtual time: the bench's power world and the station's real `PowerWatch`, joined through the real codecs.

What upsd would say is made by the UPS simulator and read by the UPS driver's own function; the genset's registers likewise. No
sockets, no sleeping: a month passes in seconds. Used by `bench power` and by the fault tests. Needs the bench (simulators).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.devices import genset as genset_driver
from edge.devices import ups as ups_driver
from edge.devices.interfaces import BoardStatus, GensetReading, UpsReading
from edge.power.supply import Readings, Wall
from edge.power.watch import Act, FittedUps, PowerWatch
from protocols import gencomm
from simulators import genset_registers as genset_simulator
from simulators import ups as ups_simulator
from simulators.power import PowerWorld
from station_config.schema import Power

START_WALL_S = 1_780_272_000.0
"""2026-06-01 00:00 UTC"""
DAY_S = 86_400.0


@dataclass
class Silences:
    """Who does not answer."""

    upsd: bool = False
    stale: set[str] = field(default_factory=set)
    """UPS names whose driver is dead: upsd says DATA-STALE"""
    figures: bool = False
    """no charge, runtime, load"""
    genset: bool = False
    commands: bool = False
    """the genset's controller refuses them all"""
    board: bool = False


class VirtualSite:
    """One world, one station's power watch, one clock."""

    def __init__(self, world: PowerWorld, power: Power, *, genset: bool = True, board: bool = True, minute: int = 8 * 60, look: bool = True) -> None:
        """look: read the screen after every poll (`notices`)."""
        self.world = world
        self.power = power
        self.now_s = 0.0
        self.silences = Silences()
        self.acts: list[tuple[float, Act]] = []
        self.notices: list[str] = []
        """ids in the order in which they first appeared"""
        self.fitted = [FittedUps("rekam" + (str(n) if n > 1 else ""), ups.capacity_wh, ups.nominal_w) for n, ups in enumerate(world.upses, 1)]
        self.memory: bytes | None = None
        self.seen_s: float | None = None
        self.stopped = self._stopping = False
        self.life = 0
        self._genset, self._board, self._look = genset, board, look
        self._day_offset_s = minute * 60.0
        self._still: tuple[object, ...] | None = None
        """what a standing engine's registers depend on: unchanged, they need not be coded and decoded again"""
        self._genset_said: GensetReading | None = None
        self.watch = self._new_watch()

    def _new_watch(self) -> PowerWatch:
        self.life += 1
        boot = str(self.life)
        return PowerWatch(self.fitted, self.power, genset=self._genset, board=self._board, boot=boot, memory=self.memory, seen_s=self.seen_s)

    def restart(self) -> PowerWatch:
        """The station starts anew, after a cut or a stop."""
        self.stopped = self._stopping = False
        self.watch = self._new_watch()
        return self.watch

    def wall(self) -> Wall:
        at_s = self.now_s + self._day_offset_s
        day, second = divmod(at_s, DAY_S)
        return Wall(START_WALL_S + at_s, "rtc", f"2026-{6 + int(day) // 30:02d}-{1 + int(day) % 30:02d}", int(second // 60))

    def run(self, seconds: float, *, step_s: float = 1.0, until: Callable[[], bool] | None = None) -> bool:
        """Let time pass; True as soon as `until` holds (False if it never did)."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.tick(min(step_s, end_s - self.now_s))
            if until is not None and until():
                return True
        return until is None

    def tick(self, dt_s: float) -> None:
        """One poll. A station whose UPS is dead knows nothing."""
        self.world.process(dt_s)
        self.now_s += dt_s
        if self.stopped or not self.world.ups_ok:
            return
        for act in self.watch.step(self.now_s, self.wall(), self.readings()):
            self._carry_out(act)
        self.stopped = self._stopping and self.watch.may_go_dark()
        if self._look:
            self.notices += [each for each in self.reads() if each not in self.notices]

    def readings(self) -> Readings:
        """One round of questions, answered from the world."""
        return Readings(
            upses={fitted.name: self._ups(number) for number, fitted in enumerate(self.fitted)},
            genset=self._genset_reading(),
            board=self._board_status(),
            button=self.world.button_held,
        )

    def _ups(self, number: int) -> UpsReading | None:
        if self.silences.upsd:
            return None
        if self.world.ups_silent or self.fitted[number].name in self.silences.stale:
            return ups_driver.reading_of({})
        return ups_driver.reading_of(ups_simulator.variables(self.world.upses[number], not self.silences.figures))

    def _genset_reading(self) -> GensetReading | None:
        if not self._genset or self.silences.genset:
            return None
        genset = self.world.genset
        still = None if genset.running else (genset.fuel_l, genset.mode, genset.fuel_sensor_broken, frozenset(genset.alarms))
        if still is None or still != self._still:
            image = genset_simulator.register_image(genset)
            alarms = [image[gencomm.ALARM_ADDRESS + 1 + offset] for offset in range(gencomm.ALARM_REGISTERS - 1)]
            self._genset_said = genset_driver.reading_of(gencomm.decode_all(image), gencomm.active_alarms(alarms))
        self._still = still
        return self._genset_said

    def _board_status(self) -> BoardStatus | None:
        if not self._board or self.silences.board:
            return None
        world = self.world
        state = "manual" if world.genset_running else "idle"  # so the firmware calls an engine that its contact did not start
        return BoardStatus(world.mains_ok, world.ups_ok, world.genset_running, state, False, False, 5050, 41.0, int(self.now_s * 1000))

    def _carry_out(self, act: Act) -> None:
        self.acts.append((self.now_s, act))
        if act.kind == "genset" and not self.silences.genset:
            keys = {"start": "telemetry_start", "stop": "telemetry_cancel", "load": "to_generator", "unload": "to_mains", "reset": "reset_alarms"}
            if self.silences.commands or genset_simulator.control(self.world, gencomm.control_words(keys[act.what])):
                self.watch.genset_refused(act.what)
        elif act.kind in ("save", "stop"):
            self.memory = self.watch.dump(self.wall().wall_s, self.wall().trust)
            self._stopping |= act.kind == "stop"
        elif act.kind == "seen":
            self.seen_s = self.wall().wall_s

    # what tests ask

    def did(self, kind: str) -> list[str]:
        """What acts of one kind said, in order."""
        return [act.what for _, act in self.acts if act.kind == kind]

    def reads(self) -> list[str]:
        """Message ids that stand on the screen now."""
        picture = self.watch.picture
        return [picture.sentence.id, *(notice.id for notice in picture.notices)]
