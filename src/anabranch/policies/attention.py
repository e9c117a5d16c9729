"""Attention: pre-norm blocks over the tokens of one observation or of one word."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from anabranch.policies.layers import Affine, Norm, affine_layers

EXPANSION = 4
"""How many times as wide as its vectors the inner layer of a block is."""


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
    fresh = affine_layers(key, sizes, layers)
    return [
        Block(
            before_attention=Norm.of(width),
            queries_keys_values=one["qkv"],
            mixed=one["mixed"],
            before_layers=Norm.of(width),
            wide=one["wide"],
            narrow=one["narrow"],
            heads=heads,
        )
        for one in fresh
    ]
