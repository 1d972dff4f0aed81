"""The only loop: takes events in, steps the machine, has its commands carried out and feeds what happened back as events.

Never decides. Captures, judging, sealing and committing overlap; the machine says what may. The process may be killed at any instant:
what the store holds is the truth, and `run` begins by asking it.
"""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from edge.clock import Clock, local_day_minute
from edge.devices.interfaces import PenSample
from edge.enrolment import events as ev
from edge.enrolment import snapshot
from edge.enrolment.errands import Desk, Errands, OpenRosterFile
from edge.enrolment.handling import refuse
from edge.enrolment.hooks import Gate, Hooks, Json
from edge.enrolment.keeping import Keeping
from edge.enrolment.live import Live
from edge.enrolment.machine import step
from edge.enrolment.opinion import Judging
from edge.enrolment.procedure import Target
from edge.enrolment.slip import Slip, SlipMaker, Texts, slip_of
from edge.enrolment.snapshot import Surroundings
from edge.enrolment.state import Enrolment, State
from edge.enrolment.taking import Devices, Taker
from edge.errors import RefusedEvent, StoreError, StoreFull
from edge.store.ledger import register_number

LOOK_S = 1.0
"""between two looks at queue, disk and power"""
WAITING_MAX = 64
"""touches that wait to be taken; a page cannot fill the memory"""
PROGRESS_STEPS = 20
"""how finely a transfer is shown: each step is a snapshot to every page"""
DECIDING = ("phase", "step", "target", "retake", "primary")
"""what an operator decides on: when it changes, a touch on the old screen no longer counts. What else is offered comes and goes with what
is still being saved, and is checked by itself"""


@dataclass(frozen=True, slots=True)
class StationIdentity:
    """Which station this is."""

    id: str
    name: str
    place: str = ""
    language: str = "id"
    screen_ppi: float = 0


