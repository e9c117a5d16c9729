"""Draws a label by its weight."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def draw_label(uniform: Float[Array, ""], weights: Float[Array, " labels"]) -> Int[Array, ""]:
    """Inverse-CDF sampling with one number in (0, 1]; a label of weight 0 is never drawn.

    Many labels are searched in two levels, a block and a label in it: long cumulative sums are slow.
    """
    if weights.shape[0] <= 2 * BLOCK:
        return _first_reaching(jnp.cumsum(weights), uniform * weights.sum())
    blocks = jnp.pad(weights, (0, -weights.shape[0] % BLOCK)).reshape(-1, BLOCK)
    ends = jnp.cumsum(blocks.sum(1))
    target = uniform * ends[-1]
    block = _first_reaching(ends, target)
    before = jnp.where(block > 0, ends[block - 1], 0.0)
    inside = jnp.cumsum(blocks[block])
    # The sums of blocks and of labels round differently: what is left of the target may lie above its block's total.
    return block * BLOCK + _first_reaching(inside, jnp.minimum(target - before, inside[-1]))


BLOCK = 32
"""Labels of a block in the search for a label."""


def _first_reaching(cumulative: Float[Array, " n"], target: Float[Array, ""]) -> Int[Array, ""]:
    """The first entry that reaches the target; the last one with a weight where rounding puts the target above all."""
    reached = jnp.minimum(target, cumulative[-1])
    return jnp.sum(cumulative < reached).astype(jnp.int32)
