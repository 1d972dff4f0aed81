"""The district's word to its stations: how long payloads stay, whether to record without a link, what goes first, what time it is.

Signed by the district (COSE_Sign1 of its own content type), numbered upwards, for one station or for all; of two that apply the higher number
holds, and a station never goes back. Travels retained over MQTT or by stick. record.cddl says the same in CDDL. Pure: applying it is
edge/policy.py, making it tools/policy.py.
"""

from typing import Annotated, Final, Literal

from msgspec import Meta

from protocols.canonical import canonical_dumps, strict_loads
from protocols.record import Document, Sequence, StationId, WallSeconds, check_version, convert, plain
from protocols.sealing import KeyOf, Signer, open1, parse1, sign1

VERSION: Final = 1
POLICY_TYPE: Final = "application/x-rekam-policy"
POLICY_BYTES_MAX: Final = 2048
"""the largest, with 16 letters of 40 characters, has 900 bytes (more beyond ASCII)"""

UrgentRule = Literal["exception", "recapture", "pupil"]
"""something could not be taken; a device was missing; the occupation of the roster row begins with PELAJAR"""


class Policy(Document, frozen=True, kw_only=True):
    """All that a district decides for its stations; each document says all of it."""

    version: Literal[1] = VERSION
    district: StationId
    station: StationId | None
    """null: every station of the district"""
    sequence: Sequence
    """counts the district's policies"""
    wall_s: WallSeconds
    """the district's clock when it was signed: a floor for the station's"""
    online_only: bool
    """a next person begins only while the link is up"""
    waiting_max: Annotated[int, Meta(ge=0, le=100_000)]
    """records that may wait here unsent before nobody new begins; 0: as many as fit"""
    retention_days: Annotated[int, Meta(ge=0, le=3650)] | None
    """how long a payload stays after its receipt; null: as the station's own file says"""
    urgent: Annotated[tuple[UrgentRule, ...], Meta(max_length=3)]
    """records that go first beside those that the operator marks"""
    urgent_letters: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=40)], ...], Meta(max_length=16)]
    """beginnings of letter numbers whose records go first"""


def sign_policy(policy: Policy, signer: Signer) -> bytes:
    """Raises FormatError when a field breaks its limit."""
    values = plain(policy)
    convert(values, Policy)
    return sign1(canonical_dumps(values), signer, POLICY_TYPE)


def open_policy(signed: bytes, key_of: KeyOf) -> Policy:
    """Verify and decode. Raises SealingError; FormatError and UnknownVersion only for what the district did sign."""
    return _decode(open1(signed, key_of, POLICY_TYPE, POLICY_BYTES_MAX))


def read_policy(signed: bytes) -> Policy:
    """One whose signature was checked when it was kept. Raises SealingError, FormatError."""
    return _decode(parse1(signed, POLICY_BYTES_MAX).payload)


def _decode(payload: bytes) -> Policy:
    value = strict_loads(payload, POLICY_BYTES_MAX)
    check_version(value, VERSION)
    policy: Policy = convert(value, Policy)
    return policy
