"""Read a configuration file: every error at once, with the key it stands at and what to do."""

import tomllib
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from station_config.schema import DistrictConfig, Section, StationConfig
from station_config.together import TOGETHER

SIZE_LIMIT_BYTES = 256 * 1024
TEXT_CHARACTERS = 4096
LANGUAGES = ("id", "en")
Config = TypeVar("Config", bound=Section)


class ConfigError(Exception):
    """All that is wrong with one file, one sentence each."""

    def __init__(self, path: Path, problems: list[str]) -> None:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"{path} cannot be used:\n{lines}\nMend the file and start again.")
        self.problems = problems


def load_station(path: Path) -> StationConfig:
    """Read a station's file. Raises ConfigError."""
    return _load(path, StationConfig)


def load_district(path: Path) -> DistrictConfig:
    """Read a district's file. Raises ConfigError."""
    return _load(path, DistrictConfig)


def load_texts() -> dict[str, dict[str, str]]:
    """Language -> message id -> text, of every language that ships (id.toml, en.toml)."""
    folder = Path(__file__).parent
    return {language: tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8")) for language in LANGUAGES}


def _load(path: Path, kind: type[Config]) -> Config:
    table = _read(path)
    problems = list(_problems(table, kind, ""))
    if problems:
        raise ConfigError(path, problems)
    return msgspec.convert(_absolute(table, kind, path.resolve().parent), kind)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(path, [f"the file cannot be read ({error.strerror})"]) from error
    if len(data) > SIZE_LIMIT_BYTES:
        raise ConfigError(path, [f"the file has {len(data)} bytes, at most {SIZE_LIMIT_BYTES} are allowed"])
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(path, [f"not valid TOML: {error}"]) from error


def _problems(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Descend table by table, so that one bad key does not hide the next."""
    section = _section_of(kind)
    if section is None or not isinstance(value, dict):
        yield from _leaf_problem(value, kind, where)
        return
    hints = get_type_hints(section, include_extras=True)
    for key in sorted(value.keys() - hints.keys()):
        yield f"{where}{key}: unknown key; known here: {', '.join(sorted(hints))}"
    for field in msgspec.structs.fields(section):
        if field.name in value:
            yield from _problems(value[field.name], hints[field.name], f"{where}{field.name}.")
        elif field.required:
            yield f"{where}{field.name}: missing"
    if section in TOGETHER:
        yield from TOGETHER[section](_sound(value, section, hints), where)


def _sound(table: dict[str, Any], section: type[Config], hints: dict[str, Any]) -> Config:
    """The section from those keys that are good by themselves; the defaults stand for the others."""
    good = {name: each for name, each in table.items() if name in hints and not list(_problems(each, hints[name], ""))}
    return msgspec.convert(good, section)


def _section_of(kind: Any) -> type[Section] | None:
    candidates = (kind, *getattr(kind, "__args__", ()))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, Section)), None) if not _is_tuple(kind) else None


def _is_tuple(kind: Any) -> bool:
    return getattr(kind, "__origin__", None) is tuple


def _leaf_problem(value: Any, kind: Any, where: str) -> Iterator[str]:
    if _is_tuple(kind) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, kind.__args__[0], f"{where}{index}.")
        return
    if any(isinstance(each, float) and not isfinite(each) for each in (value.values() if isinstance(value, dict) else (value,))):
        yield f"{where.rstrip('.')}: {value} is no number to work with; give a finite one"
        return
    if isinstance(value, str) and not (value.isprintable() and len(value) <= TEXT_CHARACTERS):
        yield f"{where.rstrip('.')}: holds characters that cannot be seen, or more than {TEXT_CHARACTERS}; type it again"
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield f"{where.rstrip('.')}: {error}"


def _absolute(value: Any, kind: Any, folder: Path) -> Any:
    """The same table with relative file paths counted from `folder`."""
    section = _section_of(kind)
    if section is not None and isinstance(value, dict):
        hints = get_type_hints(section, include_extras=True)
        return {key: _absolute(item, hints[key], folder) for key, item in value.items()}
    is_path = any(isinstance(note, msgspec.Meta) and (note.extra or {}).get("path") for note in getattr(kind, "__metadata__", ()))
    return str(folder / value) if is_path and value else value
