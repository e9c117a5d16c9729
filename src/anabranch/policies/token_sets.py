"""A transformer over the tokens of one observation, whose order has no meaning."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from anabranch.ground.errors import ConfigError
from anabranch.policies.attention import Block, drawn_blocks
from anabranch.policies.conditioned import Observation, Seen
from anabranch.policies.heads import Heads, Policy, heads_of
from anabranch.policies.layers import Affine, Norm, drawn
from anabranch.policies.mlp import padded_outputs
from anabranch.policies.observation import Observer

MOST_TOKENS = 1024
"""Attention keeps a number for each pair of tokens of each state."""


class TokenSetPolicy(Policy):
    """A class token and those of the observation attend to each other; the heads are read from the class or the mean.

    Integer tokens hold their own position, because the vocabulary has an entry for each slot and value. Of an
    observation of floats each entry that is not 0 is a token: a vector of its feature, times its value, and a bias.
    """

    embedding: Float[Array, "entries width"]
    """Of each token of the vocabulary, or the direction in which each feature grows."""
    features: Float[Array, "entries width"] | None
    """Of each feature that is there, whatever its value; None where tokens are integers."""
    first: Float[Array, " width"]
    """The class token, which an empty set has too."""
    condition: Float[Array, "k width"] | None
    """Of each feature of a condition, added to the class token; None without conditions."""
    blocks: list[Block]
    last_norm: Norm
    output: Affine
    log_z: Float[Array, ""]
    tokens: int = eqx.field(static=True)
    padding: int | None = eqx.field(static=True)
    pooling: str = eqx.field(static=True)
    labels: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)

    @classmethod
    def drawn(
        cls,
        observer: Observer,
        key: Key[Array, ""],
        pooling: str,
        learned_backward: bool,
        *,
        width: int,
        layers: int,
        heads: int,
    ) -> "TokenSetPolicy":
        """Fresh parameters. Raises ConfigError where an observation has too many tokens."""
        env = observer.env
        labels, slots = env.forward_logits, env.backward_logits if learned_backward else 0
        if observer.size > MOST_TOKENS:
            raise ConfigError(
                f"Transformer attends to each pair of the {observer.size:,} entries of an observation of "
                f"{type(env).__name__}, at most {MOST_TOKENS:,}: choose the MLP, or an observe with fewer tokens."
            )
        entries = observer.size if observer.vocabulary is None else observer.vocabulary
        keys = jax.random.split(key)
        sizes = {"embedding": (width, entries), "features": (width, entries), "first": (width, 1)}
        sizes |= {"output": (width, padded_outputs(labels, slots)), "condition": (observer.features, width)}
        fresh = drawn(keys[0], sizes)
        return cls(
            embedding=fresh["embedding"].T,
            features=fresh["features"].T if observer.vocabulary is None else None,
            first=fresh["first"][:, 0],
            condition=fresh["condition"] if observer.features else None,
            blocks=drawn_blocks(keys[1], width=width, layers=layers, heads=heads),
            last_norm=Norm.of(width),
            output=Affine(fresh["output"], jnp.zeros(fresh["output"].shape[1])),
            log_z=jnp.zeros(()),
            tokens=observer.size,
            padding=env.padding_token if observer.ranges is None else None,
            pooling=pooling,
            labels=labels,
            slots=slots,
        )

    @property
    def row_cost(self) -> int:
        """Each token is a vector, and a row of the attention."""
        return self.tokens + 1

    def __call__(self, observation: Observation) -> Heads:
        """The heads for one vector of floats or of integer tokens."""
        first = self.first
        if isinstance(observation, Seen):
            assert self.condition is not None
            first, observation = first + observation.features @ self.condition, observation.observation
        vectors, there = self._embedded(observation)
        vectors = jnp.concatenate([first[None], vectors])
        there = jnp.append(True, there)
        # Nobody sees padding, so that it changes nothing; what padding itself becomes is not read.
        visible = jnp.broadcast_to(there, (there.shape[0], there.shape[0]))
        for block in self.blocks:
            vectors, _, _ = block(vectors, visible)
        pooled = vectors[0]
        if self.pooling == "mean":
            pooled = jnp.where(there[:, None], vectors, 0.0).sum(0) / there.sum()
        return heads_of(self.output(self.last_norm(pooled)), labels=self.labels, slots=self.slots)

    def _embedded(self, observation: Array) -> tuple[Float[Array, "n width"], Bool[Array, " n"]]:
        """The vector of each token, and whether it is there."""
        if self.features is None:
            real = jnp.ones(observation.shape, bool) if self.padding is None else observation != self.padding
            return self.embedding[observation], real
        return observation[:, None] * self.embedding + self.features, observation != 0
