"""`./rekam bench seal`: what sealing, signing, verifying and opening a record costs, against the bare primitives on the same bytes.

A record of 15 parts as the demo makes them. `raw primitives` calls ChaCha20-Poly1305, SHA-256, HPKE and ECDSA with nothing around them;
our rows do all that the format asks for. Rounds alternate, the best of each counts, so that a busy machine disturbs both alike.
"""

import argparse
import hashlib
import json
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from edge.clock import random_bytes
from protocols.record import Manifest, PartKind, PartRef, encode_manifest
from protocols.sealing import ENTRY_TYPE, AudienceKey, RecordSealer, audience_of, generate_audience, open_entry, sign1
from simulators.signing_station import SigningStation
from tools.amounts import whole

EXAMPLE = "./rekam bench seal --json seal.json"
SIZES_MB = (0.3, 1.0, 2.0)
ROUNDS = 15
PLACES: tuple[tuple[PartKind, int], ...] = (
    ("population", 0), ("face", 0), ("signature", 0), *(("finger", n) for n in range(1, 11)), ("iris", 1), ("iris", 2),
)  # fmt: skip
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
ECDSA = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True)
class Bench:
    """One station, its two audiences, one record's plain parts."""

    station: SigningStation
    private: dict[str, bytes]
    plain: tuple[bytes, ...]
    public: hpke.MLKEM768X25519PublicKey


