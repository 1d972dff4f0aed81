"""A secret under a PIN or passphrase: Argon2id (RFC 9106) stretches it, ChaCha20-Poly1305 seals. For rosters and key files.

It slows a thief down by the cost of one guess, no more: 0.3 s and 16 MiB at the default. Six digits hold for days, six random words for ever.
"""

from collections.abc import Callable
from typing import Annotated, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from msgspec import Meta

from protocols.canonical import canonical_dumps, strict_loads
from protocols.record import Document, Id16, convert, plain
from protocols.sealing import SealingError

KEY_FILE_MARK: Final = b"REKAM-KEY 1\n"
"""first line of a protected key file; canonical CBOR of `Locked` follows"""
LOCKED_BYTES_MAX: Final = 4096


class Hardness(Document, frozen=True, kw_only=True):
    """Argon2id cost: a quarter of the memory of RFC 9106's second recommendation, four times its passes, so that a log-in fits into 120 MB."""

    iterations: Annotated[int, Meta(ge=1, le=16)] = 12
    lanes: Annotated[int, Meta(ge=1, le=8)] = 4
    memory_kib: Annotated[int, Meta(ge=64, le=256 * 1024)] = 16 * 1024


class Locked(Document, frozen=True, kw_only=True):
    """A sealed secret and what it takes to try a passphrase on it."""

    salt: Id16
    hardness: Hardness
    sealed: Annotated[bytes, Meta(min_length=16, max_length=2048)]


def lock(secret: bytes, passphrase: str, random_bytes: Callable[[int], bytes], hardness: Hardness) -> Locked:
    """Each salt makes a key that seals exactly once, so the nonce is all zeros."""
    salt = random_bytes(16)
    return Locked(salt=salt, hardness=hardness, sealed=_cipher(passphrase, salt, hardness).encrypt(bytes(12), secret, salt))


def unlock(locked: Locked, passphrase: str) -> bytes:
    """The secret. Raises SealingError (reason login)."""
    try:
        return _cipher(passphrase, locked.salt, locked.hardness).decrypt(bytes(12), locked.sealed, locked.salt)
    except InvalidTag as error:
        raise SealingError("login", "wrong PIN or passphrase, or the file was altered") from error


def lock_key_file(pem: bytes, passphrase: str, random_bytes: Callable[[int], bytes], hardness: Hardness = Hardness()) -> bytes:  # noqa: B008  # frozen
    """A private key file that needs a passphrase."""
    return KEY_FILE_MARK + canonical_dumps(plain(lock(pem, passphrase, random_bytes, hardness)))


def unlock_key_file(data: bytes, passphrase: str) -> bytes:
    """The PEM inside. Raises SealingError, FormatError."""
    locked: Locked = convert(strict_loads(data.removeprefix(KEY_FILE_MARK), LOCKED_BYTES_MAX), Locked)
    return unlock(locked, passphrase)


def _cipher(passphrase: str, salt: bytes, hardness: Hardness) -> ChaCha20Poly1305:
    kdf = Argon2id(salt=salt, length=32, iterations=hardness.iterations, lanes=hardness.lanes, memory_cost=hardness.memory_kib)
    return ChaCha20Poly1305(kdf.derive(passphrase.encode("utf-8")))
