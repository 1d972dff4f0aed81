"""From raw readings to where the power comes from: freshness of each UPS, agreement between them, steadiness of the mains. Pure.

Stale data are no good news: a UPS that falls silent keeps its last status, its age grows, and on battery that counts as low after
`stale_on_battery_s`. Of mains, volts and watts only fresh words count; where nobody has a fresh one the source is unknown.
Not here: what to do about it (policy.py), how long the battery lasts (energy.py).
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from edge.devices.interfaces import BoardStatus, GensetReading, UpsReading
from edge.power.picture import Figure, HostView, Source, UpsView
from station_config.schema import Power

FLICKER_WINDOW_S = 60.0
FLICKER_TRANSFERS = 4
"""so many changes between mains and battery within the window are a flickering supply"""
THERE_V = 50.0
DISAGREE_S = 10.0
"""two UPSes poll at different instants; longer is a real difference (a plug, a fuse)"""
FRESH_S, FRESH_POLLS = 10.0, 3
"""a word is fresh so long, or for so many polls where they are rarer: one missed answer is no silence"""
ON_LINE = frozenset({"OL", "BYPASS", "BOOST", "TRIM"})
"""each says that mains reach the UPS; some drivers leave OL out beside the others"""
NOTHING_BEHIND = frozenset({"BYPASS", "OFF"})
"""the battery does not carry the load when the mains fail"""


@dataclass(frozen=True, slots=True)
class Readings:
    """One round of questions; None where nobody answered."""

    upses: Mapping[str, UpsReading | None]
    genset: GensetReading | None = None
    board: BoardStatus | None = None
    host: HostView = field(default_factory=HostView)
    button: bool = False
    """the power button is pressed"""
    sending: bool = False
    """records go up the line"""


@dataclass(frozen=True, slots=True)
class Wall:
    """Date and time as the station believes them."""

    wall_s: float
    trust: str
    day: str
    """local date, YYYY-MM-DD"""
    minute: int
    """of the local day"""


@dataclass
class UpsTrack:
    """What one UPS told last, and when."""

    name: str
    nominal_w: float
    last: UpsReading | None = None
    told_s: float | None = None
    battery_since_s: float | None = None

    def take(self, now_s: float, reading: UpsReading | None) -> bool:
        """Keep a fresh reading; False for silence, stale data or a reading without status."""
        if reading is None or reading.stale or not reading.status:
            return False
        self.last, self.told_s = reading, now_s
        if not self.on_battery:
            self.battery_since_s = None
        elif self.battery_since_s is None:
            self.battery_since_s = now_s
        return True

    @property
    def status(self) -> frozenset[str]:
        """Its last words; none when it never told."""
        return self.last.status if self.last else frozenset()

    @property
    def on_battery(self) -> bool | None:
        """By its last word; None when it told neither. A calibration empties the battery while the mains are there."""
        if self.calibrates:
            return False
        return True if "OB" in self.status else False if self.status & ON_LINE else None

    @property
    def calibrates(self) -> bool:
        volts = self.last.input_v if self.last else None
        return "CAL" in self.status and (volts is None or volts >= THERE_V)

    @property
    def says_low(self) -> bool:
        return bool(self.on_battery) and "LB" in self.status

    @property
    def nothing_behind(self) -> bool:
        """On mains, and no battery would take over."""
        return not self.on_battery and bool(self.status & NOTHING_BEHIND)

    def stale_s(self, now_s: float) -> float | None:
        return None if self.told_s is None else now_s - self.told_s

    @property
    def watts(self) -> float | None:
        if self.last is None or self.last.load_percent is None:
            return None
        return self.last.load_percent / 100 * (self.last.power_nominal_w or self.nominal_w)

    @property
    def charge_percent(self) -> float | None:
        return None if self.last is None else self.last.charge_percent

    def view(self, now_s: float) -> UpsView:
        age_s = self.stale_s(now_s)

        def figure(value: float | None) -> Figure:
            return Figure(value, age_s) if value is not None else Figure()

        last = self.last
        return UpsView(
            name=self.name,
            status=self.status,
            on_battery=self.on_battery,
            calibrates=self.calibrates,
            stale_s=age_s,
            charge_percent=figure(last.charge_percent if last else None),
            runtime_s=figure(last.runtime_s if last else None),
            load_w=figure(self.watts),
            input_v=figure(last.input_v if last else None),
            input_hz=figure(last.input_hz if last else None),
            battery_v=figure(last.battery_v if last else None),
        )


@dataclass
class Supply:
    """The station's supply over time."""

    power: Power
    tracks: Sequence[UpsTrack]
    source: Source = Source.UNKNOWN
    source_since_s: float = 0.0
    mains_since_s: float | None = None
    low: bool = False
    disagree_since_s: float | None = None
    transfers_s: deque[float] = field(default_factory=lambda: deque(maxlen=64))

    def take(self, now_s: float, readings: Readings, genset_on_load: bool) -> None:
        """One round."""
        for track in self.tracks:
            track.take(now_s, readings.upses.get(track.name))
        self._source(now_s, self._find_source(now_s, readings.board, genset_on_load))
        self._steadiness(now_s, readings.board)
        on_battery = {track.on_battery for track in self.tracks if self.fresh(track, now_s)} - {None}
        self.disagree_since_s = None if len(on_battery) < 2 else (now_s if self.disagree_since_s is None else self.disagree_since_s)
        self.low = any(track.says_low for track in self.tracks) or self._silent_on_battery(now_s)

    def _find_source(self, now_s: float, board: BoardStatus | None, genset_on_load: bool) -> Source:
        words = {track.on_battery for track in self.tracks if self.fresh(track, now_s)}
        mains_seen_twice = False in words and board is not None and board.mains_ok
        if True in words or (any(track.on_battery for track in self.tracks) and not mains_seen_twice):
            return Source.BATTERY
        if not words and board is not None and not board.mains_ok and not (genset_on_load or board.genset_running):
            return Source.BATTERY
        if genset_on_load or (board is not None and board.genset_running and not board.mains_ok):
            return Source.GENSET
        if False in words or (board is not None and board.mains_ok):
            return Source.MAINS
        return Source.UNKNOWN

    def fresh(self, track: UpsTrack, now_s: float) -> bool:
        """It told its status a moment ago."""
        age_s = track.stale_s(now_s)
        return age_s is not None and age_s <= max(FRESH_S, FRESH_POLLS * self.power.poll_s)

    @property
    def forced(self) -> bool:
        """Whoever leads a UPS is about to switch it off (FSD); never taken back, so its age does not matter."""
        return any("FSD" in track.status for track in self.tracks)

    def charges(self, track: UpsTrack, now_s: float) -> bool:
        """Mains feed it, as it freshly says, and it does nothing else with its battery."""
        return track.on_battery is False and self.fresh(track, now_s) and not (track.calibrates or track.nothing_behind)

    def overloaded(self, now_s: float) -> bool:
        """A UPS says freshly that it carries too much: it may switch off at any instant."""
        return any("OVER" in track.status and self.fresh(track, now_s) for track in self.tracks)

    def whole(self, now_s: float) -> bool:
        """Every UPS has told something lately; else nobody knows for how long the whole station lasts."""
        ages_s = [track.stale_s(now_s) for track in self.tracks]
        return all(age_s is not None and age_s <= self.power.stale_on_battery_s for age_s in ages_s)

    def watts(self, now_s: float) -> float | None:
        """Total draw; None unless each UPS tells its load freshly: the sum of some is not the station's."""
        known = [track.watts for track in self.tracks if track.watts is not None and self.fresh(track, now_s)]
        return sum(known) if known and len(known) == len(self.tracks) else None

    def unfed(self, now_s: float) -> bool:
        """Every UPS says freshly that it is on battery."""
        return bool(self.tracks) and all(track.on_battery and self.fresh(track, now_s) for track in self.tracks)

    def _source(self, now_s: float, source: Source) -> None:
        if source is self.source:
            return
        if {self.source, source} == {Source.MAINS, Source.BATTERY}:
            self.transfers_s.append(now_s)
        self.source, self.source_since_s = source, now_s

    def _steadiness(self, now_s: float, board: BoardStatus | None) -> None:
        by_board = board is not None and board.mains_ok
        there = by_board if self.source is Source.GENSET else self.source is Source.MAINS
        self.mains_since_s = (now_s if self.mains_since_s is None else self.mains_since_s) if there else None

    def _silent_on_battery(self, now_s: float) -> bool:
        """A UPS that was on battery has told nothing for too long, or the board sees no mains and no UPS talks at all."""
        if self.source is not Source.BATTERY or not self.tracks:
            return False
        silences = [now_s - (track.told_s or 0.0) for track in self.tracks if track.on_battery]
        if silences:
            return max(silences) >= self.power.stale_on_battery_s
        since_s = max([self.source_since_s, *(track.told_s or 0.0 for track in self.tracks)])
        return now_s - since_s >= self.power.stale_on_battery_s

    def mains_steady_s(self, now_s: float) -> float:
        return 0.0 if self.mains_since_s is None else now_s - self.mains_since_s

    def flickers(self, now_s: float) -> bool:
        recent = [at for at in self.transfers_s if now_s - at <= FLICKER_WINDOW_S]
        return len(recent) >= FLICKER_TRANSFERS

    def disagree(self, now_s: float) -> bool:
        return self.disagree_since_s is not None and now_s - self.disagree_since_s >= DISAGREE_S

    def mains_figure(self, now_s: float, name: str) -> Figure:
        """input_v or input_hz of the first UPS that freshly knows it, while the mains feed it; without voltage there is no frequency."""
        if self.source is Source.GENSET:
            return Figure()
        for track in self.tracks:
            if not self.fresh(track, now_s):
                continue
            if name == "input_hz" and track.last and track.last.input_v is not None and track.last.input_v < THERE_V:
                continue
            value = getattr(track.last, name) if track.last else None
            if value is not None:
                return Figure(value, track.stale_s(now_s))
        return Figure()
