"""A station keeps to its district's newest policy, and to nothing else that looks like one."""

from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edge.errors import StoreError
from edge.policy import StationPolicy, goes_first, held_back
from edge.store.ledger import Ledger
from edge.store.store import Store
from protocols.canonical import canonical_dumps
from protocols.policy import POLICY_TYPE, Policy, sign_policy
from protocols.record import LedgerEvent, decode_entry, plain
from protocols.sealing import parse1, sign1
from tests.records import new_signer
from tests.unit.store.stored import STATION, make_ledger

DISTRICT = new_signer()
POLICY = Policy(
    district="poso", station=None, sequence=7, wall_s=1_800_000_000, online_only=True, waiting_max=2, retention_days=None, urgent=("pupil",),
    urgent_letters=("sp-9",),
)


def key_of(kid: bytes) -> ec.EllipticCurvePublicKey | None:
    return DISTRICT.public_key if kid == DISTRICT.kid else None


def signed(**changes: object) -> bytes:
    return sign_policy(msgspec.structs.replace(POLICY, **changes), DISTRICT)


def keeper(store: Store, ledger: Ledger) -> StationPolicy:
    made = StationPolicy(store, ledger, STATION, key_of)
    made.load()
    return made


def events(store: Store) -> list[tuple[str, dict[str, object]]]:
    found = [decode_entry(parse1(store.envelope(number), 100_000).payload) for number in range(1, store.head().sequence + 1)]
    return [(event.event, dict(event.detail)) for event in found if isinstance(event, LedgerEvent)]


def test_the_newest_holds_and_the_ledger_says_since_when(store: Store, ledger: Ledger) -> None:
    policy = keeper(store, ledger)
    assert policy.policy is None
    assert [policy.take(signed()), policy.take(signed()), policy.take(signed(sequence=6)), policy.take(signed(sequence=8, online_only=False))] == [
        "new", "unchanged", "older", "new",
    ]
    assert events(store) == [
        ("configuration", {"policy": 7, "online_only": True, "waiting_max": 2}), ("configuration", {"policy": 8, "online_only": False, "waiting_max": 2}),
    ]
    assert policy.policy is not None
    assert policy.policy.sequence == 8


def test_it_holds_after_a_restart(folder: Path) -> None:
    store = Store.open(folder, 1_000_000)
    keeper(store, make_ledger(store)).take(signed())
    store.close()
    store = Store.open(folder, 1_000_000)
    again = keeper(store, make_ledger(store))
    assert again.policy == POLICY
    assert again.take(signed(sequence=3)) == "older"
    store.close()


@pytest.mark.parametrize("foreign", [
    b"", b"junk", sign_policy(POLICY, new_signer()), signed(station="another"), signed()[:-1], sign1(canonical_dumps(plain(POLICY)), DISTRICT, "text/plain"),
])
def test_what_is_not_for_this_station_from_this_district_leaves_no_trace(store: Store, ledger: Ledger, foreign: bytes) -> None:
    policy = keeper(store, ledger)
    assert policy.take(foreign) == "refused"
    assert policy.policy is None
    assert store.head().sequence == 0


def test_two_policies_under_one_number_do_not_follow_each_other(store: Store, ledger: Ledger) -> None:
    policy = keeper(store, ledger)
    assert [policy.take(signed()), policy.take(signed(online_only=False))] == ["new", "older"]
    assert policy.policy is not None
    assert policy.policy.online_only


def test_what_is_not_understood_is_kept_told_once_and_taken_by_the_program_that_does(store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = keeper(store, ledger)
    policy.take(signed())
    later = sign1(canonical_dumps([2, *plain(POLICY)[1:], "a new field"]), DISTRICT, POLICY_TYPE)
    unknown_field = sign1(canonical_dumps([*plain(POLICY), 0]), DISTRICT, POLICY_TYPE)
    assert [policy.take(later), policy.take(later), keeper(store, ledger).take(later)] == ["not_understood"] * 3
    assert events(store)[1:] == [("configuration_refused", {"what": "policy", "reason": "version"})]
    assert policy.take(unknown_field) == "not_understood"
    assert policy.policy == POLICY, "the one before stays in force"
    monkeypatch.setattr("edge.policy.open_policy", lambda _signed, _key_of: msgspec.structs.replace(POLICY, sequence=9))
    assert keeper(store, ledger).policy == msgspec.structs.replace(POLICY, sequence=9)


def test_an_older_program_that_is_put_back_starts_all_the_same(store: Store, ledger: Ledger) -> None:
    later = sign1(canonical_dumps([2, *plain(POLICY)[1:], "a new field"]), DISTRICT, POLICY_TYPE)
    store.set_setting("policy", later)
    assert keeper(store, ledger).policy is None
    assert store.setting("policy") == later


def test_policy_and_ledger_change_together_or_not_at_all(store: Store, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = keeper(store, ledger)

    def full(*_: object) -> None:
        raise StoreError("store_full", "no room", "free some")

    monkeypatch.setattr("edge.store.store.put_setting", full)
    with pytest.raises(StoreError):
        policy.take(signed())
    monkeypatch.undo()
    assert policy.policy is None
    assert store.head().sequence == 0
    assert policy.take(signed()) == "new"


@pytest.mark.parametrize(("policy", "connected", "waiting", "reason"), [
    (None, False, 9_999, ""), (POLICY, True, 1, ""), (POLICY, False, 0, "policy_online"), (POLICY, True, 2, "policy_waiting"),
    (msgspec.structs.replace(POLICY, online_only=False, waiting_max=0), False, 9_999, ""),
])
def test_who_may_begin(policy: Policy | None, connected: bool, waiting: int, reason: str) -> None:
    assert held_back(policy, connected, waiting) == reason


@pytest.mark.parametrize(("facts", "first"), [
    ({}, False), ({"occupation": "Pelajar/Mahasiswa"}, True), ({"occupation": "PETANI"}, False), ({"exception": True}, False), ({"letter": " sp-901"}, True),
])
def test_who_goes_first(facts: dict[str, object], first: bool) -> None:
    usual: dict[str, object] = {"exception": False, "recapture": False, "occupation": "", "letter": "SP-1"}
    assert goes_first(POLICY, **(usual | facts)) is first  # type: ignore[arg-type]
    assert goes_first(None, **(usual | facts)) is False  # type: ignore[arg-type]
