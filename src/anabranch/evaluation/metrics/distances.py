"""Distances between decoded objects, between 0 and 1."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from anabranch.ground.errors import ConfigError

Distance = Callable[[Any, Any], float]
"""A symmetric function of two decoded objects, 0 where they are the same."""


def hamming_distance(first: Sequence[Any], second: Sequence[Any]) -> float:
    """The share of places at which two sequences differ.

    Arguments:
        first: a sequence.
        second: one of the same length.

    Returns:
        From 0 (the same) to 1.

    Raises:
        ConfigError: for sequences of different lengths.
    """
    if len(first) != len(second):
        raise ConfigError(
            f"The Hamming distance needs equally long objects; given lengths {len(first)} and {len(second)}: "
            "use edit_distance."
        )
    return sum(a != b for a, b in zip(first, second, strict=True)) / max(len(first), 1)


def edit_distance(first: Sequence[Any], second: Sequence[Any]) -> float:
    """Levenshtein's distance, over the length of the longer one: the fewest insertions, deletions and replacements.

    Arguments:
        first: a sequence.
        second: another, of any length.

    Returns:
        From 0 (the same) to 1.
    """
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1] / max(len(first), len(second), 1)


def object_distance(first: Any, second: Any) -> float:
    """Hamming's distance between objects of equal length, else the edit distance; nested tuples are read flat.

    Arguments:
        first: a decoded object.
        second: another.

    Returns:
        From 0 (the same) to 1.
    """
    a, b = flat(first), flat(second)
    return hamming_distance(a, b) if len(a) == len(b) else edit_distance(a, b)


def flat(item: Any) -> Sequence[Any]:
    """A string as it is, the leaves of nested tuples and lists, anything else as a single place."""
    return item if isinstance(item, str) else list(_leaves(item))


def _leaves(item: Any) -> Iterator[Any]:
    if isinstance(item, tuple | list):
        for part in item:
            yield from _leaves(part)
    else:
        yield item


def distance_rows(
    objects: Sequence[Any], distance: Distance = object_distance
) -> Callable[[int], Float[np.ndarray, " others"]]:
    """A function that gives the distances of one object, by its position, from those that follow it."""
    if distance is object_distance:
        rows = [flat(item) for item in objects]
        if len({len(row) for row in rows}) == 1 and len(rows[0]) > 0:
            number: dict[Any, int] = {}
            codes = np.array([[number.setdefault(part, len(number)) for part in row] for row in rows])
            return lambda at: (codes[at + 1 :] != codes[at]).mean(axis=1)
    return lambda at: np.array([distance(objects[at], other) for other in objects[at + 1 :]], float)


def mean_pairwise_distance(objects: Sequence[Any], *, distance: Distance = object_distance) -> float:
    """The mean distance over all pairs of different positions: how different objects are from each other.

    Arguments:
        objects: decoded objects; one that stands twice is a pair of distance 0.
        distance: a function of two decoded objects.

    Returns:
        The mean; NaN for fewer than two objects.
    """
    count = len(objects)
    if count < 2:
        return float("nan")
    row = distance_rows(objects, distance)
    return float(sum(row(at).sum() for at in range(count)) / (count * (count - 1) / 2))
