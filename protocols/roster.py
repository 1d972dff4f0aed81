"""The roster: who is expected at a station, sealed so that only an operator with a PIN opens it.

The district makes it for one team and signs it. One random content key seals the rows; each operator's PIN, stretched by Argon2id
(RFC 9106), wraps that key together with the operator's name and pseudonym. A 6-digit PIN holds off a thief for days, not for years
(0.3 s a guess and core): the roster holds population data of the next days only, never biometrics, and is replaced often. Its date, inside the
signature, keeps an old one with its old PINs from coming back.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from msgspec import Meta

from protocols.canonical import FormatError, Value, canonical_dumps, strict_loads
from protocols.passphrase import Hardness as Hardness
from protocols.passphrase import Locked, lock, unlock
from protocols.record import Document, Id16, WallSeconds, check_version, convert, plain
from protocols.sealing import KeyOf, SealingError, Signer, open1, sign1

VERSION: Final = 2
UNDATED: Final = 1
"""version 1 had no date"""
ROSTER_TYPE: Final = "application/x-rekam-roster"
ROSTER_BYTES_MAX: Final = 8 * 1024 * 1024
"""some 20,000 rows; a school session has 300"""

Text = Annotated[str, Meta(max_length=200)]
Login = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
Pin = Annotated[str, Meta(pattern=r"^[0-9]{4,12}\Z")]
"""what an operator can type at the station"""


class RosterRow(Document, frozen=True, kw_only=True):
    """One expected resident, as the population register has them."""

    row_id: Id16
    """opaque: all that the station's journal keeps of the person"""
    letter: Annotated[str, Meta(min_length=1, max_length=40)]
    """number of the summons letter (surat panggilan)"""
    nik: Annotated[str, Meta(pattern=r"^[0-9]{16}\Z")]
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    sex: Annotated[str, Meta(pattern=r"^[LP]\Z")]
    birth_place: Text
    birth_date: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
    address: Text
    religion: Text = ""
    marital_status: Text = ""
    occupation: Text = ""
    status: Text = "BELUM REKAM"
    """word of the population system"""


class Operator(Document, frozen=True, kw_only=True):
    """Who may open the roster."""

    login: Login
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    pseudonym: Annotated[bytes, Meta(min_length=1, max_length=16)]
    """stands in manifests instead of the name"""


class _Lock(Document, frozen=True, kw_only=True):
    """One operator's way in."""

    login: Login
    locked: Locked
    """[content key, operator] under the PIN"""


class _Roster(Document, frozen=True, kw_only=True):
    version: Annotated[int, Meta(ge=VERSION, le=VERSION)]
    issued_s: WallSeconds
    """the district's clock when it was signed: of two, a station keeps the later"""
    locks: Annotated[tuple[_Lock, ...], Meta(min_length=1, max_length=64)]
    rows: bytes


class OpenRoster(msgspec.Struct, frozen=True):
    """What a log-in gives: the operator and the rows. In memory only, dropped at log-out."""

    operator: Operator
    rows: tuple[RosterRow, ...]

    def by_letter(self, letter: str) -> RosterRow | None:
        """The row of a summons letter, spaces and case forgiven."""
        wanted = letter.strip().upper()
        return next((row for row in self.rows if row.letter.upper() == wanted), None)

    def by_id(self, row_id: bytes) -> RosterRow | None:
        """The row that a journal names."""
        return next((row for row in self.rows if row.row_id == row_id), None)


def seal_roster(
    rows: Iterable[RosterRow],
    operators: Iterable[tuple[Operator, str]],
    issued_s: int,
    signer: Signer,
    random_bytes: Callable[[int], bytes],
    hardness: Hardness = Hardness(),  # noqa: B008  # frozen
) -> bytes:
    """The signed file for a station; `operators` pairs each operator with the PIN. Raises FormatError on a row, operator or PIN that breaks a limit."""
    people = list(operators)
    convert(plain(tuple(who for who, _ in people)), tuple[Operator, ...])
    convert([pin for _, pin in people], list[Pin])
    if len({who.login for who, _ in people}) != len(people):
        raise FormatError("login", "two operators have the same")
    content_key = random_bytes(32)
    locks = tuple(
        _Lock(login=who.login, locked=lock(canonical_dumps([content_key, *plain((who,))]), pin, random_bytes, hardness)) for who, pin in people
    )
    values = plain(tuple(rows))
    convert(values, tuple[RosterRow, ...])
    sealed = ChaCha20Poly1305(content_key).encrypt(bytes(12), canonical_dumps(values), b"rows")
    return sign1(canonical_dumps(plain(_Roster(version=VERSION, issued_s=issued_s, locks=locks, rows=sealed))), signer, ROSTER_TYPE)


def roster_issued_s(data: bytes, key_of: KeyOf) -> int:
    """When the district signed it, 0 where it does not say. Raises SealingError; FormatError and UnknownVersion only for what the district did sign."""
    return _read(data, key_of).issued_s


def open_roster(data: bytes, operator: str, pin: str, key_of: KeyOf) -> OpenRoster:
    """Open with an operator's login and PIN; `key_of` knows the district. Raises SealingError (reason login: wrong name or PIN), FormatError."""
    roster = _read(data, key_of)
    found = next((entry for entry in roster.locks if entry.login == operator), None)
    if found is None:
        raise SealingError("login", f"no operator {operator[:32]!r} in this roster")
    content_key, who = convert(strict_loads(unlock(found.locked, pin), 1024), tuple[bytes, Operator])
    rows = convert(strict_loads(_open(content_key, roster.rows), ROSTER_BYTES_MAX, items_max=ROSTER_BYTES_MAX), tuple[RosterRow, ...])
    return OpenRoster(who, rows)


def _read(data: bytes, key_of: KeyOf) -> _Roster:
    document = strict_loads(open1(data, key_of, ROSTER_TYPE, ROSTER_BYTES_MAX), ROSTER_BYTES_MAX)
    version = check_version(document, UNDATED, VERSION)
    roster: _Roster = convert(_dated(document) if version == UNDATED else document, _Roster)
    return roster


def _dated(document: Value) -> Value:
    """A version 1 as version 2 would say it: older than everything that has a date."""
    assert isinstance(document, list)
    return [VERSION, 0, *document[1:]]


def _open(content_key: bytes, sealed: bytes) -> bytes:
    try:
        return ChaCha20Poly1305(content_key).decrypt(bytes(12), sealed, b"rows")
    except InvalidTag as error:
        raise SealingError("login", "the roster was altered") from error
