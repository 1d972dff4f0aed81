"""The demo's judgement: open every record at the district with the vault key and compare it with what the devices say they delivered.

Reads the district's record folders and the world's digests, and decodes with other libraries than the station used to encode (Pillow,
cbor2), so that one mistake cannot hide itself.
"""

import base64
import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cbor2
import numpy as np
from PIL import Image

from protocols.canonical import FormatError
from protocols.certificates import read_certificate
from protocols.record import Manifest
from protocols.sealing import SealingError, audience_of, open_entry, open_part
from simulators.control import ControlClient
from simulators.world import digest, digest_series
from tools.auto_operator import StationPage
from tools.demo_site import STATION, DemoSite

PERSONAL = ("nik", "name", "sex", "birth_place", "birth_date", "address", "letter")


class Opener:
    """Opens sealed records with the keys that only the demo has together in one place."""

    def __init__(self, site: DemoSite) -> None:
        self._private = {
            "intake": base64.b64decode(site.keys.intake_private.read_bytes()),
            "vault": base64.b64decode(site.keys.vault_private.read_bytes()),
        }
        self._station = read_certificate(site.keys.station_certificate(STATION).read_bytes())

    def manifest(self, folder: Path) -> Manifest:
        """Verified with the station's certificate; raises SealingError, FormatError."""
        entry = open_entry((folder / "manifest.cose").read_bytes(), lambda kid: self._station.public_key if kid == self._station.kid else None)
        if not isinstance(entry, Manifest):
            raise SealingError("content_type", "an event where a manifest belongs")
        return entry

    def parts(self, folder: Path, manifest: Manifest) -> dict[tuple[str, int], bytes]:
        """(kind, position) -> plaintext; raises SealingError for a part that was changed."""
        opened: dict[tuple[str, int], bytes] = {}
        for index, part in enumerate(manifest.parts):
            sealed = (folder / f"{index:02d}.part").read_bytes()
            if hashlib.sha256(sealed).digest() != part.sha256:
                raise SealingError("seal", f"part {index}: other bytes than the manifest tells")
            opened[(part.kind, part.position)] = open_part(
                self._private[audience_of(part.kind)], manifest.keys[part.key_epoch], sealed,
                station=STATION, record_id=manifest.record_id, kind=part.kind, position=part.position, epoch=part.key_epoch,
            )
        return opened


async def compare(site: DemoSite, control: ControlClient) -> dict[str, Any]:
    """The figures of the summary. Raises RuntimeError for a record that cannot be opened."""
    people = (await control.ask("people"))["people"]
    folders = sorted((site.district_data / "records" / STATION).glob("*/manifest.cose"))
    opener, found = Opener(site), Counter[str]()
    identical = parts = size = 0
    sensor_s = 0.0
    for folder in (path.parent for path in folders):
        try:
            manifest = opener.manifest(folder)
            contents = opener.parts(folder, manifest)
        except (SealingError, FormatError, OSError) as problem:
            raise RuntimeError(f"the record in {folder} cannot be opened: {problem}") from problem
        person = cbor2.loads(contents.pop(("population", 0)))
        found[person["nik"]] += 1
        number = next((one["number"] for one in people if one["nik"] == person["nik"]), None)
        answer = await control.ask("served", person=-1 if number is None else number)
        sensor_s = answer["sensor_s"]
        identical += number is not None and _same(people[number], person, contents, answer["served"])
        parts += len(manifest.parts)
        size += sum(part.size for part in manifest.parts) + (folder / "manifest.cose").stat().st_size
    receipts = (await StationPage("127.0.0.1", site.station_port).state())["queue"]["received"]
    count = max(1, len(folders))
    return {
        "people": len(people), "records_stored": len(folders), "receipts": receipts,
        "lost": sum(found[one["nik"]] == 0 for one in people), "duplicated": sum(times - 1 for times in found.values()), "identical": identical,
        "parts_per_record": round(parts / count, 1), "bytes_per_record": size // count, "seconds_device_limited": round(sensor_s, 1),
    }


def _same(expected: Mapping[str, Any], person: Mapping[str, Any], contents: Mapping[tuple[str, int], bytes], served: list[dict[str, Any]]) -> bool:
    """Population data as in the roster, each capture among those its device delivered, and every finger and eye that exists is there."""
    delivered = {(one["kind"], one["position"]): set(one["digests"]) for one in served}
    right = all(person[key] == expected[key] for key in PERSONAL)
    whole = _expected_captures(expected) <= contents.keys()
    return right and whole and all(_is_served(key, data, delivered) for key, data in contents.items())


def _expected_captures(person: Mapping[str, Any]) -> set[tuple[str, int]]:
    fingers = {("finger", position) for position in range(1, 11) if position not in person["missing_fingers"]}
    irises = {("iris", eye) for eye in (1, 2) if eye not in person["missing_eyes"]}
    return {("face", 0), ("signature", 0)} | fingers | irises


def _is_served(key: tuple[str, int], data: bytes, delivered: Mapping[tuple[str, int], set[str]]) -> bool:
    kind, position = key
    if kind == "signature":
        rows = cbor2.loads(data)["samples"]
        return digest_series((x, y, pressure, bool(tip)) for _, x, y, pressure, tip, *_ in rows) in delivered.get(key, set())
    pixels = np.asarray(Image.open(io.BytesIO(data)), dtype=np.uint8)
    witness = ("face", 0) if kind == "exception_photo" else (kind, position)
    return digest(pixels) in delivered.get(witness, set())


def summary_of(figures: Mapping[str, Any]) -> str:
    """What a person reads at the end."""
    return (
        f"\n{figures['people']} people recorded, {figures['records_stored']} records at the district, {figures['receipts']} signed receipts back.\n"
        f"lost {figures['lost']}, doubled {figures['duplicated']}, byte-identical to what the devices delivered {figures['identical']},"
        f" resumed after a cut {figures['resumed']}.\n"
        f"{figures['parts_per_record']} sealed parts and {figures['bytes_per_record'] / 1e6:.2f} MB a record; {figures['seconds_total']:.0f} s in all,"
        f" {figures['seconds_device_limited']:.0f} s of it the devices' own; station {figures['station_rss_mb']:.0f} MB,"
        f" {figures['station_cpu_s_per_record']:.1f} processor seconds a record."
    )