def prepare(size_mb: float) -> Bench:
    """A face of half the record's size, the rest in equal parts, random bytes."""
    intake, vault = generate_audience(), generate_audience()
    station = SigningStation("bench", ec.generate_private_key(ec.SECP256R1()), {"intake": intake[1], "vault": vault[1]}, random_bytes)
    total = int(size_mb * 1e6)
    sizes = [total // 2 if kind == "face" else total // 2 // (len(PLACES) - 1) for kind, _ in PLACES]
    mlkem_key = mlkem.MLKEM768PublicKey.from_public_bytes(vault[1][:1184])
    pair = hpke.MLKEM768X25519PublicKey(mlkem_key, x25519.X25519PublicKey.from_public_bytes(vault[1][1184:]))
    return Bench(station, {"intake": intake[0], "vault": vault[0]}, tuple(random_bytes(size) for size in sizes), pair)


@dataclass(frozen=True)
class Sealed:
    """What the station would send."""

    envelope: bytes
    manifest: Manifest
    parts: tuple[bytes, ...]


def seal(bench: Bench, keep: Callable[[bytearray], None] = lambda _part: None) -> tuple[bytes, Manifest]:
    """As the station does it: a sealer, every part sealed, hashed and out of memory as it comes, the manifest, the signature."""
    record_id = random_bytes(16)
    sealer = RecordSealer(record_id, bench.station.name, bench.station.audiences, random_bytes)
    references = []
    for (kind, position), data in zip(PLACES, bench.plain, strict=True):
        sealed = sealer.seal_part(kind, position, data)
        references.append(_reference(kind, position, sealed))
        keep(sealed)
    manifest = Manifest(
        header=bench.station.header(), record_id=record_id, register="bench-1", keys=(sealer.wrapped,),
        parts=tuple(references),
        exceptions=(), steps=(), power_source="mains", operator=b"op", urgent=False, recapture=False, guards_not_done=(),
    )
    return sign1(encode_manifest(manifest), bench.station.signer, ENTRY_TYPE), manifest


def sealed_record(bench: Bench) -> Sealed:
    """One record with its parts, to verify and open."""
    parts: list[bytes] = []
    envelope, manifest = seal(bench, lambda part: parts.append(bytes(part)))
    return Sealed(envelope, manifest, tuple(parts))


def _reference(kind: PartKind, position: int, sealed: bytearray) -> PartRef:
    digest = hashlib.sha256(sealed).digest()
    return PartRef(kind=kind, position=position, media_type="image/png", size=len(sealed), sha256=digest, key_epoch=0, quality={"sharpness": 40})


def seal_raw(bench: Bench) -> None:
    """The primitives alone, once for each time the format needs them."""
    cipher = ChaCha20Poly1305(random_bytes(32))
    digests = b"".join(hashlib.sha256(cipher.encrypt(bytes(12), data, b"")).digest() for data in bench.plain)
    SUITE.encrypt(bytes(32), bench.public)
    SUITE.encrypt(bytes(32), bench.public)
    bench.station.key.sign(digests, ECDSA)


def verify(bench: Bench, sealed: Sealed) -> None:
    """As the district does it."""
    manifest = open_entry(sealed.envelope, lambda _kid: bench.station.key.public_key())
    assert isinstance(manifest, Manifest)
    for part, data in zip(manifest.parts, sealed.parts, strict=True):
        assert hashlib.sha256(data).digest() == part.sha256


def verify_raw(bench: Bench, sealed: Sealed, signature: bytes) -> None:
    """One signature and the hashes."""
    bench.station.key.public_key().verify(signature, sealed.envelope, ECDSA)
    for data in sealed.parts:
        hashlib.sha256(data).digest()


def open_all(bench: Bench, sealed: Sealed) -> None:
    """As the holder of both keys does it."""
    openers = {audience: AudienceKey(private) for audience, private in bench.private.items()}
    for part, data in zip(sealed.manifest.parts, sealed.parts, strict=True):
        openers[audience_of(part.kind)].open_part(
            sealed.manifest.keys[0], data, station=bench.station.name, record_id=sealed.manifest.record_id, kind=part.kind, position=part.position, epoch=0,
        )


def measure(rounds: int = ROUNDS, sizes_mb: tuple[float, ...] = SIZES_MB) -> list[dict[str, Any]]:
    """Rows for --json; names are a contract. `ratio` is against `raw primitives` of the same scenario."""
    return [row for size_mb in sizes_mb for row in _measure(size_mb, rounds)]


def _measure(size_mb: float, rounds: int) -> list[dict[str, Any]]:
    bench = prepare(size_mb)
    sealed = sealed_record(bench)
    signature = bench.station.key.sign(sealed.envelope, ECDSA)
    rows = _rows(f"seal {size_mb} MB", size_mb, rounds, partial(seal, bench), partial(seal_raw, bench))
    rows += _rows(f"verify {size_mb} MB", size_mb, rounds, partial(verify, bench, sealed), partial(verify_raw, bench, sealed, signature))
    opened = _row(f"open {size_mb} MB", "rekam", size_mb, _best([partial(open_all, bench, sealed)], rounds)[0], None)
    opened["added_bytes"] = len(sealed.envelope) + sum(map(len, sealed.parts)) - sum(map(len, bench.plain))
    return [*rows, opened]


def _rows(scenario: str, size_mb: float, rounds: int, ours: Callable[[], object], raw: Callable[[], object]) -> list[dict[str, Any]]:
    our_s, raw_s = _best([ours, raw], rounds)
    row = _row(scenario, "rekam", size_mb, our_s, our_s / raw_s)
    row["peak_mb_per_mb"] = round(_peak_bytes(ours) / (size_mb * 1e6), 2)
    return [row, _row(scenario, "raw primitives", size_mb, raw_s, 1.0)]


def _row(scenario: str, peer: str, size_mb: float, seconds: float, ratio: float | None) -> dict[str, Any]:
    return {
        "scenario": scenario, "peer": peer, "ms_per_mb": round(seconds * 1000 / size_mb, 3), "mb_per_s": round(size_mb / seconds, 1),
        "ratio": None if ratio is None else round(ratio, 2),
    }


def _best(candidates: list[Callable[[], object]], rounds: int) -> list[float]:
    """Shortest processor time of each in seconds, the candidates taking turns."""
    best = [float("inf")] * len(candidates)
    for _ in range(rounds):
        for index, candidate in enumerate(candidates):
            started = time.thread_time()
            candidate()
            best[index] = min(best[index], time.thread_time() - started)
    return best


def _peak_bytes(function: Callable[[], object]) -> int:
    """What it holds at its peak beyond what was there before."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=whole(1, 10_000), default=ROUNDS, help=f"repetitions, the best counts (default {ROUNDS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    rows = measure(arguments.rounds)
    if arguments.json:
        arguments.json.write_bytes(msgspec.json.format(json.dumps(rows).encode(), indent=1) + b"\n")
    print(f"{'scenario':<16}{'peer':<16}{'ms/MB':>9}{'MB/s':>9}{'ratio':>8}{'peak MB/MB':>12}")
    for row in rows:
        print(f"{row['scenario']:<16}{row['peer']:<16}{row['ms_per_mb']:>9}{row['mb_per_s']:>9}{row['ratio'] or '':>8}{row.get('peak_mb_per_mb', ''):>12}")
    return 0
