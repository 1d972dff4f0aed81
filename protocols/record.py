"""What a station says about one person's recording (manifest), about itself (ledger event), and what the district answers (receipt).

Each document is one CBOR array in the order of the fields below (record.cddl says the same in CDDL), encoded and decoded by
`canonical`. None holds personal data: the broker and the transport learn nothing. Signatures are put around these bytes by `sealing`.
Limits stand at the fields; both directions check them. A document of another version is refused with UnknownVersion and must be kept.
"""

from typing import Annotated, Any, Final, Literal, NewType, TypeVar

import msgspec
from msgspec import Meta

from protocols.canonical import FormatError as FormatError
from protocols.canonical import UnknownVersion as UnknownVersion
from protocols.canonical import Value as Value
from protocols.canonical import canonical_dumps as canonical_dumps
from protocols.canonical import strict_loads as strict_loads

VERSION: Final = 1
ENTRY_BYTES_MAX: Final = 63 * 1024
"""a usual manifest has about 5 KB; 20 power lives of wrapped keys and 32 parts fill 56 KB; signed it fits one 64 KiB message"""
RECEIPT_BYTES_MAX: Final = 1024
PART_BYTES_MAX: Final = 8 * 1024 * 1024
"""sealed; the largest part, an uncompressed 2592 x 1944 iris frame, has 5 MB"""
FIRST: Final = bytes(32)
"""`previous` of a station's first entry, `head` of a district's first receipt"""

RecordId = NewType("RecordId", bytes)
"""16 random bytes, drawn when the enrolment begins: nothing can be inferred from it and no two stations collide"""

PartKind = Literal["population", "face", "signature", "finger", "iris", "exception_photo"]
Audience = Literal["intake", "vault"]
Trust = Literal["none", "rtc", "district", "network"]
Outcome = Literal["stored", "rejected", "quarantined"]

StationId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}\Z")]
"""fits an MQTT topic level and a file name"""
MessageId = Annotated[str, Meta(pattern=r"^[a-z0-9_.]{1,64}\Z")]
"""an id of a text in station_config/*.toml, never free text: nobody's name can slip in"""
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
"""SHA-256"""
Id16 = Annotated[bytes, Meta(min_length=16, max_length=16)]
Position = Annotated[int, Meta(ge=0, le=10)]
"""finger 1 to 10 (1 right thumb, 5 right little, 6 left thumb, 10 left little), eye 1 right 2 left, otherwise 0"""
Sequence = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Milliseconds = Annotated[int, Meta(ge=0, le=2**53)]
WallSeconds = Annotated[int, Meta(ge=-(2**40), le=2**40)]
"""seconds since 1970-01-01 UTC by a clock that may be wrong by years: shown, never used to order or refuse"""


class Document(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, kw_only=True):
    """Base: a CBOR array of the fields in order, no field left out, none added."""


class Header(Document, frozen=True, kw_only=True):
    """Where an entry stands in its station's ledger."""

    version: Literal[1] = VERSION
    kind: Literal["record", "event"]
    station: StationId
    sequence: Sequence
    """counts every entry of the station, records and events alike, without holes: the district sees what is missing"""
    previous: Hash
    """SHA-256 of the signed entry before, FIRST for number 1: forks and rollbacks show"""
    boot_id: Id16
    """names the power life; `monotonic_ms` only compares within it"""
    monotonic_ms: Milliseconds
    wall_s: WallSeconds
    trust: Trust
    """where `wall_s` came from"""


class WrappedKey(Document, frozen=True, kw_only=True):
    """The content key of one audience and one power life."""

    audience: Audience
    kid: Id16
    """first half of SHA-256 over the audience's public key"""
    wrapped: Annotated[bytes, Meta(min_length=64, max_length=2048)]
    """HPKE, MLKEM768-X25519, HKDF-SHA256, ChaCha20-Poly1305: 1,168 bytes"""


WrappedKeys = Annotated[tuple[WrappedKey, ...], Meta(min_length=1, max_length=2)]


class PartRef(Document, frozen=True, kw_only=True):
    """One sealed part: what it is and the hash of its sealed bytes."""

    kind: PartKind
    position: Position
    media_type: Annotated[str, Meta(pattern=r"^[a-z]+/[a-z0-9.+-]{1,40}\Z")]
    size: Annotated[int, Meta(ge=1, le=PART_BYTES_MAX)]
    """sealed bytes"""
    sha256: Hash
    """over the sealed bytes: the receiving office checks what it cannot open"""
    key_epoch: Annotated[int, Meta(ge=0, le=19)]
    """index into the manifest's `keys`"""
    quality: Annotated[dict[MessageId, Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]], Meta(max_length=16)]
    """measure -> value, units in the names"""


class StepException(Document, frozen=True, kw_only=True):
    """Something that could not be taken."""

    kind: MessageId
    position: Position
    reason: MessageId


class Step(Document, frozen=True, kw_only=True):
    """How long one step of the procedure took."""

    step: MessageId
    duration_ms: Milliseconds
    attempts: Annotated[int, Meta(ge=0, le=100_000)]


class Manifest(Document, frozen=True, kw_only=True):
    """One person's recording, complete: the list of sealed parts and how they came about."""

    header: Header
    record_id: Id16
    register: Annotated[str, Meta(pattern=r"^[A-Za-z0-9/.-]{1,40}\Z")]
    """register number printed on the slip; made from station and sequence, says nothing about the person"""
    keys: Annotated[tuple[WrappedKeys, ...], Meta(min_length=1, max_length=20)]
    """one entry per power life in which a part was sealed, and at most one more: there are 16 things to take"""
    parts: Annotated[tuple[PartRef, ...], Meta(min_length=1, max_length=32)]
    exceptions: Annotated[tuple[StepException, ...], Meta(max_length=32)]
    steps: Annotated[tuple[Step, ...], Meta(max_length=64)]
    power_source: MessageId
    operator: Annotated[bytes, Meta(min_length=1, max_length=16)]
    """pseudonym: the roster's office knows who it is"""
    urgent: bool
    recapture: bool
    """a device was missing: the person should be asked back when it is repaired"""
    guards_not_done: Annotated[tuple[MessageId, ...], Meta(max_length=16)]
    """checks against an earlier picture that a power cut made impossible"""


