"""The station's signing key in a TPM 2.0: it never leaves the chip, a stolen card is worth nothing without the board.

Speaks through tpm2-tools 5 (Debian package tpm2-tools), one process a signature: some 20 ms against swtpm, up to 0.3 s on an SLB9670, and a
record needs one. The key is persistent (a handle such as 0x81010001), so nothing has to be loaded and no slot is held between calls.
Not responsible for PIN or lock-out policy.
"""

import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from edge.errors import StationError
from protocols.sealing import kid_of

TIMEOUT_S = 20.0
MARK = b"REKAM-TPM "
"""first word of a key file that points to a chip: `REKAM-TPM 0x81010001 device:/dev/tpmrm0`"""
ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign"
"""no `decrypt`: with it the tools refuse an ECDSA key"""
_POINTER = re.compile(rb"REKAM-TPM (0x81[0-9a-fA-F]{6}) ([!-~]{1,200})\s*")


class TpmSigner:
    """One persistent key. Raises StationError (code tpm_failed) when the chip does not answer."""

    def __init__(self, handle: str, tcti: str) -> None:
        self._handle, self._tcti = handle, tcti
        self.public_key = _public_key(handle, tcti)
        self._kid = kid_of(self.public_key)

    @property
    def kid(self) -> bytes:
        return self._kid

    def sign(self, to_be_signed: bytes) -> bytes:
        with tempfile.TemporaryDirectory(prefix="rekam-tpm-") as folder:
            digest, signature = Path(folder, "digest"), Path(folder, "signature")
            digest.write_bytes(hashlib.sha256(to_be_signed).digest())
            _tool(self._tcti, "sign", "-c", self._handle, "-g", "sha256", "-s", "ecdsa", "-f", "plain", "-d", "-o", str(signature), str(digest))
            r, s = decode_dss_signature(signature.read_bytes())
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def read_pointer(data: bytes) -> tuple[str, str] | None:
    """(handle, TCTI) of a key file that points to a chip; None for any other file."""
    found = _POINTER.fullmatch(data)
    return (found[1].decode("ascii"), found[2].decode("ascii")) if found else None


def write_pointer(handle: str, tcti: str) -> bytes:
    """What such a key file holds. It is no secret."""
    return MARK + f"{handle} {tcti}\n".encode("ascii")


def create_key(handle: str, tcti: str) -> TpmSigner:
    """Make a new P-256 key inside the chip at a free handle. Without a resource manager the chip has three slots: they are emptied after each step."""
    with tempfile.TemporaryDirectory(prefix="rekam-tpm-") as folder:
        parent, public, private, key = (str(Path(folder, name)) for name in ("parent", "public", "private", "key"))
        try:
            _tool(tcti, "createprimary", "-C", "o", "-c", parent)
            _tool(tcti, "create", "-C", parent, "-G", "ecc256:ecdsa-sha256", "-a", ATTRIBUTES, "-u", public, "-r", private)
            _tool(tcti, "flushcontext", "-t")
            _tool(tcti, "load", "-C", parent, "-u", public, "-r", private, "-c", key)
            _tool(tcti, "evictcontrol", "-C", "o", "-c", key, handle)
        finally:
            _tool(tcti, "flushcontext", "-t")
    return TpmSigner(handle, tcti)


def _public_key(handle: str, tcti: str) -> ec.EllipticCurvePublicKey:
    with tempfile.TemporaryDirectory(prefix="rekam-tpm-") as folder:
        pem = Path(folder, "public.pem")
        _tool(tcti, "readpublic", "-c", handle, "-f", "pem", "-o", str(pem))
        key = load_pem_public_key(pem.read_bytes())
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _failed(f"the key at {handle} is no P-256 key")
    return key


def _tool(tcti: str, name: str, *arguments: str) -> None:
    try:
        done = subprocess.run([f"tpm2_{name}", "-T", tcti, "-Q", *arguments], capture_output=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(str(error)) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").splitlines()
        raise _failed(next((line for line in said if line.startswith("ERROR")), f"tpm2_{name} ended with {done.returncode}"))


def _failed(why: str) -> StationError:
    return StationError("tpm_failed", f"the TPM did not do what was asked ({why})", "Check that it is fitted and that tpm2-tools is installed.")
