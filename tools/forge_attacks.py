"""What `tools/forge.py` throws at the doors: one function a kind of attack, each making bytes from what the attacker may have."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
import msgspec

from protocols.record import FIRST, Receipt, encode_manifest, encode_receipt
from protocols.sealing import ENTRY_TYPE, RECEIPT_TYPE, Signer, SoftwareSigner, sign1
from simulators.signing_station import NOW_S, Made, SigningStation

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""of P-256: (r, s) and (r, ORDER - s) both verify"""


class ClaimedSigner:
    """Signs with one key and names another."""

    def __init__(self, signer: Signer, kid: bytes) -> None:
        self._signer, self.kid = signer, kid

    def sign(self, to_be_signed: bytes) -> bytes:
        return self._signer.sign(to_be_signed)


@dataclass
class Field:
    """One victim, one neighbour, one district and its twin, and what the attacker recorded of them."""

    rng: random.Random
    victim: SigningStation
    neighbour: SigningStation
    district: SoftwareSigner
    other_district: SoftwareSigner
    outsider: SoftwareSigner
    made: list[Made]
    """genuine records of the victim; the district waits for the content of the first half and has not seen the others"""
    foreign: list[bytes]
    """genuine entries of the neighbour"""
    receipts: list[bytes]
    """genuine receipts of the neighbour"""

    def pick(self) -> Made:
        return self.rng.choice(self.made)


Attack = Callable[[Field], bytes]


def _altered(genuine: bytes, rng: random.Random) -> bytes:
    """Flipped bits, a cut, a tail, a run of other bytes, a piece moved."""
    data = bytearray(genuine)
    at, length = rng.randrange(len(data)), rng.randrange(1, 9)
    match rng.randrange(5):
        case 0:
            data[at] ^= 1 << rng.randrange(8)
        case 1:
            del data[at : at + length]
        case 2:
            data += rng.randbytes(length)
        case 3:
            data[at : at + length] = rng.randbytes(length)
        case _:
            data[at:at] = data[:length]
    return bytes(data) if bytes(data) != genuine else genuine + b"\0"


def _spliced(one: bytes, other: bytes, rng: random.Random) -> bytes:
    """Headers, payload and signature of two genuine envelopes, mixed."""
    first, second = (cbor2.loads(envelope).value for envelope in (one, other))
    mixed = [rng.choice(pair) for pair in zip(first, second, strict=True)]
    mixed[2], mixed[3] = first[2], second[3]
    return b"\xd2" + cbor2.dumps(mixed)


def _other_s(genuine: bytes) -> bytes:
    return genuine[:-32] + (ORDER - int.from_bytes(genuine[-32:], "big")).to_bytes(32, "big")


def _edited(field: Field, signer: Signer) -> bytes:
    """A genuine manifest with one fact changed, signed anew."""
    genuine = field.pick().manifest
    header = msgspec.structs.replace(genuine.header, sequence=genuine.header.sequence + field.rng.randrange(3))
    changes: list[dict[str, Any]] = [{"header": header}, {"record_id": field.rng.randbytes(16)}, {"urgent": True}, {"operator": b"nobody"}]
    return sign1(encode_manifest(msgspec.structs.replace(genuine, **field.rng.choice(changes))), signer, ENTRY_TYPE)


ON_ENTRIES: Mapping[str, Attack] = {
    "altered": lambda f: _altered(f.pick().envelope, f.rng),
    "spliced": lambda f: _spliced(f.pick().envelope, f.rng.choice(f.foreign), f.rng),
    "other s": lambda f: _other_s(f.pick().envelope),
    "outsider's key": lambda f: _edited(f, f.outsider),
    "outsider's key, victim's name": lambda f: _edited(f, ClaimedSigner(f.outsider, f.victim.signer.kid)),
    "neighbour's key": lambda f: _edited(f, f.neighbour.signer),
    "neighbour's key, victim's name": lambda f: _edited(f, ClaimedSigner(f.neighbour.signer, f.victim.signer.kid)),
    "neighbour's entry": lambda f: f.rng.choice(f.foreign),
    "receipt as entry": lambda f: f.rng.choice(f.receipts),
    "signed as something else": lambda f: sign1(encode_manifest(f.pick().manifest), f.victim.signer, RECEIPT_TYPE),
    "noise": lambda f: f.rng.randbytes(f.rng.randrange(200)),
}


def _receipt(field: Field, **changes: object) -> Receipt:
    """What the victim is waiting for, as the attacker would like to say it."""
    made = field.pick()
    receipt = Receipt(
        district="poso", station=field.victim.name, record_id=made.record_id, sequence=made.manifest.header.sequence, manifest_sha256=made.digest,
        outcome="stored", reason="", district_sequence=1, wall_s=NOW_S, head=FIRST,
    )
    return msgspec.structs.replace(receipt, **changes)


def _signed_receipt(field: Field, signer: Signer, **changes: object) -> bytes:
    return sign1(encode_receipt(_receipt(field, **changes)), signer, RECEIPT_TYPE)


ON_RECEIPTS: Mapping[str, Attack] = {
    "altered": lambda f: _altered(_signed_receipt(f, f.district), f.rng),
    "spliced": lambda f: _spliced(_signed_receipt(f, f.outsider), f.rng.choice(f.receipts), f.rng),
    "other s": lambda f: _other_s(_signed_receipt(f, f.district)),
    "outsider's key": lambda f: _signed_receipt(f, f.outsider),
    "outsider's key, district's name": lambda f: _signed_receipt(f, ClaimedSigner(f.outsider, f.district.kid)),
    "another district": lambda f: _signed_receipt(f, f.other_district),
    "a station's key": lambda f: _signed_receipt(f, ClaimedSigner(f.neighbour.signer, f.district.kid)),
    "neighbour's receipt": lambda f: f.rng.choice(f.receipts),
    "other bytes": lambda f: _signed_receipt(f, f.district, manifest_sha256=f.rng.randbytes(32)),
    "other record": lambda f: _signed_receipt(f, f.district, record_id=f.rng.randbytes(16)),
    "other number": lambda f: _signed_receipt(f, f.district, sequence=f.rng.randrange(1000, 2000)),
    "other station": lambda f: _signed_receipt(f, f.district, station=f.neighbour.name),
    "entry as receipt": lambda f: f.pick().envelope,
    "signed as something else": lambda f: sign1(encode_receipt(_receipt(f)), f.district, ENTRY_TYPE),
    "noise": lambda f: f.rng.randbytes(f.rng.randrange(200)),
}
