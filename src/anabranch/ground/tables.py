"""Named parts of the library, imported when they are asked for: names are known before JAX is."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

Part = TypeVar("Part")


class Table(Mapping[str, Part], Generic[Part]):
    """The parts of one kind by name. A row is where a part stands, `module:NAME`; the row is all that names it."""

    def __init__(self, rows: Mapping[str, str]) -> None:
        self.rows = dict(rows)

    def __getitem__(self, name: str) -> Part:
        return imported(self.rows[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.rows


def imported(place: str) -> Part:  # pyright: ignore[reportInvalidTypeVarUse]
    """The object at `module:NAME`, imported."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
