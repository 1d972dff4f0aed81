"""Where a station's signing key may be: each kind of signer passes the same tests, and a wrong key file is one sentence."""

import argparse
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge.clock import random_bytes
from edge.errors import StationError
from edge.keys import StationKeys, load_station_keys
from edge.tpm import TpmSigner, create_key, write_pointer
from protocols.certificates import issue
from protocols.passphrase import Hardness, lock_key_file, unlock_key_file
from protocols.sealing import ENTRY_TYPE, SealingError, kid_of, open1, sign1
from station_config.schema import Keys
from tests.waiting import wait_until
from tools import keys as keys_tool
from tools.children import free_port
from tools.keys import SitePaths, make_site

HANDLE = "0x81010001"
QUICK = Hardness(iterations=1, lanes=1, memory_kib=64)


@pytest.fixture(scope="module")
def tpm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """swtpm on loopback; the TCTI to reach it."""
    if not (shutil.which("swtpm") and shutil.which("tpm2_sign")):
        pytest.skip("swtpm and tpm2-tools are not installed")
    folder = tmp_path_factory.mktemp("tpm")
    server = free_port()
    control = server + 1  # where the tools expect it
    command = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}", "--server", f"type=tcp,port={server},bindaddr=127.0.0.1",
               "--ctrl", f"type=tcp,port={control},bindaddr=127.0.0.1", "--flags", "not-need-init,startup-clear"]  # fmt: skip
    tcti = f"swtpm:host=127.0.0.1,port={server}"
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as child:
        try:
            wait_until(lambda: _answers(tcti), "swtpm")
            yield tcti
        finally:
            child.kill()


def _answers(tcti: str) -> bool:
    return subprocess.run(["tpm2_getrandom", "-T", tcti, "--hex", "4"], capture_output=True, check=False).returncode == 0


@pytest.fixture
def site(tmp_path: Path) -> SitePaths:
    return make_site(tmp_path / "keys", ["s-1"], district="poso")


def load(site: SitePaths, **changes: str) -> StationKeys:
    return load_station_keys(Keys(**(site.station_section("s-1") | changes)), "s-1")


def protect(site: SitePaths) -> Path:
    """Put the key under a passphrase; the passphrase's file."""
    path = site.station_key("s-1")
    path.write_bytes(lock_key_file(path.read_bytes(), "six random words", random_bytes, QUICK))
    passphrase = path.parent / "passphrase"
    passphrase.write_text("six random words\n", encoding="utf-8")
    return passphrase


@pytest.fixture(params=["plain file", "protected file", "tpm"])
def keys(request: pytest.FixtureRequest, site: SitePaths) -> StationKeys:
    if request.param == "plain file":
        return load(site)
    if request.param == "protected file":
        return load(site, station_passphrase=str(protect(site)))
    tcti = request.getfixturevalue("tpm")
    signer = TpmSigner(HANDLE, tcti) if _has_key(tcti) else create_key(HANDLE, tcti)
    site.station_key("s-1").write_bytes(write_pointer(HANDLE, tcti))
    certificate = issue(site.authority.read_bytes(), _authority_key(site), "station", "s-1", signer.public_key)
    site.station_certificate("s-1").write_bytes(certificate)
    return load(site)


def _has_key(tcti: str) -> bool:
    return subprocess.run(["tpm2_readpublic", "-T", tcti, "-c", HANDLE], capture_output=True, check=False).returncode == 0


