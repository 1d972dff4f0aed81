"""What `./rekam fuzz` feeds bytes to. A target returns for anything it refuses in order, and raises for everything else."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from random import Random
from zlib import crc32

from district.clock import SystemClock
from district.store import DistrictStore
from protocols.canonical import FormatError, canonical_dumps, strict_loads
from protocols.custody import Receiver
from protocols.custody.wire import Kind, WireError, decode, encode
from protocols.policy import POLICY_TYPE, open_policy, sign_policy
from protocols.record import Audience, Manifest, decode_entry, decode_receipt, encode_event, encode_manifest, encode_receipt
from protocols.sealing import ENTRY_TYPE, SealingError, SoftwareSigner, generate_audience, open1, parse1, sign1
from protocols.stick import DIGEST_BYTES, MAGIC, pack_bundle, read_bundle
from simulators.signing_station import SigningStation, seeded_key
from tools.forge import Certified

LIMIT = 100_000
SIGNER = SoftwareSigner(seeded_key(Random("fuzz")))


def cbor(data: bytes) -> None:
    """Whatever is accepted is the only encoding of its value."""
    with suppress(FormatError):
        assert canonical_dumps(strict_loads(data, LIMIT)) == data


def entry(data: bytes) -> None:
    """Whatever is accepted encodes to the very same bytes."""
    with suppress(FormatError):
        found = decode_entry(data)
        assert (encode_manifest(found) if isinstance(found, Manifest) else encode_event(found)) == data


def receipt(data: bytes) -> None:
    """The same for receipts."""
    with suppress(FormatError):
        assert encode_receipt(decode_receipt(data)) == data


def envelope(data: bytes) -> None:
    """Nothing opens that was not signed here, whatever its form."""
    with suppress(SealingError):
        parsed = parse1(data, LIMIT)
        opened = open1(data, lambda _kid: SIGNER.public_key, parsed.content_type, LIMIT)
        assert sign1(opened, SIGNER, parsed.content_type) == data


def policy(data: bytes) -> None:
    """Whatever payload is understood signs to what is read back; nothing opens that was not signed here."""
    with suppress(FormatError, SealingError):
        signed = sign1(data, SIGNER, POLICY_TYPE)
        assert sign_policy(open_policy(signed, lambda _kid: SIGNER.public_key), SIGNER) == signed
    with suppress(FormatError, SealingError):
        open_policy(data, lambda _kid: SIGNER.public_key)
        raise AssertionError("a policy that nobody signed")


def stick(data: bytes) -> None:
    """Whatever file is taken for whole packs to the very same bytes; the digest is right, which a fuzzer would never guess."""
    body = MAGIC + data
    with suppress(FormatError):
        bundle = read_bundle(body + hashlib.sha256(body).digest())
        assert b"".join(pack_bundle(bundle.envelope, [len(part) for part in bundle.parts], bundle.parts))[:-DIGEST_BYTES] == body


def custody(data: bytes) -> None:
    """Whatever message is accepted encodes to the very same bytes."""
    with suppress(WireError):
        assert encode(decode(data)) == data


def ingest(data: bytes) -> None:
    """The district's door behind a right checksum: the first byte chooses the kind of message, the second whether the payload gets signed."""
    receiver, station = _door()
    if len(data) < 3:
        return
    kind = Kind(1 + data[0] % 3)
    body = sign1(data[2:], station.signer, ENTRY_TYPE) if kind is Kind.ENTRY and data[1] % 2 else data[2:]
    with suppress(WireError):
        receiver.handle(station.name, kind.name.lower(), _frame(kind, body))


def _frame(kind: Kind, body: bytes) -> bytes:
    """With the checksum a fuzzer would never guess."""
    head = bytes((1, kind))
    return head + crc32(body, crc32(head)).to_bytes(4, "big") + body


@lru_cache(maxsize=1)
def _door() -> tuple[Receiver, SigningStation]:
    """A real store in a folder of its own that goes with the process, one record waiting for content."""
    audiences: Mapping[Audience, bytes] = {"intake": generate_audience()[1], "vault": generate_audience()[1]}
    rng = Random("fuzz")
    station = SigningStation("s-1", seeded_key(rng), audiences, rng.randbytes)
    folder = tempfile.TemporaryDirectory(prefix="rekam-fuzz-")
    store = DistrictStore.open(Path(folder.name), Certified({"s-1": station.key.public_key()}), SIGNER, "poso", SystemClock())
    KEPT.append(folder)
    store.accept_entry("s-1", station.record(bytes(range(16))).envelope)
    store.flush()
    return Receiver(store), station


KEPT: list[object] = []
"""folders that live as long as the process"""
TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "cbor": cbor, "entry": entry, "receipt": receipt, "envelope": envelope, "policy": policy, "stick": stick, "custody": custody, "ingest": ingest,
}