class Session:
    """One desk."""

    def __init__(
        self,
        identity: StationIdentity,
        devices: Devices,
        judging: Judging,
        keeping: Keeping,
        open_roster: OpenRosterFile,
        make_slip: SlipMaker,
        texts: Texts,
        clock: Clock,
        hooks: Hooks | None = None,
        automatic: bool = False,
    ) -> None:
        """automatic: face and eyes are taken without a touch once the live picture is good."""
        hooks = hooks or Hooks()
        fitted = frozenset(devices.by_name()) | ({"genset"} if hooks.genset_fitted else frozenset())
        self.state = State(language=identity.language, fitted=fitted, automatic=automatic)
        self.version = 0
        self._identity, self._devices, self._keeping, self._texts, self._clock = identity, devices, keeping, texts, clock
        self._hooks = hooks
        self._taker = Taker(devices, clock)
        desk = Desk(self._enrolment, self._tell, self._on_progress, self._slip, self._power_source, hooks.wake, hooks.genset, hooks.stop, hooks.waiting)
        self._errands = Errands(devices, self._taker, judging, keeping, open_roster, make_slip, desk)
        self._live = Live(self._taker, clock, self._errands.aim, lambda: self.state.enrolment, self._tell)
        self._inbox: asyncio.Queue[tuple[ev.Event, asyncio.Future[int] | None]] = asyncio.Queue()
        self._capture: asyncio.Task[None] | None = None
        self._capture_progress: float | None = None
        self._queue: Json = {"saved": 0, "waiting": 0, "received": 0, "refused": 0}
        self._body: Json = {}
        self._decided_at = 0
        self._changed = asyncio.Event()
        self._ended = self._over = False

    # --- for the page and the rest of the station ---

    @property
    def waiting(self) -> int:
        """Records without a receipt, at the last look."""
        return int(self._queue["waiting"])

    async def post(self, event: ev.OperatorEvent) -> int:
        """Take a touch; returns the version of the snapshot that shows its effect. Raises RefusedEvent."""
        if self._over or self._inbox.qsize() >= WAITING_MAX:
            raise refuse("too_late", "the session is over" if self._over else "too many touches at once")
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._inbox.put_nowait((event, answer))
        return await answer

    def snapshot(self) -> Json:
        """What the page shows now."""
        return {"version": self.version, **self._body}

    async def changes(self) -> AsyncGenerator[Json, None]:
        """The snapshot now and after each change, until `end`; one that comes too fast for the reader is skipped."""
        seen = -1
        while not self._ended:
            changed = self._changed
            if self.version != seen and self._body:
                seen = self.version
                yield self.snapshot()
            else:
                await changed.wait()

    def end(self) -> None:
        """No more snapshots: whoever follows them comes to an end."""
        self._ended = True
        self._changed.set()

    def poke(self) -> None:
        """Something around the station changed: show it."""
        self._publish()

    async def preview(self, source: str) -> bytes:
        """A JPEG of what `camera` or `iris` sees. Raises DeviceError."""
        return await self._live.picture(source)

    def pen(self, start: int) -> list[PenSample]:
        """The running signature from its sample number `start` on; nothing of the one before."""
        enrolment = self.state.enrolment
        signing = enrolment is not None and enrolment.capture == Target("signature")
        return self._taker.pen.samples[start:] if signing else []

    @property
    def photo(self) -> bytes | None:
        """Small JPEG of the person at the desk."""
        return self._errands.photo

    # --- the loop ---

    async def run(self) -> None:
        """Resume what a power cut left, then take events until cancelled. Raises StoreError when the store cannot be read."""
        try:
            async with asyncio.TaskGroup() as group:
                await self._resume()
                group.create_task(self._look_around())
                while True:
                    event, answer = await self._inbox.get()
                    self._take(event, answer, group)
        finally:
            self._refuse_the_rest()
            await self._live.close()
            await self._errands.close()

    def _refuse_the_rest(self) -> None:
        """Nobody waits for an answer that cannot come any more."""
        self._over = True
        while not self._inbox.empty():
            _, answer = self._inbox.get_nowait()
            if answer is not None and not answer.done():
                answer.set_exception(refuse("too_late", "the session is over"))

    async def _resume(self) -> None:
        found = await self._keeping.resume()
        if found is not None:
            saved = tuple(Target(part.kind, part.position) for part in found.parts)
            resumed = ev.Resumed(found.record_id, found.ticket, found.progress, saved, found.committed or 0)
            self.state, _ = step(self.state, resumed, self._now_ms())
        await self._look()

    def _take(self, event: ev.Event, answer: "asyncio.Future[int] | None", group: asyncio.TaskGroup) -> None:
        try:
            self._check_version(event)
            self._check_genset(event)
            self.state, commands = step(self.state, event, self._now_ms())
        except RefusedEvent as refusal:
            assert answer is not None, f"the machine refused what happened: {event}"
            if not answer.done():
                answer.set_exception(refusal)
            return
        for command in commands:
            self._carry_out(command, group)
        if self.state.enrolment is None:
            self._live.forget()
        if isinstance(event, ev.RecordClosed | ev.Abandoned):
            group.create_task(self._look())
        self._publish()
        if answer is not None and not answer.done():
            answer.set_result(self.version)

    def _check_version(self, event: ev.Event) -> None:
        if isinstance(event, ev.OperatorEvent) and event.version is not None and not self._decided_at <= event.version <= self.version:
            raise refuse("too_late", "the screen has moved on since")

    def _check_genset(self, event: ev.Event) -> None:
        if isinstance(event, ev.Genset) and (code := self._hooks.genset_refusal(event.act)):
            raise refuse(code, f"the genset cannot do {event.act} now")

    def _carry_out(self, command: ev.Command, group: asyncio.TaskGroup) -> None:
        if isinstance(command, ev.StopCapture):
            if self._capture is not None:
                self._capture.cancel()
            return
        task = group.create_task(self._do(command), name=type(command).__name__)
        if isinstance(command, ev.StartCapture):
            self._capture, self._capture_progress = task, None

    async def _do(self, command: ev.Command) -> None:
        happened = await self._errands.do(command)
        if happened is not None:
            self._tell(happened)

    def _tell(self, happened: ev.Happening) -> None:
        self._inbox.put_nowait((happened, None))

    def _now_ms(self) -> int:
        return int(self._clock.monotonic_s() * 1000)

    # --- what surrounds the procedure ---

    async def _look_around(self) -> None:
        while True:
            await self._clock.sleep_s(LOOK_S)
            await self._look()

    async def _look(self) -> None:
        await self._count()
        self._publish()

    async def _count(self) -> None:
        """Queue and room on the disk; when the store cannot tell, the last figures stand and nobody begins."""
        gate, left = self._hooks.gate(), self.state.conditions.enrolments_left
        try:
            self._queue, left = await self._keeping.figures()
        except StoreFull:
            left = 0
        except StoreError as error:
            gate = Gate(next_person=False, reason=error.code, stopping=gate.stopping)
        conditions = ev.Conditions(gate.next_person, gate.reason, gate.stopping, left)
        if conditions != self.state.conditions:
            self._tell(conditions)

    def _on_progress(self, share: float) -> None:
        rounded = round(share * PROGRESS_STEPS) / PROGRESS_STEPS
        if rounded != self._capture_progress:
            self._capture_progress = rounded
            self._publish()

    def _publish(self) -> None:
        """Give the snapshot a new version when it changed."""
        body = snapshot.build(self.state, self._surroundings())
        if body == self._body:
            return
        self.version += 1
        if any(body[name] != self._body.get(name) for name in DECIDING):
            self._decided_at = self.version
        self._body = body
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            station_id=self._identity.id,
            station_name=self._identity.name,
            screen_ppi=self._identity.screen_ppi,
            devices={name: (presence.state, presence.code) for name, presence in self._devices.by_name().items()},
            power=self._hooks.power(),
            link=self._hooks.link(),
            queue=self._queue,
            capture_progress=self._capture_progress,
            photo=self._errands.photo is not None,
            came_back=self._hooks.came_back(),
            unreadable=self._hooks.unreadable(),
            stick=self._hooks.stick(),
        )

    def _enrolment(self) -> Enrolment:
        assert self.state.enrolment is not None
        return self.state.enrolment

    def _power_source(self) -> str:
        return str(self._hooks.power().get("source", "unknown"))

    def _slip(self, enrolment: Enrolment) -> Slip:
        register = register_number(self._identity.id, enrolment.progress.sequence)
        texts = self._texts[self.state.language]
        return slip_of(enrolment, register, self._identity.place or self._identity.name, _worded(self._clock.wall_s()), self._clock.trust() != "none", texts)


def _worded(wall_s: float) -> str:
    """Local date and time as written in Indonesia: 17-05-2026 14.02."""
    date, minute = local_day_minute(wall_s)
    year, month, day = date.split("-")
    return f"{day}-{month}-{year} {minute // 60:02d}.{minute % 60:02d}"
