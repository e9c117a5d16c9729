"""Parsimony: how few changes of letters along a tree explain an alignment (Fitch 1971)."""

from collections.abc import Iterable
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt32


def site_patterns(
    sets: UInt32[np.ndarray, "taxa sites"],
) -> tuple[UInt32[np.ndarray, "taxa patterns"], Int[np.ndarray, " patterns"]]:
    """The different columns of an alignment and how often each stands there; those that no tree has to change left out.

    A column whose sets have a letter in common costs nothing on any tree.
    """
    costly = sets[:, np.bitwise_and.reduce(sets, axis=0) == 0]
    columns, count = np.unique(costly, axis=1, return_counts=True)
    return columns, count.astype(np.int32)


def least_changes(sets: UInt32[np.ndarray, "taxa sites"]) -> int:
    """A number of changes that no tree goes below: at each site one less than the letters needed to meet every set."""
    columns, count = site_patterns(sets)
    return sum((_letters_needed(column) - 1) * int(times) for column, times in zip(columns.T, count, strict=True))


def _letters_needed(column: Iterable[np.uint32]) -> int:
    """The least letters of which each set of a column holds one."""
    held = {int(letters) for letters in column}
    # Whatever meets a set meets those that hold it.
    least = [letters for letters in held if not any(other & letters == other for other in held - {letters})]
    bits = [1 << place for place in range(max(least).bit_length()) if any(letters >> place & 1 for letters in least)]
    sizes = range(1, len(bits) + 1)
    return next(
        size for size in sizes for chosen in combinations(bits, size) if all(sum(chosen) & letters for letters in least)
    )


def fitch_changes(
    clades: Bool[Array, "taxa taxa"], columns: UInt32[np.ndarray, "taxa patterns"], count: Int[np.ndarray, " patterns"]
) -> Int[Array, ""]:
    """The least changes that explain all columns on the trees of a forest, summed over its trees.

    Row j of `clades` is the clade at which the tree with least taxon j was joined to one with a lesser taxon,
    empty where it was not. Smaller clades come first: then both of the joined trees are complete. A join keeps
    the letters that both sides allow; where there are none it keeps those of either, at the price of one change.
    """
    clades = jnp.asarray(clades)
    order = jnp.argsort(clades.sum(1))
    weights = jnp.asarray(count, jnp.int32)

    def join(sets: Array, row: Array) -> tuple[Array, Array]:
        clade = clades[row]
        least = jnp.argmax(clade)
        both = sets[least] & sets[row]
        joined = jnp.where(both > 0, both, sets[least] | sets[row])
        there = clade.any()
        changes = jnp.sum(weights, where=(both == 0) & there)
        return sets.at[least].set(jnp.where(there, joined, sets[least])), changes

    return jax.lax.scan(join, jnp.asarray(columns), order)[1].sum()
