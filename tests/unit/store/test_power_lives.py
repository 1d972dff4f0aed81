"""A power line that never holds: one person takes many power lives, and the record still closes, verifies and opens."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from edge.clock import random_bytes
from edge.store.ledger import Ledger
from edge.store.store import Store
from edge.store.values import SealedPart
from protocols.record import Manifest, PartKind, encode_keys
from protocols.sealing import RecordSealer, SoftwareSigner, audience_of, open_entry, open_part
from tests.records import INTAKE, VAULT
from tests.unit.store.stored import RECORD, STATION, StillClock, draft

LIVES = 40
PLACES: tuple[tuple[PartKind, int], ...] = (
    ("population", 0), ("face", 0), ("signature", 0), *(("finger", n) for n in range(1, 11)), ("iris", 1), ("iris", 2), ("exception_photo", 0),
    *(("finger", n) for n in (2, 3, 4, 5)),
)
"""one in every second life; the last four are retakes"""


def new_sealer() -> RecordSealer:
    return RecordSealer(RECORD, STATION, {"intake": INTAKE[1], "vault": VAULT[1]}, random_bytes)


def content(kind: PartKind, position: int, life: int) -> bytes:
    return f"{kind} {position} of life {life}".encode()


def live(folder: Path, number: int) -> None:
    """One power life: new keys, and in every second one a part."""
    store = Store.open(folder, 0)
    sealer = new_sealer()
    if number == 0:
        store.begin(RECORD, 7, b"p", encode_keys(sealer.wrapped))
    else:
        sealer.key_epoch = store.add_key_epoch(RECORD, encode_keys(sealer.wrapped))
    if number % 2:
        kind, position = PLACES[number // 2]
        sealed = sealer.seal_part(kind, position, content(kind, position, number))
        store.commit_part(RECORD, SealedPart(kind, position, "image/png", sealed, sealer.key_epoch), b"p")
    store.close()


def test_a_person_with_forty_power_lives_is_finished_and_every_part_opens(tmp_path: Path) -> None:
    for number in range(LIVES):
        live(tmp_path, number)
    key = ec.generate_private_key(ec.SECP256R1())
    store = Store.open(tmp_path, 0)
    _, envelope = Ledger(store, SoftwareSigner(key), STATION, StillClock(), bytes(16)).close_record(draft())
    found = open_entry(envelope, lambda _: key.public_key())
    assert isinstance(found, Manifest)
    last_life = {place: 2 * number + 1 for number, place in enumerate(PLACES)}
    assert {(part.kind, part.position) for part in found.parts} == set(last_life)
    for index, part in enumerate(found.parts):
        private = INTAKE[0] if audience_of(part.kind) == "intake" else VAULT[0]
        sealed = store.part(RECORD, index, 0, part.size)
        opened = open_part(
            private, found.keys[part.key_epoch], sealed, station=STATION, record_id=RECORD, kind=part.kind, position=part.position, epoch=part.key_epoch,
        )
        assert opened == content(part.kind, part.position, last_life[part.kind, part.position])
    store.close()
