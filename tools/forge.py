"""`./rekam crash forge`: attack the district's door and the station's, with everything but the right private key.

The attacker has all that ever crossed the link, keys of its own, the key of another certified station, and the key of another district. It
aims at outstanding entries: those the district still waits for, those a receipt is still missing for. The doors are the shipped code:
`district.store` on a real folder, `edge.uplink.carrier` on a real station store. Anything let in that its owner did not make is counted.
"""

import argparse
import hashlib
import json
import logging
import os
import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from rich.progress import track

from district.clock import SystemClock
from district.store import DistrictStore
from edge.store.store import Store
from edge.store.values import SealedPart
from edge.uplink.carrier import Carrier, Disputed, receipt_verifier
from protocols.custody.receiver import Accepted
from protocols.record import Audience, encode_keys
from protocols.sealing import SoftwareSigner, generate_audience, kid_of
from simulators.signing_station import SigningStation, seeded_key
from tools.amounts import whole
from tools.forge_attacks import ON_ENTRIES, ON_RECEIPTS, Field

EXAMPLE = "./rekam crash forge --count 1000000 --seed 1 --json forge.json"
BATCH = 5_000
"""attacks on one pair of stores; a fresh pair follows"""
ENTRIES = 8
CONTENT_SHARE = 0.01
"""altered content costs a flush each"""


