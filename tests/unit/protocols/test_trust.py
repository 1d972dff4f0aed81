"""Certificates that a wrong clock cannot switch off, and rosters that open with the right PIN alone."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from edge.clock import random_bytes
from protocols.canonical import FormatError, UnknownVersion, canonical_dumps
from protocols.certificates import CertificateError, check_certificate, issue, make_authority, read_certificate
from protocols.roster import ROSTER_TYPE, Hardness, Operator, RosterRow, open_roster, roster_issued_s, seal_roster
from protocols.sealing import SealingError, SoftwareSigner, kid_of, sign1
from tests.records import new_signer

AUTHORITY_KEY, DISTRICT_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
AUTHORITY = make_authority("poso", AUTHORITY_KEY)
DISTRICT = SoftwareSigner(DISTRICT_KEY)
QUICK = Hardness(iterations=1, lanes=1, memory_kib=64)
ROW = RosterRow(
    row_id=bytes(16), letter="SP-1001", nik="7201054101900001", name="Siti Rahmawati", sex="P", birth_place="Poso", birth_date="1990-01-01",
    address="Dusun 1 RT 02",
)
VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "roster"
ISSUED_S = 1_795_000_000
ANI = Operator(login="ani", name="Ani", pseudonym=b"\x01\x02")


def district_key(kid: bytes) -> ec.EllipticCurvePublicKey | None:
    return DISTRICT_KEY.public_key() if kid == DISTRICT.kid else None


def test_a_certificate_tells_role_name_and_key() -> None:
    pem = issue(AUTHORITY, AUTHORITY_KEY, "station", "s-1", DISTRICT_KEY.public_key())
    identity = check_certificate(pem, AUTHORITY, "station")
    assert (identity.role, identity.name, identity.kid) == ("station", "s-1", kid_of(DISTRICT_KEY.public_key()))


def test_what_is_no_certificate_of_this_district() -> None:
    other_key = ec.generate_private_key(ec.SECP256R1())
    other = make_authority("poso", other_key)
    ours = issue(AUTHORITY, AUTHORITY_KEY, "station", "s-1", DISTRICT_KEY.public_key())
    foreign = issue(other, other_key, "station", "s-1", DISTRICT_KEY.public_key())
    for pem, role in ((foreign, "station"), (ours, "district"), (ours[:-60], "station"), (b"", "station"), (bytes(20_000), "station")):
        with pytest.raises(CertificateError):
            check_certificate(pem, AUTHORITY, role)  # type: ignore[arg-type]
    with pytest.raises(CertificateError, match="P-256"):
        read_certificate(issue(AUTHORITY, AUTHORITY_KEY, "station", "s-1", ec.generate_private_key(ec.SECP384R1()).public_key()))


def seal(pin: str = "482913") -> bytes:
    return seal_roster([ROW], [(ANI, pin)], ISSUED_S, DISTRICT, random_bytes, QUICK)


def test_the_roster_opens_with_login_and_pin() -> None:
    roster = open_roster(seal(), "ani", "482913", district_key)
    assert (roster.operator, roster.rows) == (ANI, (ROW,))
    assert roster.by_letter(" sp-1001 ") == roster.by_id(bytes(16)) == ROW
    assert roster.by_letter("SP-1") is None


@pytest.mark.parametrize(("login", "pin"), [("ani", "482914"), ("ani", ""), ("budi", "482913")])
def test_a_wrong_login_opens_nothing(login: str, pin: str) -> None:
    with pytest.raises(SealingError) as refusal:
        open_roster(seal(), login, pin, district_key)
    assert refusal.value.reason == "login"


def test_a_roster_says_when_the_district_signed_it() -> None:
    assert roster_issued_s(seal(), district_key) == ISSUED_S
    with pytest.raises(SealingError):
        roster_issued_s(seal(), lambda _: None)


def test_a_roster_of_version_1_opens_and_is_older_than_any_date() -> None:
    data, public = (VECTORS / "v1.roster").read_bytes(), load_pem_public_key((VECTORS / "district.pem").read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    roster = open_roster(data, "ani", "482913", lambda _: public)
    assert (roster.operator, roster.rows) == (ANI, (ROW,))
    assert roster_issued_s(data, lambda _: public) == 0


@pytest.mark.parametrize("document", [[3, "whatever"], [1], [2, 0], [True, 0, [], b""], {}, []])
def test_a_roster_that_is_not_understood_is_told_apart_from_a_foreign_one(document: object) -> None:
    with pytest.raises(FormatError) as refusal:
        roster_issued_s(sign1(canonical_dumps(document), DISTRICT, ROSTER_TYPE), district_key)
    assert isinstance(refusal.value, UnknownVersion) == (document == [3, "whatever"])


def test_nothing_of_the_roster_can_be_read_or_forged() -> None:
    sealed = seal()
    assert b"Siti" not in sealed
    assert ROW.nik.encode() not in sealed
    forged = seal_roster([ROW], [(ANI, "123456")], ISSUED_S, new_signer(), random_bytes, QUICK)
    with pytest.raises(SealingError, match="unknown key"):
        open_roster(forged, "ani", "123456", district_key)
    with pytest.raises(SealingError):
        open_roster(sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:], "ani", "482913", district_key)


@pytest.mark.parametrize("operators", [
    [(ANI, "123")], [(ANI, "12345x")], [(ANI, "123456"), (ANI, "654321")], [(Operator(login="Ani", name="Ani", pseudonym=b"a"), "123456")],
    [(Operator(login="ani", name="", pseudonym=b"a"), "123456")],
])
def test_operators_who_could_never_log_in_are_not_sealed(operators: list[tuple[Operator, str]]) -> None:
    with pytest.raises(FormatError):
        seal_roster([ROW], operators, ISSUED_S, DISTRICT, random_bytes, QUICK)


def test_a_row_that_breaks_a_limit_is_not_sealed() -> None:
    broken = RosterRow(row_id=bytes(16), letter="1", nik="720105410190000x", name="X", sex="P", birth_place="", birth_date="1990-01-01", address="")
    with pytest.raises(FormatError, match="matching regex"):
        seal_roster([broken], [(ANI, "123456")], ISSUED_S, DISTRICT, random_bytes, QUICK)
