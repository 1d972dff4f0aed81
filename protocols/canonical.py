"""Deterministic CBOR (RFC 8949 section 4.2.1), narrowed to what a record needs, decoded strictly.

Allowed: integers of 64 bits, byte and text strings, arrays, maps keyed by text or integer, false, true, null. Definite lengths, shortest
heads, map keys in bytewise order and never twice, no tags, no floats, no bytes after the item, depth and items capped. The decoder is ours,
so that coverage-guided fuzzing sees it; the encoder is cbor2, and every decoded item must encode to the very bytes that came in.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import cbor2

Value: TypeAlias = "bool | int | bytes | str | Sequence[Value] | Mapping[str, Value] | Mapping[int, Value] | None"

DEPTH_MAX = 8
"""a manifest nests 4 deep; the rest is room"""
ITEMS_MAX = 10_000
"""all items of one document; a manifest has about 200"""
INT_MIN, INT_MAX = -(2**63), 2**64 - 1

_AS_THEY_ARE = frozenset({bytes, bool, type(None)})
_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SIMPLE_VALUES = {20: False, 21: True, 22: None}
_HEAD_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}


class FormatError(Exception):
    """Bytes or values that the format does not allow: `where` names the field or offset, `what` the defect."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


class UnknownVersion(FormatError):
    """A document of a version this program does not know: keep the bytes, do not guess."""


def canonical_dumps(value: Value) -> bytes:
    """The one encoding of `value`. Raises FormatError for a type or an integer that is not allowed."""
    return cbor2.dumps(_ordered(value))


def strict_loads(data: bytes, max_bytes: int, items_max: int = ITEMS_MAX) -> Value:
    """Decode one document of at most `max_bytes`. Raises FormatError unless `data` is its only possible encoding."""
    if len(data) > max_bytes:
        raise FormatError("document", f"{len(data)} bytes, at most {max_bytes} are allowed")
    reader = _Reader(data, items_max)
    value = reader.item(DEPTH_MAX)
    if reader.at != len(data):
        raise FormatError(f"byte {reader.at}", "bytes after the end")
    if canonical_dumps(value) != data:
        raise FormatError("document", "not in its one deterministic encoding")
    return value


def _ordered(value: Value) -> Value:
    """The same value with maps in order, every type checked; exact types, which is also the quick way."""
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is list or kind is tuple:
        return [_ordered(item) for item in value]  # type: ignore[union-attr]
    if kind is int:
        return _checked_int(value)  # type: ignore[arg-type]
    if kind is str:
        return _checked_text(value)  # type: ignore[arg-type]
    if kind is dict:
        return _ordered_map(value)  # type: ignore[arg-type]
    raise FormatError("value", f"type {kind.__name__} is not allowed")


def _ordered_map(value: dict[str | int, Value]) -> Value:
    pairs = [(_key(key), _ordered(item)) for key, item in value.items()]
    if len(pairs) > 1:
        pairs.sort(key=lambda pair: _place(pair[0]))
    return dict(pairs)  # type: ignore[return-value]  # a map with both kinds of key stays what it was


def _place(key: str | int) -> tuple[int, int, bytes]:
    """Order of encoded keys without encoding them: by type, then by length or size, then by bytes."""
    if isinstance(key, int):
        return (0, key, b"") if key >= 0 else (1, ~key, b"")
    text = key.encode()
    return 3, len(text), text


def _checked_int(value: int) -> int:
    if not INT_MIN <= value <= INT_MAX:
        raise FormatError("integer", "does not fit 64 bits")
    return value


def _checked_text(text: str) -> str:
    """Half of a surrogate pair can come from a page's JSON and has no UTF-8 form."""
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise FormatError("text", "not valid Unicode") from error
    return text


def _key(key: object) -> str | int:
    if type(key) is str:
        return _checked_text(key)
    if type(key) is int:
        return _checked_int(key)
    raise FormatError("map key", f"type {type(key).__name__} is not allowed")


class _Reader:
    """A cursor over the bytes of one document."""

    def __init__(self, data: bytes, items_max: int) -> None:
        self._data = data
        self.at = 0
        self._items_left = items_max

    def item(self, depth: int) -> Value:
        """The next item with all that is in it."""
        self._items_left -= 1
        if depth == 0 or self._items_left < 0:
            raise self._error("nested too deeply" if depth == 0 else "too many items")
        major, argument = self._head()
        if major in (_UINT, _NINT):
            return self._integer(major, argument)
        if major in (_BYTES, _TEXT):
            return self._string(major, argument)
        if major == _ARRAY:
            return [self.item(depth - 1) for _ in range(self._count(argument))]
        if major == _MAP:
            return self._map(argument, depth)
        if major == _SIMPLE and argument in _SIMPLE_VALUES:
            return _SIMPLE_VALUES[argument]
        raise self._error("tags, floats and other simple values are not allowed")

    def _head(self) -> tuple[int, int]:
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if info < 24:
            return major, info
        if info not in _HEAD_BYTES or major == _SIMPLE:
            raise self._error("indefinite length, float or reserved head")
        argument = int.from_bytes(self._take(_HEAD_BYTES[info]), "big")
        smallest = 24 if info == 24 else 1 << 8 * _HEAD_BYTES[info - 1]
        if argument < smallest:
            raise self._error("not the shortest head")
        return major, argument

    def _integer(self, major: int, argument: int) -> int:
        value = argument if major == _UINT else -1 - argument
        if value < INT_MIN:
            raise self._error("integer does not fit 64 bits")
        return value

    def _string(self, major: int, length: int) -> bytes | str:
        raw = self._take(length)
        if major == _BYTES:
            return raw
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._error("text is not UTF-8") from error

    def _map(self, count: int, depth: int) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        previous = b""
        for _ in range(self._count(count)):
            start = self.at
            key = self.item(1)
            encoded = self._data[start : self.at]
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise self._error("map keys are text or integers")
            if encoded <= previous:
                raise self._error("map keys repeat or are out of order")
            previous = encoded
            found[key] = self.item(depth - 1)  # type: ignore[index]  # int and str keys both occur; fields check which
        return found

    def _count(self, count: int) -> int:
        """A count is believed only as far as bytes are left: each item takes at least one."""
        if count > len(self._data) - self.at:
            raise self._error("announces more than there is")
        return count

    def _take(self, length: int) -> bytes:
        end = self.at + length
        if end > len(self._data):
            raise self._error("ends too early")
        taken = self._data[self.at : end]
        self.at = end
        return taken

    def _error(self, what: str) -> FormatError:
        return FormatError(f"byte {self.at}", what)