class Certified:
    """The district's certificates, as a table."""

    def __init__(self, keys: Mapping[str, ec.EllipticCurvePublicKey]) -> None:
        self._keys = keys

    def known(self, station: str) -> bool:
        return station in self._keys

    def key(self, station: str, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        key = self._keys[station]
        return key if kid_of(key) == kid else None


class Doors:
    """The district's and the station's shipped code on real folders, with genuine entries outstanding at both."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.field = field = _make_field(rng)
        keys = {station.name: station.key.public_key() for station in (field.victim, field.neighbour)}
        self.district = DistrictStore.open(folder / "district", Certified(keys), field.district, "poso", SystemClock())
        self.station = Store.open(folder / "station", 0)
        key = field.district.public_key
        self._carrier = Carrier(self.station, field.victim.name, receipt_verifier(lambda kid: key if kid == field.district.kid else None))
        self._fill()

    def close(self) -> None:
        self.district.close()
        self.station.close()

    def entry(self, data: bytes) -> bool:
        """True: let in."""
        return isinstance(self.district.accept_entry(self.field.victim.name, data), Accepted)

    def receipt(self, data: bytes) -> bool:
        """True: let in."""
        try:
            return self._carrier.receipt(data) is not None
        except Disputed:
            return False

    def content(self) -> bool:
        """Everything of a record that the district waits for, always the same part altered. True: let in."""
        number = self.field.rng.randrange(ENTRIES // 2)
        name, made = self.field.victim.name, self.field.made[number]
        wrong = number % len(made.parts)
        for index, part in enumerate(made.parts):
            data = bytearray(part)
            data[self.field.rng.randrange(len(part))] ^= self.field.rng.randrange(1, 256) if index == wrong else 0
            self.district.write_chunk(name, made.record_id, index, 0, bytes(data))
        self.district.flush()
        return self.district.complete(name, made.record_id) is not None

    def strangers(self) -> int:
        """What the stores hold at the end that the victim and the neighbour did not make, or that nobody confirmed."""
        genuine = {made.digest for made in self.field.made} | {hashlib.sha256(entry).digest() for entry in self.field.foreign}
        held = {row[0] for row in self.district.connection.execute("SELECT hash FROM entries")}
        counts = self.station.counts()
        return len(held - genuine) + counts.received + counts.refused

    def _fill(self) -> None:
        field = self.field
        for entry in field.foreign:
            self.district.accept_entry(field.neighbour.name, entry)
        for made in field.made[: ENTRIES // 2]:
            self.district.accept_entry(field.victim.name, made.envelope)
        self.district.flush()
        field.receipts = [receipt for number in range(1, ENTRIES + 1) if (receipt := self.district.receipt(field.neighbour.name, number))]
        for made in field.made:
            self.station.begin(made.record_id, 1, b"", encode_keys(made.manifest.keys[0]))
            for part, sealed in zip(made.manifest.parts, made.parts, strict=True):
                self.station.commit_part(made.record_id, SealedPart(part.kind, part.position, part.media_type, sealed, 0, {}), b"")
            self.station.commit_record(made.record_id, made.envelope, made.manifest.header.sequence, made.digest, False, b"")
            self.station.end_enrolment()


def _make_field(rng: random.Random) -> Field:
    audiences: Mapping[Audience, bytes] = {"intake": generate_audience()[1], "vault": generate_audience()[1]}
    victim, neighbour = (SigningStation(name, seeded_key(rng), audiences, rng.randbytes) for name in ("s-1", "s-2"))
    district, other, outsider = (SoftwareSigner(seeded_key(rng)) for _ in range(3))
    made, foreign = [victim.record() for _ in range(ENTRIES)], [neighbour.event() for _ in range(ENTRIES)]
    return Field(rng, victim, neighbour, district, other, outsider, made, foreign, [])


def attack(count: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """`count` attacks on one pair of stores: how many of each kind, and how many of each got in."""
    rng = random.Random(f"forge/{seed}")
    tried: Counter[str] = Counter()
    let_in: Counter[str] = Counter()
    quiet = logging.getLogger("edge.uplink.carrier")
    level = quiet.level
    quiet.setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="rekam-forge-") as folder:
        doors = Doors(Path(folder), rng)
        for _ in range(count):
            name, success = _one(doors, rng)
            tried[name] += 1
            let_in[name] += success
        let_in["left behind"] += doors.strangers()
        doors.close()
    quiet.setLevel(level)
    return tried, +let_in


def _one(doors: Doors, rng: random.Random) -> tuple[str, bool]:
    draw = rng.random()
    if draw < CONTENT_SHARE:
        return "content: altered", doors.content()
    if draw < 0.5:
        name = rng.choice(list(ON_ENTRIES))
        return f"entry: {name}", doors.entry(ON_ENTRIES[name](doors.field))
    name = rng.choice(list(ON_RECEIPTS))
    return f"receipt: {name}", doors.receipt(ON_RECEIPTS[name](doors.field))


def forge(count: int, seed: int, progress: bool = False) -> dict[str, Any]:
    """All attacks, in batches over the machine's processors; the JSON document, names are a contract."""
    started = time.monotonic()
    batches = [(min(BATCH, count - first), seed * 1_000_000 + first // BATCH) for first in range(0, count, BATCH)]
    tried: Counter[str] = Counter()
    let_in: Counter[str] = Counter()
    with ProcessPoolExecutor(min(len(batches), os.cpu_count() or 1)) as pool:
        results = pool.map(attack, *zip(*batches, strict=True))
        for one, got_in in track(results, "forging", total=len(batches), disable=not progress):
            tried += one
            let_in += got_in
    return {
        "attacks": tried.total(), "accepted": let_in.total(), "seed": seed, "seconds": round(time.monotonic() - started, 1),
        "by_kind": dict(sorted(tried.items())), "let_in": dict(let_in),
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=whole(1, 100_000_000), default=20_000, help="attacks (default 20000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same choices (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")


def run(arguments: argparse.Namespace) -> int:
    """0 only if nothing got in."""
    result = forge(arguments.count, arguments.seed, progress=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    kinds = len(result["by_kind"])
    print(f"{result['attacks']} forged, altered, foreign and replayed documents of {kinds} kinds in {result['seconds']} s: {result['accepted']} accepted.")
    for name, times in result["let_in"].items():
        print(f"  LET IN {times} times: {name}")
    return 0 if result["accepted"] == 0 else 1
