"""The desk of `bench power`: people, their steps in virtual time, and what the station's real store keeps of them.

Each enrolment is begun, noted after each step and recorded through `edge.store.Store`, in a folder in RAM; after a stop or a dark the
store is opened anew and the person goes on with what it holds. Modelled, not real: the parts' bytes, sealing and signing, and the cut
itself (the store is closed; what a disk forgets when its power fails is `crash store`'s work).
"""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

from edge.store.store import Store

STEPS: tuple[tuple[str, float, str], ...] = (
    ("letter", 20, "idle"), ("data", 45, "idle"), ("face", 25, "preview"), ("signature", 25, "preview"), ("fingers", 75, "capture"),
    ("irises", 25, "capture"), ("check", 10, "capture"), ("review", 10, "idle"), ("slip", 5, "print"),
)  # fmt: skip
"""step, mean seconds, what it draws like; 240 s together"""
WATTS = {"idle": 130.0, "preview": 150.0, "capture": 165.0, "print": 200.0, "off": 12.0}
"""one set with screen, lamps, scanner, router"""
Steps = list[tuple[float, str]]
"""(seconds, activity) of the steps to come"""


class Journal:
    """One station's store, and what its desk was told was saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = Store.open(folder, 0)
        self._begun = 0
        self._record_id = b""
        self._recorded: list[bytes] = []

    def begin(self, left: Steps) -> None:
        self._begun += 1
        self._record_id = self._begun.to_bytes(16, "big")
        self._store.begin(self._record_id, self._begun, _told(left), b"keys")

    def step(self, left: Steps) -> None:
        self._store.save_progress(self._record_id, _told(left))

    def record(self) -> None:
        sequence, envelope, digest = self._next()
        self._store.commit_record(self._record_id, envelope, sequence, digest, False, _told([]))
        self._store.end_enrolment()
        self._recorded.append(self._record_id)

    def abandon(self) -> None:
        """The person went home."""
        sequence, envelope, digest = self._next()
        self._store.abandon(self._record_id, envelope, sequence, digest)

    def resume(self) -> Steps | None:
        """A new life: the open enrolment's steps to come; None when the store knows of none."""
        self._store.close()
        self._store = Store.open(self._folder, 0)
        found = self._store.open_enrolment()
        return None if found is None else [(seconds, activity) for seconds, activity in json.loads(found.progress)]

    def close(self) -> int:
        """How many records that the desk was told were saved are not there after one more start."""
        self.resume()
        stored = {self._store.record_of(sequence) for sequence in range(1, self._store.head().sequence + 1)}
        self._store.close()
        return sum(record_id not in stored for record_id in self._recorded)

    def _next(self) -> tuple[int, bytes, bytes]:
        """Number, envelope, hash of the entry to come."""
        sequence = self._store.head().sequence + 1
        envelope = b"entry %d" % sequence
        return sequence, envelope, hashlib.sha256(envelope).digest()


def _told(left: Steps) -> bytes:
    return json.dumps(left).encode()


@dataclass
class Person:
    """Somebody at the desk."""

    left: Steps
    doing_s: float | None = None
    """what is left of the step under way"""
    busy_s: float = 0.0
    in_vain: bool = False


@dataclass
class Desk:
    """The procedure as a consumer of time."""

    rng: random.Random
    per_day: int
    journal: Journal | None = None
    waiting: int = 0
    person: Person | None = None
    begun: int = 0
    done: int = 0
    unfinished: int = 0
    """went home at closing with the enrolment open: it could be resumed, and the person has to come again"""
    in_vain: int = 0
    """enrolments with a step that was started and could not be finished: it went dark unplanned in the middle of it"""
    begun_short: int = 0
    """although the battery did not hold enough for them and the reserve"""
    interrupted: int = 0
    """times that somebody at the desk had to wait for power"""
    steps_stopped: int = 0
    """steps under way when the station was shut down in good order: begun again"""
    lost: int = 0
    """records that were shown as saved, enrolments and steps that were noted, and that the store does not have"""

    def books(self) -> Journal:
        assert self.journal is not None
        return self.journal

    def open(self) -> None:
        self.waiting = self.per_day

    def close(self) -> None:
        self.waiting = 0
        if self.person is not None:
            self.unfinished += 1
            self.person = None
            self.books().abandon()

    def end(self) -> None:
        """The last day is over: what is in the store?"""
        self.lost += self.books().close()

    @property
    def activity(self) -> str:
        if self.person is None or not self.person.left:
            return "idle"
        return self.person.left[0][1] if self.person.doing_s is not None else "idle"

    @property
    def step_left_s(self) -> float:
        """Until the step under way, or the one to come, ends."""
        if self.person is None:
            return STEPS[0][1] if self.waiting else 60.0
        return self.person.left[0][0] if self.person.doing_s is None else self.person.doing_s

    def work(self, dt_s: float, next_step: bool) -> float | None:
        """One stretch with the person at the desk; returns the seconds of an enrolment that ended in it."""
        person = self.person
        if person is None:
            return None
        if person.doing_s is None:
            if not next_step:
                return None
            person.doing_s = max(1.0, person.left[0][0])
        person.busy_s += dt_s
        person.doing_s -= dt_s
        return self._step_ended(person) if person.doing_s <= 0 else None

    def next_person(self) -> Person | None:
        """The next one who waits, if the desk is free; None otherwise."""
        if self.person is not None or not self.waiting:
            return None
        self.waiting -= 1
        self.begun += 1
        self.person = Person([(self.rng.gauss(mean, mean / 5), activity) for _, mean, activity in STEPS])
        self.books().begin(self.person.left)
        return self.person

    def _step_ended(self, person: Person) -> float | None:
        person.left.pop(0)
        person.doing_s = None
        if person.left:
            self.books().step(person.left)
            return None
        self.books().record()
        self.person = None
        self.done += 1
        return person.busy_s

    def cut(self, *, unplanned: bool) -> None:
        """Dark, or shut down: the step under way is done again, with the rest as the store has it."""
        kept, person = self.books().resume(), self.person
        if person is None:
            return
        self.interrupted += 1
        if person.doing_s is not None:
            self.steps_stopped += not unplanned
            if unplanned:
                self._in_vain(person)
        if kept is None:
            self.lost += 1
            self.person = None
        else:
            self.lost += max(0, len(kept) - len(person.left))
            person.left, person.doing_s = kept, None

    def _in_vain(self, person: Person) -> None:
        self.in_vain += not person.in_vain
        person.in_vain = True
