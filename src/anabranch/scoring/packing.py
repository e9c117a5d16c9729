"""Evaluate a function on the real rows of a padded batch only, and pull gradients back chunk by chunk."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from anabranch.ground.tracing import traced_once


def on_real_rows(
    function: Callable[[Any, Any], Any],
    parameters: PyTree[Any],
    rows: PyTree[Any],
    mask: Bool[Array, " N"],
    *,
    known: PyTree[Any] | None = None,
    chunk: int | None,
    axis: tuple[str, ...] | None = None,
) -> PyTree[Any]:
    """`function(parameters, row)` for each real row: a pytree of [N, ...] arrays, 0 on padding.

    Memory and work are bounded by the chunk and the number of real rows, in both directions: the real
    rows are gathered into dense chunks and walked by a loop of dynamic length; the cotangents of the
    results, one a row, are pulled back through `function` chunk by chunk. `known` are results already at
    hand (from sampling): then the forward pass is free. `chunk=None` is the plain form, one vmap over all
    rows, left to automatic differentiation. `axis` names the axis of a surrounding vmap, so that the loop
    predicate stays scalar under it.
    """
    if chunk is None:
        return _masked(jax.vmap(function, (None, 0))(parameters, rows), mask)
    # Not more than there are rows: the power of two below, whose quarters are whole numbers.
    chunk = min(chunk, 2 ** int(math.log2(mask.shape[0])))
    single, shapes = traced_once(function, parameters, _gather(rows, 0))
    batched = jax.vmap(single, (None, 0))

    # The gradient is written by hand, because a loop of dynamic length has none in JAX, and an automatic one would
    # keep the activations of all rows at once.
    @jax.custom_vjp
    def evaluate(parameters: Any, rows: Any, mask: Any, known: Any) -> Any:
        return forward(parameters, rows, mask, known)[0]

    def forward(parameters: Any, rows: Any, mask: Any, known: Any) -> Any:
        # The sampler evaluated these rows with these parameters: nothing is left to do, but for the gradient.
        if known is not None:
            return _masked(known, mask), (parameters, rows, mask)

        def add(results: Any, index: Any, real: Any) -> Any:
            piece = batched(parameters, _gather(rows, index))
            # A chunk that is not full repeats row 0. Its results go to a place beyond the array, where mode="drop"
            # ignores them.
            where = jnp.where(real, index, mask.shape[0])
            return jax.tree.map(lambda r, p: r.at[where].set(p, mode="drop"), results, piece)

        empty = jax.tree.map(lambda shape: jnp.zeros((*mask.shape, *shape.shape), shape.dtype), shapes)
        # Without a gradient to add up a small chunk costs no more than a large one: one size, compiled once.
        return _over_chunks(add, empty, mask, [(min(chunk, FORWARD_CHUNK), 1)], axis), (parameters, rows, mask)

    def backward(saved: Any, cotangents: Any) -> Any:
        parameters, rows, mask = saved

        def add(total: Any, index: Any, real: Any) -> Any:
            pieces = _gather(rows, index)
            # A chunk is evaluated again, or recalled, before it is pulled back: memory for the activations of one.
            _, pull = jax.vjp(lambda p: batched(p, pieces), parameters)
            # Repeated rows have a cotangent of 0: they add nothing to the gradient.
            (gradient,) = pull(_masked(_gather(cotangents, index), real))
            return jax.tree.map(jnp.add, total, gradient)

        nothing = jax.tree.map(jnp.zeros_like, parameters)
        # Rows, mask and known values are data: no gradient flows into them.
        return _over_chunks(add, nothing, mask, chunk_sizes(chunk), axis), None, None, None

    evaluate.defvjp(forward, backward)
    return evaluate(parameters, rows, mask, known)


def _masked(values: Any, mask: Bool[Array, " N"]) -> Any:
    def zero_padding(leaf: Array) -> Array:
        return jnp.where(mask.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, 0)

    return jax.tree.map(zero_padding, values)


def _gather(rows: Any, index: Int[Array, " C"] | int) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], rows)


def _over_chunks(
    add: Callable[..., Any],
    start: Any,
    mask: Bool[Array, " N"],
    sizes: list[tuple[int, int]],
    axis: tuple[str, ...] | None,
) -> Any:
    """Fold `add(total, index, real)` over chunks of the real rows: large ones first, then smaller ones for the rest.

    `sizes`: of each the fewest rows for which it is called.
    """
    # The numbers of the real rows, then as many zeros as a chunk has: `dynamic_slice` would otherwise shift a slice
    # that reaches beyond the end, and rows would count twice.
    order = jnp.nonzero(mask, size=mask.shape[0] + sizes[0][0], fill_value=0)[0]
    count, done = mask.sum(), jnp.array(0)
    # Under a vmap all seeds take as many turns as the one with the most rows: the predicate is one number.
    most = count if axis is None else jax.lax.pmax(count, axis)
    total = start
    for size, least in sizes:

        def body(carry: Any, size: int = size) -> Any:
            total, done = carry
            index = jax.lax.dynamic_slice_in_dim(order, done, size)
            return add(total, index, done + jnp.arange(size) < count), done + size

        total, done = jax.lax.while_loop(lambda carry, least=least: most - carry[1] >= least, body, (total, done))
    return total


def chunk_sizes(chunk: int) -> list[tuple[int, int]]:
    """The chunk and smaller ones for the rest, each with the fewest rows for which it is called.

    Each size is compiled, so that there are few, and each call costs as much as some rows, most of it for adding up the
    gradient: a chunk that is not full is called where smaller ones would cost more.
    """
    sizes = [chunk]
    while sizes[-1] > SMALLEST_CHUNK:
        sizes.append(max(SMALLEST_CHUNK, sizes[-1] // 4))
    return [(size, _least(size, smaller)) for size, smaller in pairwise(sizes)] + [(sizes[-1], 1)]


def _least(size: int, smaller: int) -> int:
    """The fewest rows for which one call of a size costs less than several of the smaller one."""
    calls = next(
        calls for calls in range(1, size // smaller + 2) if size - calls * smaller < (calls - 1) * ROWS_OF_A_CALL
    )
    return (calls - 1) * smaller + 1


FORWARD_CHUNK = 128
"""Rows that are evaluated at once where no gradient is asked for."""
SMALLEST_CHUNK, ROWS_OF_A_CALL = 32, 24
"""Rows of the smallest chunk; and to how many rows the fixed cost of one call amounts."""
