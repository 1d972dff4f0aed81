"""The station as a program: the only place that constructs things, and where they are joined.

One event loop, one task for each device, for the procedure, the uplink, power and the page; one thread for the store. What ends one of
them unexpectedly ends the program: systemd starts it again and the store says where to go on.
"""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from edge import health
from edge.beat import BUTTON, Beat
from edge.changes import note_changes
from edge.clock import SystemClock, boot_id, random_bytes
from edge.devices.interfaces import BoardStatus
from edge.devices.presence import PresenceChange
from edge.devices.register import EquipmentRegister
from edge.district_time import DistrictTime
from edge.enrolment.hooks import Gate, Hooks
from edge.enrolment.judging import Judge
from edge.enrolment.keeping import Keeping
from edge.enrolment.session import Session, StationIdentity
from edge.enrolment.slip_printing import slip_maker
from edge.enrolment.state import Enrolment, recapture
from edge.enrolment.taking import Devices
from edge.errors import StationError, StoreError
from edge.fitting import Fitted, fit
from edge.following import Follower
from edge.keys import StationKeys, load_station_keys
from edge.leaving import Leaving
from edge.login import Login
from edge.news import BoardNews, DeviceNews, introduced
from edge.policy import StationPolicy, Taken, goes_first, held_back, retention_days
from edge.power import last_words
from edge.power.manager import Lines, PowerManager
from edge.power.picture import State
from edge.power.resume import came_back
from edge.power.supervisor import Supervisor
from edge.power.watch import FittedUps
from edge.quality.limits import with_overrides
from edge.scrub import Scrub
from edge.store.database import FILE_NAME
from edge.store.errands import StoreErrands
from edge.store.ledger import Ledger
from edge.store.retention import Retention
from edge.store.stick import StickDesk
from edge.store.store import Store
from edge.store.worker import StoreWorker
from edge.tuning import tune
from edge.uplink.uplink import Uplink, receipt_verifier
from edge.web.server import LOOPBACK, PowerAnswers, build_app
from edge.web.serving import PageServer
from edge.web.stick import StickRoutes
from protocols.sealing import RecordSealer
from station_config.load import load_texts
from station_config.schema import StationConfig

SOFTWARE = "0.1.0"
MB = 1024 * 1024
LONGEST_SILENCE_S = {"session": 30.0, "power": 60.0}
"""a part that is silent for longer starves the watchdogs: the session turns once a second, power every 2 s plus its devices' deadlines"""
log = logging.getLogger(__name__)


