"""Plain-Python objects as bytes and back: the key of a cache, and what a worker process is sent.

One object has one encoding, so that equal bytes mean equal objects. Reading bytes builds text, numbers, tuples and
the like, and never runs code. Nothing here needs NumPy or JAX: a worker starts in a few hundredths of a second.
"""

import struct
from typing import Any

TAGS = {type(None): b"n", bool: b"b", int: b"i", float: b"f", str: b"s", bytes: b"y", tuple: b"t", list: b"l"}
"""The first byte of each kind of object."""
DICT, FROZENSET = b"d", b"z"
LENGTH = struct.Struct("<I")


def to_bytes(item: Any) -> bytes:
    """The encoding of an object of text, numbers, tuples, lists, dictionaries and frozen sets.

    Raises TypeError for anything else.
    """
    kind = type(item)
    if kind in TAGS:
        return TAGS[kind] + _framed(_content(item, kind))
    if kind is dict:
        return DICT + _framed(b"".join(sorted(to_bytes(key) + to_bytes(value) for key, value in item.items())))
    if kind is frozenset:
        return FROZENSET + _framed(b"".join(sorted(map(to_bytes, item))))
    if hasattr(item, "tolist") and not isinstance(item, type):  # a number, a text or an array of NumPy
        return to_bytes(item.tolist())
    raise TypeError(f"an object of {kind.__name__} is not plain: text, numbers, tuples, lists, dictionaries of them")


def _content(item: Any, kind: type) -> bytes:
    if item is None:
        return b""
    if kind is str:
        return item.encode("utf-8", "surrogatepass")
    if kind is bytes:
        return item
    if kind is float:
        return struct.pack("<d", item)
    if kind in (int, bool):
        return b"%d" % item
    return b"".join(map(to_bytes, item))


def _framed(content: bytes) -> bytes:
    return LENGTH.pack(len(content)) + content


def from_bytes(encoded: bytes) -> Any:
    """The object of an encoding. Raises ValueError for bytes that are none."""
    try:
        item, end = _read(encoded, 0)
    except RecursionError as error:
        raise ValueError("objects are nested too deeply") from error
    if end != len(encoded):
        raise ValueError(f"{len(encoded) - end} bytes are left behind the object")
    return item


def _read(encoded: bytes, at: int) -> tuple[Any, int]:
    tag, head = encoded[at : at + 1], encoded[at + 1 : at + 5]
    if len(head) < LENGTH.size:
        raise ValueError("the bytes of an object end too early")
    start = at + 5
    end = start + LENGTH.unpack(head)[0]
    if end > len(encoded):
        raise ValueError("the bytes of an object end too early")
    content = encoded[start:end]
    if tag in SIMPLE:
        return SIMPLE[tag](content), end
    items = []
    while start < end:
        item, start = _read(encoded, start)
        items.append(item)
    if tag == TAGS[tuple]:
        return tuple(items), end
    if tag == TAGS[list]:
        return items, end
    if tag == FROZENSET:
        return frozenset(items), end
    if tag == DICT:
        return dict(zip(items[::2], items[1::2], strict=True)), end
    raise ValueError(f"there is no kind of object {tag!r}")


SIMPLE: dict[bytes, Any] = {
    TAGS[type(None)]: lambda content: None,
    TAGS[bool]: lambda content: bool(int(content)),
    TAGS[int]: int,
    TAGS[float]: lambda content: struct.unpack("<d", content)[0],
    TAGS[str]: lambda content: content.decode("utf-8", "surrogatepass"),
    TAGS[bytes]: bytes,
}
