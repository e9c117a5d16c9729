"""What networks of several kinds are made of: matrix products, norms, and how their parameters are drawn."""

import math
from collections.abc import Callable, Mapping
from functools import reduce
from operator import add

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

LEAST_VARIANCE = 1e-5
"""Added to the variance in a norm, so that a constant vector is divided by something."""


class Norm(eqx.Module):
    """Layer normalisation: mean 0, variance 1, then a learned scale and shift."""

    scale: Float[Array, " width"]
    shift: Float[Array, " width"]

    @classmethod
    def of(cls, width: int) -> "Norm":
        """The norm before training: scale 1, shift 0."""
        return cls(jnp.ones(width), jnp.zeros(width))

    def __call__(self, vectors: Float[Array, "*n width"]) -> Float[Array, "*n width"]:
        """The normalised vectors."""
        centred = vectors - vectors.mean(-1, keepdims=True)
        variance = jnp.square(centred).mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt(variance + LEAST_VARIANCE) * self.scale + self.shift


class Affine(eqx.Module):
    """A matrix product and a bias."""

    weight: Float[Array, "inputs outputs"]
    bias: Float[Array, " outputs"]

    def __call__(self, vectors: Float[Array, "*n inputs"]) -> Float[Array, "*n outputs"]:
        """The products."""
        return vectors @ self.weight + self.bias


def drawn(key: Key[Array, ""], sizes: Mapping[str, tuple[int, int]]) -> dict[str, Float[Array, "inputs outputs"]]:
    """Matrices of uniform numbers within 1/sqrt(inputs), by name.

    All are cut from one call: the generator takes a tenth of a second to compile for each shape.
    """
    numbers = jax.random.uniform(key, (sum(math.prod(size) for size in sizes.values()),), minval=-1.0, maxval=1.0)
    found, begin = {}, 0
    for name, size in sizes.items():
        end = begin + math.prod(size)
        found[name] = numbers[begin:end].reshape(size) / math.sqrt(max(size[0], 1))
        begin = end
    return found


def affine_layers(key: Key[Array, ""], sizes: Mapping[str, tuple[int, int]], layers: int) -> list[dict[str, Affine]]:
    """So many layers of matrices of these sizes, by name, with biases of 0."""
    fresh = drawn(key, {f"{name} {layer}": size for layer in range(layers) for name, size in sizes.items()})

    def affine(weight: Float[Array, "inputs outputs"]) -> Affine:
        return Affine(weight, jnp.zeros(weight.shape[1]))

    return [{name: affine(fresh[f"{name} {layer}"]) for name in sizes} for layer in range(layers)]


@jax.custom_jvp
def sum_of_rows(weight: Float[Array, "inputs m"], tokens: Int[Array, " n"]) -> Float[Array, " m"]:
    """`weight[tokens].sum(0)`, several times as fast on a CPU: each row is added where it is read."""

    def added(total: Float[Array, " m"], some: Int[Array, " k"]) -> Float[Array, " m"]:
        return reduce(add, [weight[some[place]] for place in range(some.shape[0])], total)

    return _in_blocks(added, weight, tokens)


@sum_of_rows.defjvp
def _change_of_sum(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    """The sum is linear in the weight; the gradient of a block is one scatter, not one for each row."""
    (weight, tokens), change = primals, tangents[0]
    return sum_of_rows(weight, tokens), _in_blocks(lambda total, some: total + change[some].sum(0), weight, tokens)


def _in_blocks(
    fold: Callable[[Array, Array], Array], weight: Float[Array, "inputs m"], tokens: Int[Array, " n"]
) -> Float[Array, " m"]:
    """Fold a few tokens after the other into a sum like a row of the weight, in a loop where they are many."""
    total = jnp.zeros_like(weight[0])
    rest = tokens.shape[0] % ROWS_AT_ONCE
    blocks = tokens[rest:].reshape(-1, ROWS_AT_ONCE)
    if rest:
        total = fold(total, tokens[:rest])
    if blocks.shape[0] > 1:
        return jax.lax.scan(lambda total, some: (fold(total, some), None), total, blocks)[0]
    return fold(total, blocks[0]) if blocks.size else total


ROWS_AT_ONCE = 8
"""Rows of a matrix that are added up in one kernel."""
