"""`./rekam record` on a record's folder, as an officer would use it."""

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge.clock import random_bytes
from edge.devices.interfaces import PenSample, SignatureSeries
from edge.enrolment.parts import CBOR, encode_series
from edge.errors import StationError
from protocols.record import Audience, PartRef, encode_manifest
from protocols.sealing import RecordSealer, audience_public
from simulators.signing_station import Made, SigningStation
from tools import record
from tools.keys import SitePaths, make_site
from tools.record import _private


@pytest.fixture
def site(tmp_path: Path) -> SitePaths:
    return make_site(tmp_path / "keys", ["s-1", "s-2"], district="poso")


@pytest.fixture
def made(site: SitePaths) -> Made:
    key = load_pem_private_key(site.station_key("s-1").read_bytes(), None)
    return SigningStation("s-1", key, _audiences(site), random_bytes).record()


def _audiences(site: SitePaths) -> dict[Audience, bytes]:
    return {"intake": audience_public(_private(site.intake_private)), "vault": audience_public(_private(site.vault_private))}


@pytest.fixture
def folder(tmp_path: Path, made: Made) -> Path:
    folder = tmp_path / "record"
    folder.mkdir()
    (folder / "manifest.cose").write_bytes(made.envelope)
    for index, part in enumerate(made.parts):
        (folder / f"{index:02d}.part").write_bytes(part)
    return folder


Call = Callable[..., int]


@pytest.fixture
def call(site: SitePaths) -> Call:
    def run(*words: object) -> int:
        parser = argparse.ArgumentParser()
        record.add_arguments(parser)
        return record.run(parser.parse_args([str(word) for word in words]))

    return run


def test_inspect_needs_no_key(call: Call, folder: Path, made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("inspect", folder) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["sha256"], shown["verified"]) == (made.digest.hex(), False)
    assert shown["document"]["header"]["station"] == "s-1"
    assert shown["document"]["parts"][2] | {"kind": "finger", "position": 2} == shown["document"]["parts"][2]


def test_verify_checks_signature_issuer_and_parts(call: Call, folder: Path, site: SitePaths, capsys: pytest.CaptureFixture[str]) -> None:
    certificate = site.station_certificate("s-1")
    assert call("verify", folder, "--certificate", certificate, "--authority", site.authority) == 0
    assert "station s-1 holds; 4 sealed parts" in capsys.readouterr().out


def test_verify_refuses(call: Call, folder: Path, site: SitePaths) -> None:
    certificate = site.station_certificate("s-1")
    for words in (["--certificate", site.station_certificate("s-2")], ["--certificate", site.district], [],
                  ["--certificate", certificate, "--authority", site.station_certificate("s-2")]):  # fmt: skip
        with pytest.raises(StationError):
            call("verify", folder, *words)
    (folder / "02.part").write_bytes(b"something else")
    with pytest.raises(StationError, match=r"02\.part \(finger 2\) is missing or altered"):
        call("verify", folder, "--certificate", certificate)


def test_a_folder_must_be_whole_and_a_manifest_may_be_alone(call: Call, folder: Path, site: SitePaths, tmp_path: Path) -> None:
    words = ["--certificate", site.station_certificate("s-1")]
    (folder / "00.part").unlink()
    for named in (folder, folder / "manifest.cose"):
        with pytest.raises(StationError, match=r"00\.part .* is missing"):
            call("verify", named, *words)
    alone = tmp_path / "manifest.cose"
    alone.write_bytes((folder / "manifest.cose").read_bytes())
    assert call("verify", alone, *words) == 0


def test_a_file_without_end_is_refused(call: Call) -> None:
    with pytest.raises(StationError, match="has more than"):
        call("inspect", "/dev/zero")


def test_open_gives_each_key_its_part_and_no_more(call: Call, folder: Path, site: SitePaths, made: Made, tmp_path: Path) -> None:
    words = ["open", folder, "--certificate", site.station_certificate("s-1")]
    assert call(*words, "--key", site.intake_private, "--out", tmp_path / "intake") == 0
    assert [path.name for path in (tmp_path / "intake").iterdir()] == ["population-00.png"]
    assert call(*words, "--key", site.vault_private, "--key", site.intake_private, "--out", tmp_path / "all") == 0
    assert sorted(path.read_bytes() for path in (tmp_path / "all").iterdir()) == sorted(made.plain)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "all").iterdir()} == {"0o600"}


def test_open_says_what_it_needs(call: Call, folder: Path, site: SitePaths) -> None:
    with pytest.raises(StationError, match="--key and --out"):
        call("open", folder, "--certificate", site.station_certificate("s-1"))
    with pytest.raises(StationError, match=r"no audience key|96"):
        call("open", folder, "--certificate", site.station_certificate("s-1"), "--key", site.vault, "--out", folder / "x")
    with pytest.raises(StationError, match="cannot be read"):
        call("inspect", folder / "nothing")
    with pytest.raises(StationError, match="Do not use it"):
        call("inspect", folder / "00.part")


def test_open_puts_readable_forms_beside_a_signature(call: Call, folder: Path, site: SitePaths, made: Made, tmp_path: Path) -> None:
    series = SignatureSeries((PenSample(0, 10, 20, 300, True), PenSample(5000, 900, 20, 300, True)), 10_000, 3_750, 1023, 100.0)
    station = SigningStation("s-1", load_pem_private_key(site.station_key("s-1").read_bytes(), None), _audiences(site), random_bytes)
    record_id = random_bytes(16)
    sealer = RecordSealer(record_id, "s-1", _audiences(site), random_bytes)
    sealed = bytes(sealer.seal_part("signature", 0, encode_series(series)))
    part = PartRef(kind="signature", position=0, media_type=CBOR, size=len(sealed), sha256=hashlib.sha256(sealed).digest(), key_epoch=0, quality={})
    signed = station.sign(encode_manifest(msgspec.structs.replace(made.manifest, record_id=record_id, keys=(sealer.wrapped,), parts=(part,))))
    (folder / "manifest.cose").write_bytes(signed)
    (folder / "00.part").write_bytes(sealed)
    words = ["open", folder, "--certificate", site.station_certificate("s-1"), "--key", site.vault_private]
    assert call(*words, "--out", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"signature-00.{suffix}" for suffix in ("cbor", "inkml", "png", "sdi", "svg")]
    assert (tmp_path / "out" / "signature-00.cbor").read_bytes() == encode_series(series)
