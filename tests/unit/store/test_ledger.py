"""Every entry is signed, numbered and chained; asking twice never makes two."""

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edge.errors import StoreError
from edge.store.ledger import Ledger, register_number
from edge.store.store import Store
from protocols.record import FIRST, FormatError, LedgerEvent, Manifest, StepException
from protocols.sealing import SoftwareSigner, open_entry
from tests.unit.store.stored import RECORD, STATION, WRAPPED, StillClock, draft, part


@pytest.fixture
def signed(store: Store) -> tuple[Ledger, ec.EllipticCurvePublicKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    return Ledger(store, SoftwareSigner(key), STATION, StillClock(), b"b" * 16), key.public_key()


def test_entries_are_chained_over_the_signed_bytes(store: Store, signed: tuple[Ledger, ec.EllipticCurvePublicKey]) -> None:
    ledger, key = signed
    ledger.event("boot", {"version": "0.1.0"})
    store.begin(RECORD, 7, b"p0", WRAPPED)
    store.commit_part(RECORD, part(2), b"p1")
    sequence, envelope = ledger.close_record(draft(exceptions=(StepException(kind="finger", position=3, reason="missing"),), recapture=True))
    boot, record = (open_entry(store.envelope(number), lambda _: key) for number in (1, 2))
    assert isinstance(boot, LedgerEvent)
    assert isinstance(record, Manifest)
    assert sequence == 2
    assert boot.header.previous == FIRST
    assert record.header.previous == hashlib.sha256(store.envelope(1)).digest()
    assert store.head().hash == hashlib.sha256(envelope).digest()
    assert (record.register, record.recapture, record.parts[0].position) == ("stasiun-1-000002", True, 2)
    assert record.header.monotonic_ms == 12_500


def test_closing_a_record_again_gives_the_same_entry(store: Store, ledger: Ledger) -> None:
    store.begin(RECORD, 7, b"p0", WRAPPED)
    store.commit_part(RECORD, part(2), b"p1")
    assert ledger.close_record(draft()) == ledger.close_record(draft())
    assert store.head().sequence == 1


def test_a_record_that_is_not_open_is_not_closed(store: Store, ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="not open"):
        ledger.close_record(draft())
    with pytest.raises(StoreError, match="not open"):
        ledger.abandon(RECORD, "person_left")
    assert store.head().sequence == 0


def test_an_entry_that_breaks_a_limit_uses_no_number(store: Store, ledger: Ledger) -> None:
    with pytest.raises(FormatError):
        ledger.event("Not a message id")
    store.begin(RECORD, 7, b"p0", WRAPPED)
    with pytest.raises(FormatError):
        ledger.close_record(draft())
    assert store.head().sequence == 0


def test_unreadable_content_is_told_once_for_each_entry(store: Store, signed: tuple[Ledger, ec.EllipticCurvePublicKey]) -> None:
    ledger, key = signed
    numbers = [ledger.report_unreadable(sequence) for sequence in (7, 7, 9)]
    assert numbers == [1, None, 2]
    events = [open_entry(store.envelope(number), lambda _: key) for number in (1, 2)]
    assert [(event.event, event.detail) for event in events] == [("content_unreadable", {"sequence": 7}), ("content_unreadable", {"sequence": 9})]  # type: ignore[union-attr]  # both are events


def test_the_register_number_fits_its_field() -> None:
    assert len(register_number("x" * 32, 10**12)) <= 40
