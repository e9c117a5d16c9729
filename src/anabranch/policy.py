"""Policies: one observation to raw logits; and the one function that masks."""

import abc
import copy
import dataclasses
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.content import ByContent
from anabranch.environment import Environment, State
from anabranch.errors import ConfigError
from anabranch.exact.graph import StateGraph, state_graph
from anabranch.observation import observer
from anabranch.records import require_types


class Heads(eqx.Module):
    """The raw logits of a policy at one state, before any mask."""

    forward: Float[Array, " labels"]
    """A + 1 entries, STOP last; in flow matching the log edge flows."""
    backward: Float[Array, " slots"] | None
    """One entry a backward slot; None where P_B is not learned."""
    log_flow: Float[Array, ""]
    log_paths: Float[Array, ""] | None = None
    """The log number of ways to the state, where a learned backward policy may need it."""


class Policy(eqx.Module):
    """Abstract: maps one observation to Heads. Its inexact array leaves are the parameters.

    log_z, log F and log edge flows are learned relative to `level`, in float32; what is reported has it added.
    """

    log_z: eqx.AbstractVar[Float[Array, ""]]
    level: float = eqx.field(default=0.0, kw_only=True, static=True)
    """The reference level of log R, in nats."""
    log_flow_offset: Float[Array, ""] | None = eqx.field(default=None, kw_only=True)
    """Added to the flow head (to the forward head, where that holds log edge flows), so that flows start near theirs;
    trained like a bias. None is 0."""

    @abc.abstractmethod
    def __call__(self, observation: Array) -> Heads:
        """The heads for one observation."""

    def heads(self, env: Environment, state: State) -> Heads:
        """The heads at one state."""
        return self(observer(env)(state))

    def remember(self, env: Environment, state: State) -> tuple[Heads, Any]:
        """Optional: the heads at one state, and a pytree of arrays from which `recall` is cheaper."""
        return self.heads(env, state), None

    def recall(self, env: Environment, state: State, memory: Any) -> Heads:
        """Optional: the same heads, with the right gradient, from what `remember` kept of the same parameters."""
        del memory
        return self.heads(env, state)


def at_level(policy: Policy, level: float) -> Policy:
    """The same flows relative to another level."""
    change = policy.level - level
    offset = None if policy.log_flow_offset is None else policy.log_flow_offset + change
    return started(policy, level=level, log_z=policy.log_z + change, log_flow_offset=offset)


def started(policy: Policy, *, level: float, log_z: Any, log_flow_offset: Any) -> Policy:
    """A policy with another level, log Z and offset of its flows."""
    fresh = eqx.tree_at(
        lambda one: (one.log_z, one.log_flow_offset),
        policy,
        (log_z, log_flow_offset),
        is_leaf=lambda leaf: leaf is None,
    )
    # A static field is no leaf, which tree_at could set; and an author's policy may have an __init__ of its own.
    fresh = copy.copy(fresh)
    object.__setattr__(fresh, "level", level)
    return fresh


