"""Every routine that writes files outside the store, in every state that a power cut may leave (see alice.py).

A routine's script prints when it has promised something. Four careless ways of writing are tried as well: the method must find each.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from district.decisions import Decision
from district.policies import Policies
from edge.devices.register import AtomicStorage
from edge.power import last_words
from protocols.canonical import FormatError
from protocols.stick import read_bundle
from tests.crash.alice import Call, State, record, states

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)")

HEAD = "import os, sys\nfrom pathlib import Path\nfolder = Path(sys.argv[1])\ndef promise(text): os.write(1, text.encode())\n"
Check = Callable[[Path, State], str]
"""what is wrong with the files in a folder, or nothing"""


def writes_old_then_new(path: Path, state: State) -> str:
    """`file` is one of two versions, the promised one if any."""
    data = (path / "file").read_bytes() if (path / "file").exists() else b""
    allowed = [b"", b"old" * 1000, b"new" * 2000][len(state.promised) :]
    return "" if data in allowed else f"{data[:9]!r}, {len(data)} bytes after {state.promised}"


DURABLE = HEAD + """
from edge.files import write_durably
write_durably(folder / "file", b"old" * 1000)
promise("old")
write_durably(folder / "file", b"new" * 2000)
promise("new")
"""
DISTRICT_DURABLE = DURABLE.replace("from edge.files import write_durably", "from district.durable import write_durably")

POLICIES = HEAD + """
from district.policies import Policies, blank
from protocols.sealing import SoftwareSigner
from cryptography.hazmat.primitives.asymmetric import ec
class Clock:
    def wall_s(self): return 1_800_000_000
signer = SoftwareSigner(ec.derive_private_key(7, ec.SECP256R1()))
for number in (1, 2):
    Policies(folder).add(blank("poso", None, number, Clock()), signer)
    promise(str(number))
"""


def policies_only_grow(path: Path, state: State) -> str:
    """A number that was given away is never given again, and what was said to be signed is there."""
    policies = Policies(path)
    newest = policies.newest("s-1")
    number = newest[1].sequence if newest else 0
    return "" if number >= len(state.promised) and policies.next_number() > number else f"policy {number} after {state.promised}"


WISH = HEAD + """
from district.decisions import Decision, wish
wish(folder, Decision("ab" * 32, "release", "Ibu Sri"))
promise("left")
"""


def wish_is_whole(path: Path, state: State) -> str:
    found = list((path / "decisions").glob("*.json"))
    if not found:
        return "promised, but gone" if state.promised else ""
    return "" if msgspec.json.decode(found[0].read_bytes(), type=Decision).officer == "Ibu Sri" else "other words"


ROSTER = HEAD + """
from edge.store import stick
stick.roster_issued_s = lambda signed, _key_of: len(signed)
class Ledger:
    def event(self, *_): promise("noted")
desk = stick.StickDesk(None, Ledger(), "s-1", None, folder / "file", None)
desk.roster(b"old" * 1000)
desk.roster(b"new" * 2000)
"""

STICK_COPY = HEAD + """
from edge.store.stick import Waiting
from protocols.stick import bundle_bytes, pack_bundle
from tools.stick_copy import export_entries
class Desk:
    station = "station"
    def begin(self): return [Waiting(1, bundle_bytes(8, [9000, 9]))]
    def bundle(self, sequence): return 0, pack_bundle(b"envelope", [9000, 9], [b"a" * 9000, b"b" * 9])
export_entries(Desk(), folder, lambda *_: None)
promise("1")
"""

LAST_WORDS = HEAD + """
from edge.power.last_words import LastWords, leave
leave(folder, LastWords("watchdog", "session"))
promise("left")
"""


def words_are_whole(path: Path, state: State) -> str:
    found = last_words.read(path)
    if found is None:
        return "promised, but gone" if state.promised else ""
    return "" if found.code == "watchdog" else "other words"


REGISTER = HEAD + """
from edge.devices.register import AtomicStorage
storage = AtomicStorage(folder / "register.json")
storage.write({"devices": {"1": {"device": "camera", "captures": 1}}})
promise("1")
storage.write({"devices": {"1": {"device": "camera", "captures": 2}}})
promise("2")
"""


def register_is_whole(path: Path, state: State) -> str:
    found = AtomicStorage(path / "register.json").read()
    captures = found["devices"]["1"]["captures"] if found else 0
    damaged = (path / "register.damaged").exists()
    return "" if not damaged and captures >= len(state.promised) else f"{found} after {state.promised}"


STICK = HEAD + """
from edge.files import make_folder, write_pieces_durably
from protocols.stick import pack_bundle
make_folder(folder / "rekam" / "station")
write_pieces_durably(folder / "rekam" / "station" / "1.entry", pack_bundle(b"envelope", [9000, 9], [b"a" * 9000, b"b" * 9]))
promise("1")
"""


def bundle_is_whole_or_not_there(path: Path, state: State) -> str:
    entry = next((path / "rekam" / "station").glob("*.entry"), None)
    if entry is None:
        return "promised, but gone" if state.promised else ""
    try:
        return "" if read_bundle(entry.read_bytes()).parts[1] == b"b" * 9 else "other bytes"
    except FormatError as error:
        return str(error)


KEYS = HEAD + """
from protocols.roster import Hardness
from tools.keys import SiteOperator, make_site
make_site(folder / "site", ["station"], [], [SiteOperator("a", "A", "123456")], "district", hardness=Hardness(iterations=1, lanes=1, memory_kib=64))
promise("made")
"""


def keys_are_whole(path: Path, state: State) -> str:
    """No key file is ever half written; all are there once that was said."""
    files = [file for file in (path / "site").rglob("*") if file.is_file() and file.suffix != ".tmp"]
    short = [file.name for file in files if file.stat().st_size < 40]
    if state.promised and len(files) < 10:
        return f"only {len(files)} files"
    return f"half written: {short}" if short else ""


PAYLOADS = HEAD + """
from district.payloads import Payloads, RealDisk
payloads = Payloads(folder, RealDisk())
record = bytes(16)
for part in (0, 1):
    payloads.write("station", record, part, 0, bytes([65 + part]) * 3000)
    payloads.write("station", record, part, 3000, bytes([65 + part]) * 2000)
