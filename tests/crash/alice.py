"""Every state that a power cut may leave of a program's files, from the system calls it made (after ALICE, Pillai et al., OSDI 2014).

A program is recorded once under strace. For each point between two calls: names are durable when their folder was synced, of the others any
prefix; bytes are durable when their file was synced, of the others nothing, all, any prefix, all but one write, or half of the last.
One file at a time varies while the others have everything or nothing. A line on standard output is a promise.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "openat,creat,write,pwrite64,writev,ftruncate,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,rmdir"
ROOT = Path(__file__).resolve().parent.parent.parent
_TEXT = r'"((?:\\x[0-9a-f]{2})*)"'


@dataclass(frozen=True)
class Call:
    """One system call that matters. `kind`: create write truncate sync sync_folder rename unlink mkdir promise."""

    kind: str
    path: str = ""
    other: str = ""
    offset: int = 0
    data: bytes = b""


@dataclass
class _File:
    """Bytes on the medium and writes on the way."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """What is on the disk after a cut, and what had been promised by then."""

    files: dict[str, bytes]
    folders: frozenset[str]
    promised: tuple[str, ...]

    def build(self, folder: Path) -> None:
        """Write it out, for the program's own reading code to look at."""
        for name in sorted(self.folders):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for name, data in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)


def record(script: str, folder: Path, log: Path) -> list[Call]:
    """Run a Python script in `folder` and return what it did below it. The script's output lines are its promises."""
    command = ["strace", "-f", "-qq", "-y", "-xx", "-s", "2000000", "-o", str(log), "-e", f"trace={CALLS}", sys.executable, "-c", script, str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=100)
    return list(_parse(_whole_lines(log.read_text(encoding="ascii")), str(folder)))


def _whole_lines(text: str) -> Iterator[str]:
    """Calls that another thread interrupted are put together again, at the place where they ended."""
    begun: dict[str, str] = {}
    for line in text.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[pid] = call.removesuffix("<unfinished ...>")
        elif call.startswith("<..."):
            yield begun.pop(pid) + call.partition("resumed>")[2]
        else:
            yield call


def _parse(lines: Iterator[str], folder: str) -> Iterator[Call]:
    offsets: dict[str, int] = {}
    names: set[str] = set()
    for line in lines:
        call, _, rest = line.partition("(")
        result = line.rpartition(" = ")[2]
        if result.startswith("-1"):
            continue
        texts = [bytes.fromhex(found.replace("\\x", "")) for found in re.findall(_TEXT, rest)]
        handle = re.match(r"(\d+)<([^>]*)>", rest)
        opened = re.search(r"<([^>]*)>$", result)
        yield from _call(call, rest, texts, _decoded(handle), opened and _plain(opened[1]), folder, offsets, names)


def _plain(text: str) -> str:
    return bytes.fromhex(text.replace("\\x", "")).decode() if text.startswith("\\x") else text


def _decoded(handle: re.Match[str] | None) -> tuple[int, str] | None:
    return (int(handle[1]), _plain(handle[2])) if handle else None


