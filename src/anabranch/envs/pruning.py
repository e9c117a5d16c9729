"""The likelihood of a tree whose branches are equally long, by Felsenstein's pruning (1981)."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32


def log_likelihood(
    clades: Bool[Array, "taxa taxa"],
    columns: UInt32[np.ndarray, "taxa patterns"],
    count: Int[np.ndarray, " patterns"],
    *,
    letters: int,
    branch: float,
) -> Float[Array, ""]:
    """log P(alignment | tree) in nats, each branch `branch` expected changes a site long; of a forest, its trees' sum.

    All letters are equally frequent and change into each other at one rate: Jukes and Cantor (1969) for 4 letters, the
    Poisson model for 20. `clades` is a state of `Phylogeny`; columns are sets of letters as bits, each standing
    `count` times. Row j of `below` is P(what stands below | letter at the root of tree j), divided by its
    greatest entry, whose logarithm is kept in `scale`: so that nothing underflows, however many taxa there are.
    """
    clades = jnp.asarray(clades)
    same = float(np.exp(-branch * letters / (letters - 1)))
    bits = (columns[:, :, None] >> np.arange(letters, dtype=np.uint32)) & 1

    def along_branch(below: Float[Array, "patterns letters"]) -> Float[Array, "patterns letters"]:
        return same * below + (1.0 - same) * below.mean(1, keepdims=True)

    def join(carry: tuple[Array, Array], row: Array) -> tuple[tuple[Array, Array], None]:
        below, scale = carry
        clade = clades[row]
        least = jnp.argmax(clade)
        joined = along_branch(below[least]) * along_branch(below[row])
        greatest = joined.max(1, keepdims=True)
        there = clade.any()
        below = below.at[least].set(jnp.where(there, joined / greatest, below[least]))
        return (below, scale + jnp.where(there, jnp.log(greatest[:, 0]), 0.0)), None

    start = (jnp.asarray(bits, float), jnp.zeros(columns.shape[1]))
    (below, scale), _ = jax.lax.scan(join, start, jnp.argsort(clades.sum(1)))
    roots = ~clades.any(1)
    each = scale + jnp.sum(jnp.log(below.mean(2)), axis=0, where=roots[:, None])
    return jnp.sum(each * jnp.asarray(count, float))