payloads.sync()
promise("parts")
payloads.finish("station", record, b"manifest")
payloads.sync()
promise("record")
"""


def payloads_are_whole(path: Path, state: State) -> str:
    """Promised parts and manifest are there; the rest is only bytes that the database does not count."""
    folder = path / "records" / "station" / bytes(16).hex()
    expected = {"00.part": b"A" * 5000, "01.part": b"B" * 5000} if state.promised else {}
    if len(state.promised) == 2:
        expected["manifest.cose"] = b"manifest"
    wrong = [name for name, data in expected.items() if not (folder / name).exists() or (folder / name).read_bytes() != data]
    return f"{wrong} after {state.promised}" if wrong else ""


EXCHANGE = HEAD + """
from edge.store.files import DiskFiles
files = DiskFiles()
files.make(folder / "a" / "store.new")
files.rename(folder / "a" / "store.new", folder / "a" / "store")
promise("exchanged")
"""


def exchanged(path: Path, state: State) -> str:
    return "" if not state.promised or (path / "a" / "store").is_dir() else "the new store has no name"


ROUTINES: dict[str, tuple[str, Check]] = {
    "small files (edge.files)": (DURABLE, writes_old_then_new),
    "receipts and policies onto a stick (district.durable)": (DISTRICT_DURABLE, writes_old_then_new),
    "policies of a district": (POLICIES, policies_only_grow),
    "an officer's wish": (WISH, wish_is_whole),
    "roster from a stick": (ROSTER, writes_old_then_new),
    "entries onto a stick (tools.stick_copy)": (STICK_COPY, bundle_is_whole_or_not_there),
    "last words for the safe-mode page": (LAST_WORDS, words_are_whole),
    "equipment register (TinyDB)": (REGISTER, register_is_whole),
    "files in pieces in new folders (edge.files)": (STICK, bundle_is_whole_or_not_there),
    "key files (tools.keys)": (KEYS, keys_are_whole),
    "payloads at the district": (PAYLOADS, payloads_are_whole),
    "exchange of a damaged store": (EXCHANGE, exchanged),
}


def violations(calls: list[Call], check: Check, folder: Path) -> tuple[int, list[str]]:
    found, count = [], 0
    for count, state in enumerate(states(calls), 1):  # how many there were is part of the answer
        place = folder / str(count)
        place.mkdir(parents=True)
        state.build(place)
        if wrong := check(place, state):
            found.append(wrong)
        shutil.rmtree(place)
    return count, found


@pytest.mark.parametrize("name", ROUTINES)
def test_no_state_after_a_cut_breaks_a_promise(name: str, tmp_path: Path) -> None:
    script, check = ROUTINES[name]
    (tmp_path / "work").mkdir()
    calls = record(script, tmp_path / "work", tmp_path / "strace.log")
    count, found = violations(calls, check, tmp_path / "states")
    assert not found, f"{len(found)} of {count} states: {found[:3]}"
    assert count > 4


WRITES = re.compile(
    r"write_(bytes|text)\(|O_WRONLY|O_RDWR|open\([^)]*[\"'][wax]b?\+?[\"']|\.(rename|replace)\((self|target|path|temporary)\b|shutil\.(copy|move)"
)
BY_HAND = {
    "edge/files.py", "edge/store/files.py", "edge/devices/register.py", "district/durable.py", "district/payloads.py",
    "edge/tpm.py",
}
"""what writes with the system's own calls; everything above is recorded through one of these. tpm.py: a temporary file for tpm2_sign, gone with the call"""


def test_nothing_else_writes_files_by_hand() -> None:
    """A new way of writing needs a routine in the table above."""
    root = Path(__file__).resolve().parent.parent.parent
    found = {
        path.relative_to(root).as_posix() for package in ("edge", "district") for path in (root / package).rglob("*.py")
        if WRITES.search(path.read_text(encoding="utf-8"))
    }
    assert found == BY_HAND


CARELESS = {
    "in place": "(folder / 'file').write_bytes(data)",
    "no sync before the rename": "(folder / 'x').write_bytes(data); (folder / 'x').rename(folder / 'file'); sync_folder(folder)",
    "no sync of the folder": "f = open(folder / 'x', 'wb'); f.write(data); f.flush(); os.fsync(f.fileno()); f.close(); (folder / 'x').rename(folder / 'file')",
    "no sync at all": "(folder / 'x').write_bytes(data); (folder / 'x').rename(folder / 'file')",
}


@pytest.mark.parametrize("name", CARELESS)
def test_careless_writing_is_found(name: str, tmp_path: Path) -> None:
    body = f"def write(data):\n    {CARELESS[name]}\nwrite(b'old' * 1000)\npromise('old')\nwrite(b'new' * 2000)\npromise('new')\n"
    (tmp_path / "work").mkdir()
    calls = record(HEAD + "from edge.files import sync_folder\n" + body, tmp_path / "work", tmp_path / "strace.log")
    _, found = violations(calls, writes_old_then_new, tmp_path / "states")
    assert found


def test_the_register_is_readable_json_for_an_installer(tmp_path: Path) -> None:
    AtomicStorage(tmp_path / "register.json").write({"devices": {}})
    assert json.loads((tmp_path / "register.json").read_text(encoding="utf-8")) == {"devices": {}}