def _call(
    call: str, rest: str, texts: list[bytes], handle: tuple[int, str] | None, opened: str | None, folder: str, offsets: dict[str, int], names: set[str],
) -> Iterator[Call]:
    def short(path: str) -> str | None:
        return path.removeprefix(folder).strip("/") if path == folder or path.startswith(folder + "/") else None

    if call == "write" and handle and handle[0] == 1:
        yield Call("promise", data=texts[0])
    elif call == "openat" and opened and (name := short(opened)) is not None:
        if "O_CREAT" in rest and name not in names:
            names.add(name)
            yield Call("create", name)
        if "O_TRUNC" in rest:
            yield Call("truncate", name)
        offsets[name] = 0
    elif handle and (name := short(handle[1])) is not None:
        yield from _on_file(call, rest, texts, name, offsets, folder=not (name in names or (name in offsets and "." in name)))
    elif call in {"rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "rmdir"}:
        paths = [found for text in texts if (found := short(text.decode())) is not None]
        if paths:
            yield from _on_names(call, paths, names)


def _on_file(call: str, rest: str, texts: list[bytes], name: str, offsets: dict[str, int], *, folder: bool) -> Iterator[Call]:
    if call == "write":
        yield Call("write", name, offset=offsets.get(name, 0), data=texts[0])
        offsets[name] = offsets.get(name, 0) + len(texts[0])
    elif call == "pwrite64":
        yield Call("write", name, offset=int(rest.rpartition(")")[0].rpartition(",")[2]), data=texts[0])
    elif call in {"fsync", "fdatasync"}:
        yield Call("sync_folder" if folder else "sync", name)
    elif call in {"ftruncate", "writev"}:
        raise NotImplementedError(call)


def _on_names(call: str, paths: list[str], names: set[str]) -> Iterator[Call]:
    if call.startswith("rename"):
        names.discard(paths[0])
        names.add(paths[1])
        yield Call("rename", paths[0], paths[1])
    elif call == "mkdir":
        yield Call("mkdir", paths[0])
    else:
        names.discard(paths[0])
        yield Call("unlink", paths[0])


def states(calls: list[Call]) -> Iterator[State]:
    """Every state, each once."""
    seen = set()
    for end in range(len(calls) + 1):
        for state in _states_at(calls[:end]):
            key = (tuple(sorted(state.files.items())), state.folders, state.promised)
            if key not in seen:
                seen.add(key)
                yield state


def _states_at(calls: list[Call]) -> Iterator[State]:
    files, changes = _replay(calls)
    promised = tuple(call.data.decode() for call in calls if call.kind == "promise")
    loose = [index for index, (_, durable) in enumerate(changes) if not durable]
    for kept in range(len(loose) + 1):
        dropped = set(loose[kept:])
        names, folders = _names([change for index, (change, _) in enumerate(changes) if index not in dropped])
        for contents in _contents(files):
            yield State({name: contents[number] for name, number in names.items()}, folders, promised)


def _replay(calls: list[Call]) -> tuple[list[_File], list[tuple[tuple[str, str, str | int], bool]]]:
    """Files by number, and the changes of names with whether each is durable."""
    files: list[_File] = []
    number: dict[str, int] = {}
    changes: list[tuple[tuple[str, str, str | int], bool]] = []
    for call in calls:
        if call.kind == "create":
            number[call.path] = len(files)
            files.append(_File())
            changes.append((("create", call.path, number[call.path]), False))
        elif call.kind in {"write", "truncate"}:
            files[number[call.path]].pending.append((call.offset, call.data if call.kind == "write" else None))
        elif call.kind == "sync":
            _sync(files[number[call.path]])
        elif call.kind == "sync_folder":
            changes = [(change, durable or str(Path(_where(change)).parent) == (call.path or ".")) for change, durable in changes]
        elif call.kind == "rename":
            if call.path in number:
                number[call.other] = number.pop(call.path)
            changes.append((("rename", call.path, call.other), False))
        elif call.kind in {"unlink", "mkdir"}:
            changes.append(((call.kind, call.path, ""), False))
    return files, changes


def _where(change: tuple[str, str, str | int]) -> str:
    return str(change[2]) if change[0] == "rename" else change[1]


def _sync(file: _File) -> None:
    for write in file.pending:
        _apply(file.durable, write)
    file.pending.clear()


def _apply(data: bytearray, write: tuple[int, bytes | None]) -> None:
    offset, new = write
    if new is None:
        data.clear()
        return
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(new)] = new


def _names(changes: list[tuple[str, str, str | int]]) -> tuple[dict[str, int], frozenset[str]]:
    """A change inside a folder whose own name was lost is lost with it."""
    names: dict[str, int] = {}
    folders: set[str] = set()
    for kind, path, what in changes:
        parent = str(Path(path).parent)
        if parent != "." and parent not in folders:
            continue
        if kind == "create":
            names[path] = int(what)
        elif kind == "mkdir":
            folders.add(path)
        elif kind == "unlink":
            names.pop(path, None)
        else:
            _rename(names, folders, path, str(what))
    return names, frozenset(folders)


def _rename(names: dict[str, int], folders: set[str], source: str, target: str) -> None:
    for held in [name for name in names if name == source or name.startswith(source + "/")]:
        names[target + held.removeprefix(source)] = names.pop(held)
    for held in [name for name in folders if name == source or name.startswith(source + "/")]:
        folders.discard(held)
        folders.add(target + held.removeprefix(source))


def _contents(files: list[_File]) -> Iterator[list[bytes]]:
    everything = [_with(file, file.pending) for file in files]
    nothing = [bytes(file.durable) for file in files]
    yield everything
    yield nothing
    for index, file in enumerate(files):
        for variant in _variants(file):
            for others in (everything, nothing):
                yield [*others[:index], variant, *others[index + 1 :]]


def _variants(file: _File) -> Iterator[bytes]:
    pending = file.pending
    for count in range(1, len(pending)):
        yield _with(file, pending[:count])
    for left_out in range(len(pending) - 1):
        yield _with(file, [*pending[:left_out], *pending[left_out + 1 :]])
    if pending and pending[-1][1]:
        offset, data = pending[-1]
        yield _with(file, [*pending[:-1], (offset, data[: len(data) // 2])])


def _with(file: _File, writes: list[tuple[int, bytes | None]]) -> bytes:
    data = bytearray(file.durable)
    for write in writes:
        _apply(data, write)
    return bytes(data)
