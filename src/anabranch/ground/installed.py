"""Parts that installed packages add by entry points: known by name at once, imported when they are asked for."""

import functools
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from anabranch.ground.errors import ConfigError


@functools.cache
def installed(group: str) -> dict[str, EntryPoint]:
    """The entry points of a group by name; of two packages with the same name the first one found counts."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


def loaded(point: EntryPoint) -> Any:
    """What an entry point names. Raises ConfigError, naming the package, where it cannot be imported."""
    try:
        return point.load()
    except Exception as error:
        package = "" if point.dist is None else f" of the package {point.dist.name}"
        what = f"The entry point {point.name!r} ({point.value}){package}"
        raise ConfigError(f"{what} cannot be loaded, {type(error).__name__}: {error}.") from error