def _authority_key(site: SitePaths) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(site.authority_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


# --- every signer ------------------------------------------------------------------------------------------------------------------


def test_its_key_id_is_that_of_its_certificate(keys: StationKeys) -> None:
    assert keys.signer.kid == keys.station.kid == kid_of(keys.station.public_key)


def test_its_signatures_are_64_bytes_and_hold(keys: StationKeys) -> None:
    for message in (b"", b"x", bytes(5000)):
        signature = keys.signer.sign(message)
        assert len(signature) == 64
        der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
        keys.station.public_key.verify(der, message, ec.ECDSA(hashes.SHA256()))


def test_its_envelopes_open_and_altered_ones_do_not(keys: StationKeys) -> None:
    for number in range(5):
        envelope = sign1(b"entry %d" % number, keys.signer, ENTRY_TYPE)
        key_of = {keys.station.kid: keys.station.public_key}.get
        assert open1(envelope, key_of, ENTRY_TYPE, 100) == b"entry %d" % number
        with pytest.raises(SealingError):
            open1(envelope[:-1] + bytes([envelope[-1] ^ 1]), key_of, ENTRY_TYPE, 100)


# --- key files ---------------------------------------------------------------------------------------------------------------------


def test_the_station_believes_its_district_alone(site: SitePaths) -> None:
    keys = load(site)
    assert keys.district_key(keys.district.kid) is not None
    assert keys.district_key(keys.station.kid) is None
    assert {name: len(public) for name, public in keys.audiences.items()} == {"intake": 1216, "vault": 1216}


def _open_to_all(site: SitePaths) -> dict[str, str]:
    os.chmod(site.station_key("s-1"), 0o640)
    return {}


def _protected(site: SitePaths) -> dict[str, str]:
    protect(site)
    return {}


def _wrong_passphrase(site: SitePaths) -> dict[str, str]:
    passphrase = protect(site)
    passphrase.write_text("five random words", encoding="utf-8")
    return {"station_passphrase": str(passphrase)}


WRONG: dict[str, tuple[Callable[[SitePaths], dict[str, str]], str, str]] = {
    "missing": (lambda site: {"station_key": "/nowhere/station.key"}, "key_missing", "installer's stick"),
    "open to others": (_open_to_all, "key_open", "chmod 600"),
    "not a key": (lambda site: {"station_key": str(site.authority_key.parent / "district" / "stations" / "s-1.pem")}, "key_open", "chmod"),
    "no passphrase": (_protected, "key_wrong", "needs a passphrase"),
    "wrong passphrase": (_wrong_passphrase, "key_wrong", "wrong PIN or passphrase"),
    "certificate of another role": (lambda site: {"district_certificate": str(site.authority)}, "key_wrong", "not a district"),
    "certificate of another key": (lambda site: {"station_certificate": str(site.district)}, "key_wrong", "certifies a district"),
    "audience that is none": (lambda site: {"audience_vault": str(site.district)}, "key_wrong", "audience key"),
    "private audience key": (lambda site: {"audience_vault": str(site.vault_private)}, "key_wrong", "96 bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_key_file_is_one_sentence(site: SitePaths, name: str) -> None:
    change, code, words = WRONG[name]
    with pytest.raises(StationError, match=words) as problem:
        load(site, **change(site))
    assert problem.value.code == code


def test_another_stations_keys_are_refused(site: SitePaths) -> None:
    with pytest.raises(StationError, match="another station than s-2"):
        load_station_keys(Keys(**site.station_section("s-1")), "s-2")


def test_a_tpm_that_is_not_there(site: SitePaths) -> None:
    site.station_key("s-1").write_bytes(write_pointer(HANDLE, f"swtpm:host=127.0.0.1,port={free_port()}"))
    with pytest.raises(StationError) as problem:
        load(site)
    assert problem.value.code == "tpm_failed"


def keys_command(*words: object) -> int:
    parser = argparse.ArgumentParser()
    keys_tool.add_arguments(parser)
    return keys_tool.run(parser.parse_args([str(word) for word in words]))


def test_a_station_is_added_to_a_site(site: SitePaths) -> None:
    assert keys_command(site.folder, "--add", "--station", "s-2") == 0
    assert load_station_keys(Keys(**site.station_section("s-2")), "s-2").station.name == "s-2"
    with pytest.raises(StationError, match="a station s-2 already"):
        keys_command(site.folder, "--add", "--station", "s-2")


def test_keys_are_made_under_a_passphrase(site: SitePaths, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("padi kopi kelapa cengkih pala sagu\n", encoding="utf-8")
    assert keys_command(site.folder, "--add", "--station", "s-4", "--passphrase-file", passphrase) == 0
    section = site.station_section("s-4") | {"station_passphrase": str(passphrase)}
    assert load_station_keys(Keys(**section), "s-4").station.name == "s-4"
    passphrase.write_text("1234", encoding="utf-8")
    with pytest.raises(StationError, match="too short"):
        keys_command(site.folder, "--add", "--station", "s-5", "--passphrase-file", passphrase)


def test_a_station_makes_its_key_in_the_tpm_and_the_district_certifies_it(site: SitePaths, tpm: str, tmp_path: Path) -> None:
    own = tmp_path / "station"
    assert keys_command(own, "--tpm", tpm, "--handle", "0x81010002") == 0
    assert keys_command(site.folder, "--add", "--station", "s-3", "--public-key", own / "public.pem") == 0
    assert not site.station_key("s-3").exists()
    section = site.station_section("s-3") | {"station_key": str(own / "station.key")}
    assert isinstance(load_station_keys(Keys(**section), "s-3").signer, TpmSigner)


def test_a_wrong_call_of_the_keys_command(site: SitePaths, tmp_path: Path) -> None:
    for words in ((site.folder, "--add"), (tmp_path / "x", "--station", "a", "--operator", "no-pin"), (tmp_path / "x", "--add", "--station", "a"),
                  (site.folder, "--add", "--station", "a", "--public-key", site.vault),
                  (site.folder, "--add", "--station", "a", "--station", "b", "--public-key", site.vault)):  # fmt: skip
        with pytest.raises(StationError):
            keys_command(*words)


def test_a_site_is_never_overwritten(site: SitePaths) -> None:
    with pytest.raises(StationError, match="holds a site already"):
        make_site(site.folder, ["s-1"])
    secret = [path for path in site.folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077 == 0]
    assert {path.suffix for path in secret} == {".key"}
    assert len(secret) == 5


def test_protected_key_files_hide_the_key() -> None:
    locked = lock_key_file(b"-----BEGIN PRIVATE KEY-----", "words", random_bytes, QUICK)
    assert b"PRIVATE" not in locked
    assert unlock_key_file(locked, "words") == b"-----BEGIN PRIVATE KEY-----"
    with pytest.raises(SealingError):
        unlock_key_file(locked, "other words")
