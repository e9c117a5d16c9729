"""Records that hold arrays are equal where their contents are, so that equal ones share a compiled program."""

import dataclasses
import hashlib
from typing import Any

import jax
import numpy as np


def content_of(record: Any) -> tuple[Any, ...]:
    """The type of a frozen dataclass and its values, arrays by type, shape and digest; worked out once.

    Its NumPy arrays become read-only copies, because what is remembered must stay true.
    """
    known = vars(record).get(REMEMBERED)
    if known is None:
        known = (type(record), *(_content(record, field.name) for field in dataclasses.fields(record)))
        object.__setattr__(record, REMEMBERED, known)
    return known


REMEMBERED = "_content"


def _content(record: Any, name: str) -> Any:
    leaves, structure = jax.tree.flatten(getattr(record, name))
    if any(isinstance(leaf, np.ndarray) for leaf in leaves):
        leaves = [_protected(leaf) for leaf in leaves]
        object.__setattr__(record, name, jax.tree.unflatten(structure, leaves))
    return structure, *(_digest(leaf) for leaf in leaves)


def _protected(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray) and leaf.flags.writeable:
        leaf = leaf.copy()
        leaf.setflags(write=False)
    return leaf


def _digest(leaf: Any) -> Any:
    if not isinstance(leaf, np.ndarray | jax.Array):
        return leaf
    array = np.asarray(leaf)
    bits = repr(array.tolist()).encode() if array.dtype.hasobject else array.tobytes()
    return str(array.dtype), array.shape, hashlib.blake2b(bits, digest_size=32).digest()


class ByContent:
    """A frozen dataclass (with eq=False) that is compared by its content, arrays included."""

    def __eq__(self, other: object) -> bool:
        return self is other or (type(other) is type(self) and content_of(self) == content_of(other))

    def __hash__(self) -> int:
        return hash(content_of(self))