def masked_log_softmax(
    logits: Float[Array, " n"], mask: Bool[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """Log-probabilities over the allowed entries (-inf elsewhere), and the log of their summed weight.

    A row with nothing allowed gives zeros and a log-weight of 0: finite, and never a choice, because the
    sampler raises a flag for it. Gradients are finite everywhere.
    """
    some = mask.any()
    top = jax.lax.stop_gradient(jnp.max(logits, where=mask, initial=-jnp.inf))
    top = jnp.where(some, top, 0.0)
    shifted = jnp.where(mask, logits - top, 0.0)
    weight = jnp.sum(jnp.exp(shifted), where=mask)
    log_weight = jnp.log(jnp.where(some, weight, 1.0))
    return jnp.where(mask, shifted - log_weight, jnp.where(some, -jnp.inf, 0.0)), log_weight + top


@jax.custom_jvp
def known_affine(
    inputs: Float[Array, " n"], weight: Float[Array, "n m"], bias: Float[Array, " m"], known: Float[Array, " m"]
) -> Float[Array, " m"]:
    """`inputs @ weight + bias` whose value is known already: free forward, differentiated as itself."""
    del inputs, weight, bias
    return known


@known_affine.defjvp
def _known_affine_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    inputs, weight, _, known = primals
    d_inputs, d_weight, d_bias, _ = tangents
    return known, d_inputs @ weight + inputs @ d_weight + d_bias


def linear(observation: Array, weight: Float[Array, "inputs m"]) -> Float[Array, " m"]:
    """The product of a vector of floats and a matrix, or the sum of the rows that integer tokens name."""
    tokens = jnp.issubdtype(observation.dtype, jnp.integer)
    return weight[observation].sum(0) if tokens else observation @ weight


OUTPUT_MULTIPLE = 16
"""The last layer is as wide as a multiple of this: matrix products of odd widths are up to a third slower."""


class MLPPolicy(Policy):
    """A trunk of hidden layers and one linear layer for all heads; tokens enter as a sum of embeddings."""

    weights: list[Float[Array, "_ _"]]
    biases: list[Float[Array, " _"]]
    skip: Float[Array, "inputs outputs"] | None
    log_z: Float[Array, ""]
    labels: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)

    def __call__(self, observation: Array) -> Heads:
        """The heads for one vector of floats or of integer tokens."""
        return self._heads(observation, self._layers(observation)[-1])

    def remember(self, env: Environment, state: State) -> tuple[Heads, Any]:
        """The heads, and what every layer but the first put out."""
        observation = observer(env)(state)
        layers = self._layers(observation)
        return self._heads(observation, layers[-1]), layers[1:]

    def recall(self, env: Environment, state: State, memory: Any) -> Heads:
        """The heads without a matrix product but those of the observation; the gradient still takes its own."""
        observation = observer(env)(state)
        hidden = self._first(observation)
        for weight, bias, known in zip(self.weights[1:], self.biases[1:], memory, strict=True):
            hidden = known_affine(jax.nn.relu(hidden), weight, bias, known)
        return self._heads(observation, hidden)

    def _first(self, observation: Array) -> Float[Array, " width"]:
        return linear(observation, self.weights[0]) + self.biases[0]

    def _layers(self, observation: Array) -> list[Float[Array, " _"]]:
        layers = [self._first(observation)]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            layers.append(jax.nn.relu(layers[-1]) @ weight + bias)
        return layers

    def _heads(self, observation: Array, output: Float[Array, " outputs"]) -> Heads:
        if self.skip is not None:
            output = output + linear(observation, self.skip)
        end = self.labels + self.slots
        if not self.slots:
            return Heads(output[:end], None, output[end])
        return Heads(output[: self.labels], output[self.labels : end], output[end], output[end + 1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLP:
    """Recipe of an MLPPolicy: `depth` hidden layers of `width` units (ReLU).

    With `skip` a linear layer leads from the observation straight to the heads as well, so that single features
    (words of a string) are learned by heart beside what generalises (Cheng et al. 2016, arXiv:1606.07792).
    """

    width: int = 256
    depth: int = 2
    skip: bool = False

    def __post_init__(self) -> None:
        require_types(self)
        if self.width < 1 or self.depth < 1:
            raise ConfigError(f"MLP needs a positive width and depth; given width={self.width}, depth={self.depth}.")

    def build(self, env: Environment, *, key: Key[Array, ""], learned_backward: bool) -> MLPPolicy:
        """Draw the initial parameters: uniform within 1/sqrt(inputs), biases included; `skip` at 0.

        Tokens start as the one-hot vector whose linear map they are: the vocabulary counts as the inputs.
        """
        watch = observer(env)
        labels, slots = env.num_actions + 1, env.num_slots if learned_backward else 0
        inputs = watch.size if watch.vocabulary is None else watch.vocabulary
        outputs = -(-(labels + slots + 2) // OUTPUT_MULTIPLE) * OUTPUT_MULTIPLE
        sizes = [inputs, *[self.width] * self.depth, outputs]
        weights, biases = [], []
        for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
            bound = 1.0 / np.sqrt(max(fan_in, 1))
            weight_key, bias_key = jax.random.split(jax.random.fold_in(key, layer))
            weights.append(jax.random.uniform(weight_key, (fan_in, fan_out), minval=-bound, maxval=bound))
            biases.append(jax.random.uniform(bias_key, (fan_out,), minval=-bound, maxval=bound))
        skip = jnp.zeros((inputs, outputs)) if self.skip else None
        return MLPPolicy(weights=weights, biases=biases, skip=skip, log_z=jnp.zeros(()), labels=labels, slots=slots)


@dataclasses.dataclass(frozen=True, eq=False)
class Lookup(ByContent):
    """The number of a state of a StateGraph, computed inside JAX by a hash without collisions."""

    multipliers: np.ndarray
    sorted_hash: np.ndarray
    number: np.ndarray

    def __call__(self, state: State) -> Int[Array, ""]:
        words = jnp.concatenate([jnp.ravel(leaf).astype(jnp.uint32) for leaf in jax.tree.leaves(state)])
        value = jnp.sum(words * self.multipliers, dtype=jnp.uint32)
        return jnp.asarray(self.number)[jnp.searchsorted(jnp.asarray(self.sorted_hash), value)]

    @classmethod
    def of(cls, graph: StateGraph, *, tries: int = 100) -> "Lookup":
        """Find a hash that tells all states of the graph apart; raises ConfigError where none is found."""
        count = graph.num_states
        leaves = [np.asarray(leaf).reshape(count, -1).astype(np.uint32) for leaf in jax.tree.leaves(graph.states)]
        words = np.concatenate(leaves, axis=1)
        for attempt in range(tries):
            drawn = np.random.default_rng(attempt).integers(0, 2**31, words.shape[1], dtype=np.uint32)
            multipliers = drawn * np.uint32(2) + np.uint32(1)
            values = (words * multipliers).sum(1, dtype=np.uint32)
            order = np.argsort(values)
            if (np.diff(values[order].astype(np.int64)) > 0).all():
                return cls(multipliers, values[order], order)
        raise ConfigError(f"A table over {count:,} states is too large for Tabular: use the MLP.")


class TabularPolicy(Policy):
    """One row of logits a state; exact logits live here in the tests."""

    forward: Float[Array, "N labels"]
    backward: Float[Array, "N slots"] | None
    log_flow: Float[Array, " N"]
    log_z: Float[Array, ""]
    log_paths: Float[Array, " N"] | None
    lookup: Lookup = eqx.field(static=True)

    def __call__(self, observation: Array) -> Heads:
        """The heads of state number `observation`."""
        backward = None if self.backward is None else self.backward[observation]
        log_paths = None if self.log_paths is None else self.log_paths[observation]
        return Heads(self.forward[observation], backward, self.log_flow[observation], log_paths)

    def heads(self, env: Environment, state: State) -> Heads:
        """The heads at one state, found by its number."""
        return self(self.lookup(state))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tabular:
    """Recipe of a TabularPolicy, for environments that can be enumerated; all logits start at zero."""

    def build(self, env: Environment, *, key: Any, learned_backward: bool) -> TabularPolicy:
        """A table over the state graph of `env`."""
        del key
        graph = state_graph(env)
        states, slots = graph.num_states, env.num_slots
        return TabularPolicy(
            forward=jnp.zeros((states, env.num_actions + 1)),
            backward=jnp.zeros((states, slots)) if learned_backward else None,
            log_flow=jnp.zeros(states),
            log_z=jnp.zeros(()),
            log_paths=jnp.zeros(states) if learned_backward else None,
            lookup=remembered_lookup(graph),
        )


def remembered_lookup(graph: StateGraph) -> Lookup:
    """The lookup of a graph, made once (a policy's static parts are compared by identity)."""
    if "_lookup" not in graph.__dict__:
        graph.__dict__["_lookup"] = Lookup.of(graph)
    return graph.__dict__["_lookup"]


@runtime_checkable
class PolicyRecipe(Protocol):
    """What `train(policy=...)` takes: a frozen dataclass that draws the initial parameters of a Policy."""

    def build(self, env: Environment, *, key: Key[Array, ""], learned_backward: bool) -> Policy:
        """A fresh policy for an environment, with a backward head where P_B is learned."""
        ...


POLICIES = {"mlp": MLP, "tabular": Tabular}
