"""Nothing forged gets in, and the trial itself notices when something does."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from district import store as district_store
from district.verify import Refusal
from edge.uplink import carrier
from protocols import sealing
from protocols.canonical import FormatError
from protocols.record import Entry, Receipt, decode_entry, decode_receipt
from protocols.sealing import parse1
from tools import forge
from tools.forge import attack

COUNT = 3000


def test_nothing_forged_gets_in() -> None:
    tried, let_in = attack(COUNT, seed=4)
    assert tried.total() == COUNT
    assert len(tried) == 27
    assert let_in.total() == 0, dict(let_in)


def _no_signature(_key: ec.EllipticCurvePublicKey, _envelope: sealing.Envelope) -> None:
    return


def _any_s(key: ec.EllipticCurvePublicKey, envelope: sealing.Envelope) -> None:
    low = sealing._low_s(envelope.signature)
    GENUINE_VERIFY(key, sealing.Envelope(envelope.protected, envelope.content_type, envelope.kid, envelope.payload, low))


def _unverified_entry(station: str, envelope: bytes, _keys: object) -> Entry:
    try:
        entry = decode_entry(parse1(envelope, 100_000).payload)
    except (sealing.SealingError, FormatError) as error:
        raise Refusal("format") from error
    if entry.header.station != station:
        raise Refusal("foreign")
    return entry


def _unverified_receipt(signed: bytes, _key_of: object) -> Receipt:
    return decode_receipt(parse1(signed, 10_000).payload)


def _any_content_type(envelope: bytes, key_of: sealing.KeyOf, _content_type: str, max_bytes: int) -> bytes:
    return GENUINE_OPEN(envelope, key_of, parse1(envelope, max_bytes).content_type, max_bytes)


GENUINE_VERIFY, GENUINE_OPEN = sealing._verify, sealing.open1
PLANTED: dict[str, tuple[object, str, Callable[..., object]]] = {
    "signature not checked": (sealing, "_verify", _no_signature),
    "either s accepted": (sealing, "_verify", _any_s),
    "entries believed unverified": (district_store, "read_entry", _unverified_entry),
    "receipts believed unverified": (carrier, "open_receipt", _unverified_receipt),
    "content type not checked": (sealing, "open1", _any_content_type),
    "any key of any station": (forge.Certified, "key", lambda self, _station, kid: next((k for k in self._keys.values() if sealing.kid_of(k) == kid), None)),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_hole_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, replacement = PLANTED[name]
    monkeypatch.setattr(module, function, replacement)
    _, let_in = attack(1000, seed=4)
    assert let_in.total() > 0
