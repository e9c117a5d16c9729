"""What a policy is: one observation to raw logits; and `masked_log_softmax`, the only function that applies masks."""

import abc
import copy
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import Environment, State
from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import ConfigError
from anabranch.policies.conditioned import Observation
from anabranch.policies.observation import Observer


class Heads(eqx.Module):
    """The raw logits of a policy at one state, before any mask."""

    forward: Float[Array, " labels"]
    """A + 1 entries, STOP last; in flow matching the log edge flows."""
    backward: Float[Array, " slots"] | None
    """One entry a backward slot; None where P_B is not learned."""
    log_flow: Float[Array, ""]
    """log F(s) relative to the level, in nats."""
    log_paths: Float[Array, ""] | None = None
    """The log number of ways to the state, where a learned backward policy may need it."""


class Policy(eqx.Module):
    """Abstract: an Equinox module that maps one observation to `Heads`. Its inexact array leaves are the parameters.

    A subclass has a leaf `log_z`, a number, and writes `__call__(observation)` for a single observation; the library
    maps it over batches. `remember` and `recall` are optional, and make gradients cheaper; `begin`, `extend` and
    `whole` are for networks that read a trajectory once.

    log_z, log F and log edge flows are learned relative to `level`, in float32 and in nats; what is reported has the
    level added. For a network without any of this, `Network` makes a policy.
    """

    log_z: eqx.AbstractVar[Float[Array, ""]]
    level: float = eqx.field(default=0.0, kw_only=True, static=True)
    """The reference level of log R, in nats."""
    log_flow_offset: Float[Array, ""] | None = eqx.field(default=None, kw_only=True)
    """Added to the flow head (to the forward head, where that holds log edge flows), so that flows start near theirs;
    trained like a bias. None is 0."""

    observer: Observer | None = eqx.field(default=None, kw_only=True, static=True)
    """What the policy sees of a state; set when the policy is built."""

    @abc.abstractmethod
    def __call__(self, observation: Array) -> Heads:
        """The heads for one observation; under a condition it is a `Seen`, which also has what the condition is."""

    def observation(self, state: State) -> Observation:
        """What the network sees of one state. Raises ConfigError where the policy has no observer."""
        if self.observer is None:
            raise ConfigError(
                f"{type(self).__name__} does not know what it sees of a state: observed(policy, observer(env)) says so."
            )
        return self.observer(state)

    def heads(self, state: State) -> Heads:
        """The heads at one state."""
        seen: Any = self.observation(state)
        return self(seen)

    def remember(self, state: State) -> tuple[Heads, Any]:
        """Optional: the heads at one state, and a pytree of arrays from which `recall` is cheaper."""
        return self.heads(state), None

    def recall(self, state: State, memory: Any) -> Heads:
        """Optional: the same heads, with the right gradient, from what `remember` kept of the same parameters."""
        del memory
        return self.heads(state)

    @property
    def row_cost(self) -> int:
        """Optional: how many vectors the network keeps of one state; a chunk has fewer rows where they are many."""
        return 1

    def begin(self, start: State | None) -> Any:
        """Optional: what one lane of a sampler carries from row to row, such as the keys and values of attention.

        A pytree of arrays, at a state to start from; None is the initial one. None: a policy that carries nothing, and
        is asked for its `heads` at each row.
        """
        del start
        return None

    def extend(self, cache: Any, state: State, row: Int[Array, ""]) -> tuple[Heads, Any]:
        """Optional: the heads at a state, so many rows after the start, and what is carried on."""
        del row
        return self.heads(state), cache

    def whole(self, states: State, actions: Int[Array, " rows"]) -> Heads:
        """Optional: the heads at all rows of one trajectory from the initial state, [rows, ...], in one pass.

        Rows beyond the end have no meaning. A policy that writes it is scored by trajectories, not by rows.
        """
        del actions
        return jax.vmap(self.heads)(states)

    def overrides(self, hook: str) -> bool:
        """Whether the author wrote this optional hook."""
        return getattr(type(self), hook) is not getattr(Policy, hook)


