"""A transformer that reads words from left to right: each row once, while sampling and while scoring."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from anabranch.environment import Environment, State, take
from anabranch.policies.attention import Block, drawn_blocks
from anabranch.policies.conditioned import Observation, Seen, told
from anabranch.policies.heads import Heads, Policy, heads_of
from anabranch.policies.layers import Affine, Norm, drawn
from anabranch.policies.mlp import padded_outputs
from anabranch.policies.observation import Observer
from anabranch.policies.words_read import require_words


class Cache(eqx.Module):
    """What one lane carries while it writes a word."""

    keys: tuple[Float[Array, "rows width"], ...]
    """Of each block, the keys of the rows so far; 0 in the others."""
    values: tuple[Float[Array, "rows width"], ...]
    offset: Int[Array, ""] | None
    """How many labels the word had at the start; None is none, and then all lanes are at the same row."""


class CausalPolicy(Policy):
    """Row t has the label that was written last, sees the rows before it, and gives the heads of the state of t labels.

    A word is read with a first token in front of it, so that a word of n labels has n + 1 rows.
    """

    embedding: Float[Array, "labels width"]
    """Of each label, and of the first token, which has the number of STOP."""
    positions: Float[Array, "rows width"]
    condition: Float[Array, "k width"] | None
    """Of each feature of a condition, added to the first token; None without conditions."""
    blocks: list[Block]
    last_norm: Norm
    output: Affine
    log_z: Float[Array, ""]
    labels: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)
    env: Environment = eqx.field(static=True)

    @classmethod
    def drawn(
        cls, observer: Observer, key: Key[Array, ""], learned_backward: bool, *, width: int, layers: int, heads: int
    ) -> "CausalPolicy":
        """Fresh parameters. Raises ConfigError where the states of a space are no words."""
        env = observer.env
        require_words(env.unconditioned)
        labels, slots = env.forward_logits, env.backward_logits if learned_backward else 0
        keys = jax.random.split(key)
        # The rows of an embedding are drawn like an input layer whose input is one label and one position.
        sizes = {"positions": (width, env.rows), "embedding": (width, labels)}
        sizes |= {"output": (width, padded_outputs(labels, slots)), "condition": (observer.features, width)}
        fresh = drawn(keys[0], sizes)
        return cls(
            embedding=fresh["embedding"].T,
            positions=fresh["positions"].T,
            condition=fresh["condition"] if observer.features else None,
            blocks=drawn_blocks(keys[1], width=width, layers=layers, heads=heads),
            last_norm=Norm.of(width),
            output=Affine(fresh["output"], jnp.zeros(fresh["output"].shape[1])),
            log_z=jnp.zeros(()),
            labels=labels,
            slots=slots,
            env=env,
        )

    @property
    def row_cost(self) -> int:
        """A state on its own is read from its first label on."""
        return self.positions.shape[0]

    def observation(self, state: State) -> Observation:
        """The labels of the word, -1 where there is none yet, and what the condition is where there is one."""
        labels, count = self.env.sequence(state)
        word, features = jnp.where(jnp.arange(labels.shape[0]) < count, labels, -1), told(self.env, state)
        return word if features is None else Seen(word, features)

    def __call__(self, observation: Observation) -> Heads:
        """The heads of one word, without a cache: all of its rows are read."""
        outputs, _, _ = self._pass(observation)
        return self._heads(outputs[_length(observation)])

    def begin(self, start: State | None) -> Cache:
        """Keys and values of the rows before the last one of a word; none of the initial state."""
        if start is None:
            nothing = tuple(jnp.zeros_like(self.positions) for _ in self.blocks)
            return Cache(nothing, nothing, None)
        seen = self.observation(start)
        _, keys, values = self._pass(seen)
        return Cache(tuple(keys), tuple(values), _length(seen))

    def extend(self, cache: Cache, state: State, row: Int[Array, ""]) -> tuple[Heads, Cache]:
        """The heads of a word of which all labels but the last are in the cache."""
        place = row if cache.offset is None else row + cache.offset
        labels, _ = self.env.sequence(state)
        last = labels[jnp.maximum(place - 1, 0)]
        vector = self._embedded(jnp.where(place == 0, self.labels - 1, last)) + self.positions[place]
        features = told(self.env, state)
        if features is not None:
            vector = vector + jnp.where(place == 0, features @ self._condition, 0.0)
        keys, values = [], []
        for block, old_keys, old_values in zip(self.blocks, cache.keys, cache.values, strict=True):
            vector, fresh_keys, fresh_values = block.one(vector, old_keys, old_values, place)
            keys.append(fresh_keys)
            values.append(fresh_values)
        return self._heads(vector), Cache(tuple(keys), tuple(values), cache.offset)

    def whole(self, states: State, actions: Int[Array, " rows"]) -> Heads:
        """The heads at all rows of one trajectory, in one pass over its labels."""
        features = told(self.env, take(states, 0))
        seen = actions[:-1] if features is None else Seen(actions[:-1], features)
        return jax.vmap(self._heads)(self._pass(seen)[0])

    @property
    def _condition(self) -> Float[Array, "k width"]:
        assert self.condition is not None
        return self.condition

    def _pass(self, seen: Observation) -> tuple[Float[Array, "rows width"], list[Any], list[Any]]:
        word = seen.observation if isinstance(seen, Seen) else seen
        rows = word.shape[0] + 1
        tokens = jnp.concatenate([jnp.array([self.labels - 1], word.dtype), word])
        vectors = self._embedded(tokens) + self.positions[:rows]
        if isinstance(seen, Seen):
            vectors = vectors.at[0].add(seen.features @ self._condition)
        visible = jnp.tri(rows, dtype=bool)
        keys, values = [], []
        for block in self.blocks:
            vectors, of_rows, of_values = block(vectors, visible)
            keys.append(of_rows)
            values.append(of_values)
        return vectors, keys, values

    def _embedded(self, tokens: Int[Array, "*n"]) -> Float[Array, "*n width"]:
        # Padding may hold any number; no row that is real sees it.
        return self.embedding[jnp.clip(tokens, 0, self.labels - 1)]

    def _heads(self, vector: Float[Array, " width"]) -> Heads:
        return heads_of(self.output(self.last_norm(vector)), labels=self.labels, slots=self.slots)


def _length(observation: Observation) -> Int[Array, ""]:
    """How many labels a word has."""
    word = observation.observation if isinstance(observation, Seen) else observation
    return jnp.sum(word >= 0)
