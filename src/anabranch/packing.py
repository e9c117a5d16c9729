"""Evaluate a function on the real rows of a padded batch only, and pull gradients back chunk by chunk."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree


def on_real_rows(
    function: Callable[[Any, Any], Any],
    parameters: PyTree[Any],
    rows: PyTree[Any],
    mask: Bool[Array, " N"],
    *,
    known: PyTree[Any] | None = None,
    chunk: int | None,
    axis: str | None = None,
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
    chunk = min(chunk, mask.shape[0])
    batched = jax.vmap(function, (None, 0))
    shapes = jax.eval_shape(batched, parameters, rows)

    @jax.custom_vjp
    def evaluate(parameters: Any, rows: Any, mask: Any, known: Any) -> Any:
        return forward(parameters, rows, mask, known)[0]

    def forward(parameters: Any, rows: Any, mask: Any, known: Any) -> Any:
        if known is not None:
            return _masked(known, mask), (parameters, rows, mask)

        def body(number: Any, results: Any) -> Any:
            index, real = _chunk(order, count, number, chunk)
            piece = batched(parameters, _gather(rows, index))
            where = jnp.where(real, index, mask.shape[0])
            return jax.tree.map(lambda r, p: r.at[where].set(p, mode="drop"), results, piece)

        order, count = _real_first(mask, chunk)
        empty = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
        return jax.lax.fori_loop(0, _trips(count, chunk, axis), body, empty), (parameters, rows, mask)

    def backward(saved: Any, cotangents: Any) -> Any:
        parameters, rows, mask = saved

        def body(number: Any, total: Any) -> Any:
            index, real = _chunk(order, count, number, chunk)
            pieces = _gather(rows, index)
            _, pull = jax.vjp(lambda p: batched(p, pieces), parameters)
            (gradient,) = pull(_masked(_gather(cotangents, index), real))
            return jax.tree.map(jnp.add, total, gradient)

        order, count = _real_first(mask, chunk)
        nothing = jax.tree.map(jnp.zeros_like, parameters)
        gradient = jax.lax.fori_loop(0, _trips(count, chunk, axis), body, nothing)
        return gradient, None, None, None

    evaluate.defvjp(forward, backward)
    return evaluate(parameters, rows, mask, known)


def _masked(values: Any, mask: Bool[Array, " N"]) -> Any:
    def zero_padding(leaf: Array) -> Array:
        return jnp.where(mask.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, 0)

    return jax.tree.map(zero_padding, values)


def _gather(rows: Any, index: Int[Array, " C"]) -> Any:
    return jax.tree.map(lambda leaf: leaf[index], rows)


def _real_first(mask: Bool[Array, " N"], chunk: int) -> tuple[Int[Array, " M"], Int[Array, ""]]:
    """The numbers of the real rows in order, padded with 0 to a multiple of the chunk; and how many there are."""
    padded = -(-mask.shape[0] // chunk) * chunk
    return jnp.nonzero(mask, size=padded, fill_value=0)[0], mask.sum()


def _chunk(
    order: Int[Array, " M"], count: Int[Array, ""], number: Int[Array, ""], chunk: int
) -> tuple[Int[Array, " C"], Bool[Array, " C"]]:
    start = number * chunk
    return jax.lax.dynamic_slice_in_dim(order, start, chunk), start + jnp.arange(chunk) < count


def _trips(count: Int[Array, ""], chunk: int, axis: str | None) -> Int[Array, ""]:
    trips = -(-count // chunk)
    return trips if axis is None else jax.lax.pmax(trips, axis)