class LedgerEvent(Document, frozen=True, kw_only=True):
    """Something that happened at the station, in the same chain as the records."""

    header: Header
    event: MessageId
    """boot, login, override, export, configuration, fault, abandoned, ..."""
    detail: Annotated[dict[MessageId, bool | int | Annotated[str, Meta(max_length=200)]], Meta(max_length=16)]
    """no personal data"""


class Receipt(Document, frozen=True, kw_only=True):
    """The district's word about one entry; only a verified one changes anything at the station."""

    version: Literal[1] = VERSION
    district: StationId
    station: StationId
    record_id: Id16 | None
    """null for a ledger event"""
    sequence: Sequence
    manifest_sha256: Hash
    """over the signed entry as it arrived"""
    outcome: Outcome
    reason: Annotated[str, Meta(pattern=r"^[a-z0-9_.]{0,64}\Z")]
    """message id; empty when stored"""
    district_sequence: Sequence
    wall_s: WallSeconds
    """the district's clock; a station may set its own floor by it"""
    head: Hash
    """SHA-256 of the signed receipt before: the district's ledger is a chain as well"""


Entry = Manifest | LedgerEvent
_T = TypeVar("_T")


def encode_manifest(manifest: Manifest) -> bytes:
    """Raises FormatError when a field breaks its limit."""
    return _encode(manifest)


def decode_manifest(data: bytes) -> Manifest:
    """Raises FormatError, UnknownVersion."""
    entry = decode_entry(data)
    if not isinstance(entry, Manifest):
        raise FormatError("header.kind", "an event, not a record")
    return entry


def encode_event(event: LedgerEvent) -> bytes:
    """Raises FormatError when a field breaks its limit."""
    return _encode(event)


def decode_entry(data: bytes) -> Entry:
    """A manifest or an event, by the kind its header names. Raises FormatError, UnknownVersion."""
    value = strict_loads(data, ENTRY_BYTES_MAX)
    header = value[0] if isinstance(value, list) and value else None
    check_version(header, VERSION)
    kind = header[1] if isinstance(header, list) and len(header) > 1 else None
    return _checked(value, LedgerEvent) if kind == "event" else _checked(value, Manifest)


def encode_receipt(receipt: Receipt) -> bytes:
    """Raises FormatError when a field breaks its limit."""
    return _encode(receipt)


def decode_receipt(data: bytes) -> Receipt:
    """Raises FormatError, UnknownVersion."""
    value = strict_loads(data, RECEIPT_BYTES_MAX)
    check_version(value, VERSION)
    return _checked(value, Receipt)


def encode_keys(keys: tuple[WrappedKey, ...]) -> bytes:
    """The wrapped keys of one power life, as the station's journal keeps them until the manifest is made."""
    return canonical_dumps(plain(keys))


def decode_keys(data: bytes) -> tuple[WrappedKey, ...]:
    """Raises FormatError."""
    keys: tuple[WrappedKey, ...] = convert(strict_loads(data, ENTRY_BYTES_MAX), WrappedKeys)
    return keys


def check_version(document: Value, *known: int) -> int:
    """Look at the first item only, so that whatever follows a later version's number cannot mislead. Raises UnknownVersion."""
    version = document[0] if isinstance(document, list) and document else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise FormatError("version", "missing")
    if version not in known:
        only = " and ".join(map(str, known))
        raise UnknownVersion("version", f"version {version} is not known here, only {only}; keep the bytes and update this program")
    return version


def peek_version(entry: bytes) -> int | None:
    """The version an entry claims, from its first three bytes: array head, array head, small integer. None: no entry of any version."""
    if len(entry) < 3 or entry[0] >> 5 != 4 or entry[1] >> 5 != 4 or entry[2] > 23:
        return None
    return entry[2]


def convert(value: Value, kind: Any) -> Any:
    """Plain CBOR values to a typed document. Raises FormatError naming the field's path."""
    try:
        return msgspec.convert(value, kind, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        raise FormatError(where.strip("`") or "document", what) from error


def plain(document: Document | tuple[Document, ...]) -> list[Value]:
    """A typed document as plain CBOR values; the way back is `convert`."""
    values: list[Value] = msgspec.to_builtins(document, builtin_types=(bytes,))
    return values


def _encode(document: Document) -> bytes:
    """What is sent is checked like what is received: a station cannot make an entry that the district would refuse."""
    values = plain(document)
    _checked(values, type(document))
    return canonical_dumps(values)


def _checked(value: Value, kind: type[_T]) -> _T:
    document: _T = convert(value, kind)
    if isinstance(document, Manifest):
        _check_parts(document)
    return document


def _check_parts(manifest: Manifest) -> None:
    """What types alone cannot say: the header's kind, each part once, each key there."""
    if manifest.header.kind != "record":
        raise FormatError("header.kind", "a manifest is of kind record")
    places = [(part.kind, part.position) for part in manifest.parts]
    if len(set(places)) != len(places):
        raise FormatError("parts", "the same part twice")
    if any(part.key_epoch >= len(manifest.keys) for part in manifest.parts):
        raise FormatError("parts", "a part names a key that is not in the manifest")
