"""Named parts of the library, imported when they are asked for: names are known before JAX is."""

import importlib
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from anabranch.ground.errors import ConfigError
from anabranch.ground.installed import installed, loaded

Part = TypeVar("Part")


class Table(Mapping[str, Part], Generic[Part]):
    """The parts of one kind by name: rows of the library, and what installed packages add.

    A row is where a part stands, `module:NAME`, and is all that names it. A package adds classes of its own by entry
    points of `group`, where the table has one; a name of the library stays the library's.
    """

    def __init__(self, rows: Mapping[str, str], *, group: str = "", base: str = "") -> None:
        self.rows = dict(rows)
        self.group, self.base = group, base
        """The group of entry points, and the class that their classes extend, `module:NAME`; or its method, `.name`."""

    def __getitem__(self, name: str) -> Part:
        return imported(self.rows[name]) if name in self.rows else self._installed(name)

    def __iter__(self) -> Iterator[str]:
        yield from self.rows
        yield from (name for name in self._names() if name not in self.rows)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in self.rows or name in self._names()

    def _names(self) -> Mapping[str, object]:
        return installed(self.group) if self.group else {}

    def own(self) -> list[Part]:
        """The library's parts alone."""
        return [self[name] for name in self.rows]

    def _installed(self, name: str) -> Part:
        if name not in self._names():
            raise KeyError(name)
        part = loaded(installed(self.group)[name])
        fits = hasattr(part, self.base[1:]) if self.base[0] == "." else _extends(part, imported(self.base))
        if not isinstance(part, type) or not fits:
            wanted = (
                f"with {self.base[1:]}()" if self.base[0] == "." else f"that extends {self.base.rpartition(':')[2]}"
            )
            raise ConfigError(f"The entry point {name!r} of {self.group} is not a class {wanted}: {part!r}.")
        return part  # pyright: ignore[reportReturnType]


def _extends(part: object, base: type) -> bool:
    return isinstance(part, type) and issubclass(part, base)


def imported(place: str) -> Part:  # pyright: ignore[reportInvalidTypeVarUse]
    """The object at `module:NAME`, imported."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
