"""Parsimony: how few changes of letters along a tree explain an alignment (Fitch 1971)."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, UInt8


def site_patterns(
    sets: UInt8[np.ndarray, "taxa sites"],
) -> tuple[UInt8[np.ndarray, "taxa patterns"], Int[np.ndarray, " patterns"]]:
    """The different columns of an alignment and how often each stands there; those that no tree has to change left out.

    A column whose sets have a letter in common costs nothing on any tree.
    """
    costly = sets[:, np.bitwise_and.reduce(sets, axis=0) == 0]
    columns, count = np.unique(costly, axis=1, return_counts=True)
    return columns, count.astype(np.int32)


def least_changes(sets: UInt8[np.ndarray, "taxa sites"]) -> int:
    """A number of changes that no tree goes below: at each site one less than the letters needed to meet every set."""
    letters = np.arange(1, 16, dtype=np.uint8)
    meets = ((sets[None] & letters[:, None, None]) > 0).all(axis=1)
    size = np.bitwise_count(letters).astype(int)
    return int(np.where(meets, size[:, None], 5).min(axis=0).sum()) - sets.shape[1]


def fitch_changes(
    clades: Bool[Array, "taxa taxa"], columns: UInt8[np.ndarray, "taxa patterns"], count: Int[np.ndarray, " patterns"]
) -> Int[Array, ""]:
    """The least changes that explain all columns on the trees of a forest, summed over its trees.

    Row j of `clades` is the clade at which the tree with least taxon j was joined to one with a lesser taxon,
    empty where it was not. Smaller clades come first: then both of the joined trees are complete. A join keeps
    the letters that both sides allow; where there are none it keeps those of either, at the price of one change.
    """
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
