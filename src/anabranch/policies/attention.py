"""Attention: pre-norm blocks over the tokens of one observation or of one word, and how their parameters are drawn."""

import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

EXPANSION = 4
"""How many times as wide as its vectors the inner layer of a block is."""
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


class Block(eqx.Module):
    """A pre-norm block: x + attention(norm(x)), then x + two layers(norm(x)).

    Paper: Xiong et al. 2020, arXiv:2002.04745.
    """

    before_attention: Norm
    queries_keys_values: Affine
    mixed: Affine
    before_layers: Norm
    wide: Affine
    narrow: Affine
    heads: int = eqx.field(static=True)

    def __call__(
        self, vectors: Float[Array, "n width"], visible: Bool[Array, "n n"]
    ) -> tuple[Float[Array, "n width"], Float[Array, "n width"], Float[Array, "n width"]]:
        """The vectors after the block, and the keys and values of all; row i attends to what `visible[i]` allows."""
        queries, keys, values = self._projected(vectors)
        return self._after(vectors, attention(queries, keys, values, visible, heads=self.heads)), keys, values

    def one(
        self,
        vector: Float[Array, " width"],
        keys: Float[Array, "rows width"],
        values: Float[Array, "rows width"],
        row: Any,
    ) -> tuple[Float[Array, " width"], Float[Array, "rows width"], Float[Array, "rows width"]]:
        """The same for the vector of one row, which sees itself and the rows before; its key and value are kept."""
        query, key, value = self._projected(vector)
        # Where all lanes are at the same row this is the copy of a slice, and a scatter only elsewhere.
        keys = jax.lax.dynamic_update_index_in_dim(keys, key, row, 0)
        values = jax.lax.dynamic_update_index_in_dim(values, value, row, 0)
        visible = (jnp.arange(keys.shape[0]) <= row)[None]
        return self._after(vector, attention(query[None], keys, values, visible, heads=self.heads)[0]), keys, values

    def _projected(self, vectors: Float[Array, "*n width"]) -> list[Float[Array, "*n width"]]:
        return jnp.split(self.queries_keys_values(self.before_attention(vectors)), 3, -1)

    def _after(self, vectors: Float[Array, "*n width"], attended: Float[Array, "*n width"]) -> Float[Array, "*n width"]:
        vectors = vectors + self.mixed(attended)
        return vectors + self.narrow(jax.nn.gelu(self.wide(self.before_layers(vectors))))


def attention(
    queries: Float[Array, "n width"],
    keys: Float[Array, "m width"],
    values: Float[Array, "m width"],
    visible: Bool[Array, "n m"],
    *,
    heads: int,
) -> Float[Array, "n width"]:
    """Scaled dot-product attention in so many heads, whose outputs stand side by side; each row must see something.

    Paper: Vaswani et al. 2017, arXiv:1706.03762.
    """
    split = [one.reshape(one.shape[0], heads, -1) for one in (queries, keys, values)]
    logits = jnp.einsum("nhd,mhd->hnm", split[0], split[1]) / math.sqrt(split[0].shape[-1])
    # A large negative number, not -inf: a row of padding may see nothing, and must not become NaN.
    weights = jax.nn.softmax(jnp.where(visible, logits, -1e30))
    return jnp.einsum("hnm,mhd->nhd", weights, split[2]).reshape(queries.shape)


def drawn_blocks(key: Key[Array, ""], *, width: int, layers: int, heads: int) -> list[Block]:
    """So many blocks; weights uniform within 1/sqrt(inputs), biases 0."""
    wide = EXPANSION * width
    sizes = {"qkv": (width, 3 * width), "mixed": (width, width), "wide": (width, wide), "narrow": (wide, width)}
    fresh = drawn(key, {f"{name} {layer}": size for layer in range(layers) for name, size in sizes.items()})

    def affine(name: str, layer: int) -> Affine:
        weight = fresh[f"{name} {layer}"]
        return Affine(weight, jnp.zeros(weight.shape[1]))

    return [
        Block(
            before_attention=Norm.of(width),
            queries_keys_values=affine("qkv", layer),
            mixed=affine("mixed", layer),
            before_layers=Norm.of(width),
            wide=affine("wide", layer),
            narrow=affine("narrow", layer),
            heads=heads,
        )
        for layer in range(layers)
    ]


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