def heads_of(output: Float[Array, " outputs"], *, labels: int, slots: int) -> Heads:
    """The heads from one vector: logits of labels and STOP, of P_B, log F and, with P_B, log n. It may be longer."""
    end = labels + slots
    if not slots:
        return Heads(output[:end], None, output[end])
    return Heads(output[:labels], output[labels:end], output[end], output[end + 1])


def observed(policy: Policy, observer: Observer) -> Policy:
    """The policy with what it sees of a state."""
    return with_static(policy, "observer", observer)


def with_static(policy: Policy, name: str, value: Any) -> Policy:
    """The policy with another value of a static field."""
    # A static field is no leaf, which tree_at could set; and an author's policy may have an __init__ of its own.
    fresh = copy.copy(policy)
    object.__setattr__(fresh, name, value)
    return fresh


def at_level(policy: Policy, level: float) -> Policy:
    """The same flows relative to another level."""
    # Flows are stored relative to the level: a level lower by some nats makes log F higher by as many.
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
    return with_static(fresh, "level", level)


def masked_log_softmax(
    logits: Float[Array, " n"], mask: Bool[Array, " n"]
) -> tuple[Float[Array, " n"], Float[Array, ""]]:
    """Log-probabilities over the allowed entries (-inf elsewhere), and the log of their summed weight.

    A row with nothing allowed gives zeros and a log-weight of 0: finite, and never a choice, because the
    sampler raises a flag for it. Gradients are finite everywhere.
    """
    # Against overflow in exp. The shift cancels in the result, and so would its gradient.
    top = jax.lax.stop_gradient(jnp.max(logits, where=mask, initial=-jnp.inf))
    some = top != -jnp.inf
    top = jnp.where(some, top, 0.0)
    # Masked before exp as well: the gradient of a `where` after it would be 0 times infinity, NaN, for large logits.
    shifted = jnp.where(mask, logits - top, 0.0)
    weight = jnp.sum(jnp.exp(shifted), where=mask)
    log_weight = jnp.log(jnp.where(some, weight, 1.0))
    return jnp.where(mask, shifted - log_weight, jnp.where(some, -jnp.inf, 0.0)), log_weight + top


def entry(values: Float[Array, " n"], index: Int[Array, ""]) -> Float[Array, ""]:
    """`values[index]`, read by comparing: the gradient of an index is a scatter, which is slow."""
    return jnp.sum(values, where=jnp.arange(values.shape[0]) == index)


@runtime_checkable
class PolicyRecipe(Protocol):
    """What `train(policy=...)` takes: a frozen dataclass that draws the initial parameters of a `Policy`.

    A run keeps the recipe and not the network, so that `load` can rebuild it, and each seed draws its own parameters.
    `MLP`, `Tabular` and `Network` are recipes; one of your own writes `build`.

    Example:
        @dataclasses.dataclass(frozen=True)
        class Small:
            width: int = 32

            def build(self, env, *, observer, key, learned_backward):
                recipe = anabranch.MLP(width=self.width, depth=1)
                return recipe.build(env, observer=observer, key=key, learned_backward=learned_backward)
    """

    def build(self, env: Environment, *, observer: Observer, key: Key[Array, ""], learned_backward: bool) -> Policy:
        """A fresh policy for an environment and what is seen of it, with a backward head where P_B is learned."""
        ...


def built(recipe: PolicyRecipe, observer: Observer, *, key: Key[Array, ""], learned_backward: bool) -> Policy:
    """A fresh policy by a recipe. Raises ConfigError where the recipe makes something else."""
    policy = recipe.build(observer.env, observer=observer, key=key, learned_backward=learned_backward)
    if not isinstance(policy, Policy):
        raise ConfigError(
            f"{type(recipe).__name__}.build must return an anabranch.Policy; it returns an object of "
            f"{type(policy).__name__}: a network from an observation to raw logits is wrapped by Network."
        )
    return observed(policy, observer)


def require_policy(policy: Any, *, argument: str = "policy") -> None:
    """Raise ConfigError where an argument is no trained or fresh policy (a whole run, a recipe, a name)."""
    require_instance(policy, Policy, argument=argument, expected="a Policy, such as run.policy")