def run(config: StationConfig) -> int:
    """Run until told to stop; 0 after an orderly stop. Raises StationError with the next step when it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    tune()
    folder = Path(config.station.data_dir)
    last_words.forget(folder)
    try:
        return asyncio.run(_run(config))
    except Exception as error:
        last_words.leave(folder, last_words.of(error))
        raise


async def _run(config: StationConfig) -> int:
    clock = SystemClock(Path(config.clock.rtc), Path(config.clock.network))
    keys = load_station_keys(config.keys, config.station.id)
    worker = await StoreWorker.open(Path(config.station.data_dir) / "store", config.station.reserve_mb * MB)
    try:
        station = await Station.start(config, keys, worker, clock)
        return await station.run()
    except ExceptionGroup as problems:
        expected = _first_expected(problems)
        if expected is None:
            raise
        raise expected from problems
    finally:
        await worker.close()


def _first_expected(problems: ExceptionGroup[Exception]) -> Exception | None:
    """Of all that ended the tasks, the failure that a person can act on; None when there is a programming error among them."""
    expected, others = problems.split(StationError)
    if expected is None or others is not None:
        return None
    first: Exception = expected
    while isinstance(first, ExceptionGroup):
        first = first.exceptions[0]
    return first


class Station:
    """Everything, joined."""

    @classmethod
    async def start(cls, config: StationConfig, keys: StationKeys, worker: StoreWorker, clock: SystemClock) -> "Station":
        """Note the boot in the ledger, then construct. A card too full for that still sends and purges. Raises StoreError."""
        ledger = Ledger(worker.store, keys.signer, config.station.id, clock, boot_id(Path(config.clock.boot_id)))
        policy = StationPolicy(worker.store, ledger, config.station.id, keys.district_key)
        boots = await worker.call(Store.setting, "boots")
        boot = int(boots or b"0") + 1
        try:
            await worker.call(Store.set_setting, "boots", b"%d" % boot)
            await worker.run(partial(ledger.event, "boot", {"count": boot, "software": SOFTWARE}))
            await worker.run(ledger.report_damage)
            await worker.run(partial(note_changes, worker.store, ledger, config))
        except StoreError as error:
            log.error("the boot could not be noted: %s", error)
        with suppress(StoreError):  # what holds is read first; only what was not understood before may need room
            await worker.run(policy.load)
        memory = await worker.call(Store.setting, "power"), await worker.call(Store.setting, "power_seen")
        return cls(config, keys, worker, clock, ledger, policy, boot, memory)

    def __init__(
        self, config: StationConfig, keys: StationKeys, worker: StoreWorker, clock: SystemClock, ledger: Ledger, policy: StationPolicy, boot: int,
        power_memory: tuple[bytes | None, bytes | None],
    ) -> None:
        self._config, self._keys, self._worker, self._clock, self._ledger = config, keys, worker, clock, ledger
        self._policy, self._boot, self._started_s = policy, boot, clock.monotonic_s()
        self._boot_id = boot_id(Path(config.clock.boot_id))
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._code = 0
        self._errands = StoreErrands(worker, self._wake)
        self._news = DeviceNews(clock)
        self._texts = load_texts()
        self._register = EquipmentRegister(Path(config.station.data_dir) / "equipment.json", clock)
        self._supervisor = Supervisor(clock, LONGEST_SILENCE_S, hangs=self._note_silence)
        self._board_news = BoardNews()
        self._fitted = fit(config.devices, clock, self._on_change, self._on_board)
        gpio = config.devices.gpio
        self._beat = Beat(self._fitted.board, self._fitted.gpio, gpio is not None and BUTTON in gpio.inputs, lambda: self._supervisor.healthy, clock)
        self._power = self._power_manager(*power_memory)
        self._scrub = Scrub(worker, ledger, config.station.id, clock, self._store_file(), lambda: self._session.snapshot()["phase"] == "enrolling", self._wake)
        self._session = self._make_session()
        self._leaving = Leaving(self._power, config.power, self._fitted, self._session.changes, self._errands.all_written, clock)
        self._follower = Follower(self._power, self._fitted.gpio, gpio.outputs if gpio else {}, self._register.captured, clock)
        district_time = DistrictTime(worker.store, receipt_verifier(keys.district_key), clock, self._boot_id)
        self._uplink = Uplink(
            worker, config.broker, config.station.id, district_time.verify, clock, self._health, boot, self._session.poke,
            lambda sequence: self._errands.later(partial(self._scrub.report, sequence)), lambda: self._power.picture().permissions.sending,
            self._take_policy,
        )
        self._stick = self._stick_routes()
        page = build_app(self._session, self._texts, LOOPBACK, PowerAnswers(self._power.report, self._power.csv), self._stick.routes())
        self._server = PageServer(page, config.station.page_host, config.station.page_port)
        self._retention = Retention(worker, clock, lambda: retention_days(policy.policy, config.station.retention_days))

    async def run(self) -> int:
        """Until SIGTERM, SIGINT or an orderly stop; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        async with asyncio.TaskGroup() as group:
            self._tasks = {name: group.create_task(work, name=name) for name, work in self._works()}
            await self._stop.wait()
            self._session.end()
            self._server.should_exit = True
            for name, task in self._tasks.items():
                if name != "page":
                    task.cancel()
        return 1 if self._server.failed else self._code

    def _works(self) -> list[tuple[str, Coroutine[Any, Any, Any]]]:
        """The page ends by itself, the others are cancelled."""
        devices = [(presence.name, presence.run()) for presence in self._fitted.all()]
        own = [
            ("session", self._session.run()), ("uplink", self._uplink.run()), ("power", self._power.run()), ("ledger", self._errands.run()),
            ("follower", self._follower.run(self._session.changes())), ("register", self._register.run()), ("watchdog", self._supervisor.run()),
            ("scrub", self._scrub.run()),
        ]
        return [("page", self._serve()), ("stop", self._leave()), *own, ("purge", self._retention.run()), ("beat", self._beat.run()), *devices]

    # --- what is constructed

    def _make_session(self) -> Session:
        config, station = self._config, self._config.station
        keeping = Keeping(
            self._worker, self._ledger,
            lambda record_id: RecordSealer(record_id, station.id, self._keys.audiences, random_bytes), random_bytes, self._goes_first,
        )
        return Session(
            StationIdentity(station.id, station.name, station.place, station.language, station.screen_ppi), _devices(self._fitted),
            Judge(with_overrides(config.quality.limits)), keeping, Login(self._roster(), station.id, self._keys.district_key).open,
            slip_maker(config.devices.printer), self._texts, self._clock, self._hooks(), config.capture.automatic,
        )

    def _store_file(self) -> Path:
        return Path(self._config.station.data_dir) / "store" / FILE_NAME

    def _roster(self) -> Path | None:
        return Path(self._config.keys.roster) if self._config.keys.roster else None

    def _stick_routes(self) -> StickRoutes:
        desk = StickDesk(self._worker.store, self._ledger, self._config.station.id, self._keys.district_key, self._roster(), self._take_policy)
        return StickRoutes(desk, self._worker.run, self._after_stick, self._clock)

    def _after_stick(self) -> None:
        self._uplink.wake()
        self._session.poke()

    def _hooks(self) -> Hooks:
        power = self._power
        return Hooks(
            self._gate, self._power_for_page, self._link, self._wake, lambda: power.ask_stop("stop_button"), power.genset_by_hand,
            genset_fitted=power.watch.genset is not None, waiting=power.people_wait, came_back=self._came_back,
            genset_refusal=power.genset_refusal, unreadable=lambda: self._scrub.unreadable, stick=lambda: self._stick.notice(),
        )

    def _came_back(self) -> tuple[str, dict[str, str]]:
        """Asked again and again: the district may tell the time later than the start."""
        started_wall_s = self._clock.wall_s() - (self._clock.monotonic_s() - self._started_s)
        return came_back(self._power.watch.away, started_wall_s, self._clock.trust())

    def _power_manager(self, memory: bytes | None, seen: bytes | None) -> PowerManager:
        upses = [
            (FittedUps(section.name, section.capacity_wh, section.nominal_w), presence)
            for section, presence in zip(self._config.devices.ups, self._fitted.upses, strict=True)
        ]
        lines = Lines(
            save=self._keep_power, seen=self._keep_seen, button=lambda: self._beat.button, progress=lambda: self._supervisor.progress("power"),
            changed=lambda: self._uplink.tell_health(), sending=lambda: self._uplink.sends(),
        )
        return PowerManager(
            upses, self._fitted.genset, self._fitted.board, self._clock, self._config.power, self._note, lambda why: self._leaving.because(why),
            lines=lines, boot=self._boot_id.hex(), memory=memory, seen_s=float(seen) if seen else None,
        )

    # --- what they ask of each other

    def _gate(self) -> Gate:
        picture = self._power.picture()
        reason = "" if picture.permissions.next_person else "power_no_next"
        reason = reason or held_back(self._policy.policy, self._uplink.status().connected, self._session.waiting)
        return Gate(next_person=not reason, reason=reason, stopping=picture.state is State.STOPPING)

    def _goes_first(self, enrolment: Enrolment) -> bool:
        progress, person = enrolment.progress, enrolment.person
        return goes_first(
            self._policy.policy, exception=bool(progress.exceptions), recapture=recapture(enrolment),
            occupation=person.occupation if person else "", letter=person.letter if person else "",
        )

    def _power_for_page(self) -> dict[str, Any]:
        """Asked by the session's loop at each turn, which is its sign of life."""
        self._supervisor.progress("session")
        return self._power.picture().for_page()

    def _link(self) -> dict[str, Any]:
        policy, status = self._policy.policy, self._uplink.status()
        rules = {"policy": policy.sequence if policy else 0, "online_only": bool(policy and policy.online_only)}
        return {"connected": status.connected, "sending": status.sending, "dates": status.dates, **rules}

    def _wake(self) -> None:
        self._uplink.wake()

    def _take_policy(self, signed: bytes) -> Taken:
        """In the store's thread. What is new holds from the next look at the gate on; its time is a floor for the clock."""
        taken = self._policy.take(signed)
        log.log(logging.DEBUG if taken == "unchanged" else logging.INFO, "policy of the district: %s", taken)
        policy = self._policy.policy
        if taken == "new" and policy is not None:
            self._clock.district_says(policy.wall_s)
        return taken

    def _health(self) -> dict[str, object]:
        up_s = self._clock.monotonic_s() - self._started_s
        picture = self._power.picture().for_page()
        policy = self._policy.policy.sequence if self._policy.policy else 0
        station, days = self._config.station.id, self._power.watch.report.for_health()
        return health.document(station, self._boot, up_s, self._clock.wall_s(), self._clock.trust(), SOFTWARE, self._session.snapshot(), picture, days, policy)

    def _on_change(self, change: PresenceChange) -> None:
        """A device came or went: the page shows it at once, the district learns it as a ledger event."""
        if self._register.on_change(change):
            self._note("equipment", introduced(change))
        if self._news.shown(change):
            self._session.poke()
        if (news := self._news.event(change)) is not None:
            self._note(*news)

    def _on_board(self, status: BoardStatus) -> None:
        """What the board found out about itself and its box."""
        new, mended = self._board_news.heard(status)
        for error in new:
            self._register.reported("board", error)
            self._note("fault", {"device": "board", "code": error.code})
        if mended:
            self._note("repaired", {"device": "board", "code": "ready"})

    def _note(self, name: str, detail: dict[str, Any]) -> None:
        """A ledger event, written as soon as the store's thread is free."""
        self._errands.later(partial(self._ledger.event, name, detail))

    def _keep_power(self, memory: bytes) -> None:
        self._errands.later(partial(self._worker.store.set_setting, "power", memory))

    def _keep_seen(self, wall_s: float) -> None:
        self._errands.later(partial(self._worker.store.set_setting, "power_seen", b"%d" % wall_s))

    async def _leave(self) -> None:
        self._code = await self._leaving.run(lambda: self._tasks)
        self._stop.set()

    def _note_silence(self, parts: tuple[str, ...]) -> None:
        """For the safe-mode page: the watchdog may end this life soon."""
        folder = Path(self._config.station.data_dir)
        if parts:
            last_words.leave(folder, last_words.LastWords("watchdog", ", ".join(parts)))
        else:
            last_words.forget(folder)

    async def _serve(self) -> None:
        await self._server.serve()
        self._stop.set()


def _devices(fitted: Fitted) -> Devices:
    """What the procedure drives, and what the page only shows."""
    shown = (fitted.board, fitted.gpio, fitted.genset, *fitted.upses)
    return Devices(
        camera=fitted.camera, fingerprint=fitted.fingerprint, tablet=fitted.tablet, iris=fitted.iris, printer=fitted.printer,
        others=tuple(presence for presence in shown if presence is not None),
    )
