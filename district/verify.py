"""The checks an entry passes at the district, numbered; the numbers stand at the code that makes each check.

     (0) length: no longer than a signed entry can be
     (1) station: a certificate names it
     (2) seen before: the very same bytes get the very same answer, no cryptography spent
     (3) form: tagged COSE_Sign1, ES256, content type of an entry, nothing unprotected; a version known here
     (4) key: the key id is the station's own
     (5) signature
     (6) payload: deterministic CBOR, every field within its limits
     (7) the station named inside is the one that sends
     (8) size of the whole record                                    else rejected
     (9) quota of the station for the day, records and events apart  else refused for now
    (10) record id: never seen                                       else quarantined
    (11) sequence: nothing else kept under this number               else quarantined
    (12) chain: fits the entry before and the entry after, if held   else quarantined
    (13) content: each part whole and of the SHA-256 in the manifest else asked for again
    (14) commit, and only then the receipt

(0) to (7) refuse: whoever sent it, no receipt is due; no cryptography before (4). An entry of a later version stays in its station's custody
until this program is updated. (8) to (12) judge what the station really signed. A record quarantined by (10)
to (12) is kept with all its content beside the first, because there is a person behind it; an officer decides (decisions.py). (2), (13), (14)
stand in store.py, (9) counts in quota.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from protocols.canonical import FormatError
from protocols.record import ENTRY_BYTES_MAX, FIRST, VERSION, Entry, Manifest, Outcome, decode_entry, peek_version
from protocols.sealing import ENTRY_TYPE, ENVELOPE_BYTES, SealingError, open1, parse1

RECORD_BYTES_MAX: Final = 32 * 1024 * 1024
"""all parts of one record; the usual one has 0.3 to 2 MB, uncompressed pictures 14 MB"""

KeyFor = Callable[[str, bytes], ec.EllipticCurvePublicKey | None]
"""(station, key id) -> that station's key"""


class Refusal(Exception):
    """No entry of that station; `reason` is a message id."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the receipt will say."""

    outcome: Outcome
    reason: str = ""
    content: bool = True
    """whether the parts are to be taken in"""
    main: bool = True
    """whether the entry is in the station's one chain, not on a branch beside it"""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What is already kept around an entry, other branches of the ledger left out."""

    same_record: bool
    """another entry has the record id"""
    same_sequence: bool
    before: bytes | None
    """hash of the entry one number before, if held"""
    after: bytes | None
    """`previous` of the entry one number after, if held"""
    branch: bool
    """the entry before it by hash lies in quarantine"""


def check_length(envelope: bytes) -> None:
    """(0) Raises Refusal."""
    if not 0 < len(envelope) <= ENTRY_BYTES_MAX + ENVELOPE_BYTES:
        raise Refusal("length")


def read_entry(station: str, envelope: bytes, key_for: KeyFor) -> Entry:
    """(3) to (7). Raises Refusal."""
    try:
        # (3) form and version
        check_version(parse1(envelope, ENTRY_BYTES_MAX).payload)
        # (4) key, (5) signature
        payload = open1(envelope, lambda kid: key_for(station, kid), ENTRY_TYPE, ENTRY_BYTES_MAX)
    except SealingError as error:
        raise Refusal(error.reason) from error
    try:
        # (6) payload
        entry = decode_entry(payload)
    except FormatError as error:
        raise Refusal("format") from error
    # (7) station
    if entry.header.station != station:
        raise Refusal("foreign")
    return entry


def check_version(payload: bytes) -> None:
    """Part of (3). Raises Refusal."""
    version = peek_version(payload)
    if version != VERSION:
        raise Refusal("format" if version is None else "version")


def judge(entry: Entry, digest: bytes, near: Neighbours) -> Verdict:
    """(8) and (10) to (12); `digest` is the entry's own hash."""
    # (11) sequence, (12) chain
    header = entry.header
    forked = near.same_sequence or near.branch or near.before not in (None, header.previous) or near.after not in (None, digest)
    broken = (header.sequence == 1) != (header.previous == FIRST)
    main = not (forked or broken)
    if isinstance(entry, Manifest):
        # (8) size of the whole record
        if sum(part.size for part in entry.parts) > RECORD_BYTES_MAX:
            return Verdict("rejected", "too_large", content=False, main=main)
        # (10) record id: the first bytes stay, these are kept beside them
        if near.same_record:
            return Verdict("quarantined", "same_id", main=main)
    return Verdict("stored") if main else Verdict("quarantined", "fork" if forked else "chain", main=False)
