"""A policy that was trained under conditions, held at one of them: a sampler of the space like any other."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.environment import State, initial_state
from anabranch.ground.errors import ConfigError
from anabranch.policies.conditioned import Conditioned, Given, Observation
from anabranch.policies.heads import Heads, Policy, with_static


class ConditionedPolicy(Policy):
    """A policy under one condition; its states are those of the space."""

    policy: Policy
    condition: Any
    log_z: Float[Array, ""]

    def __call__(self, observation: Any) -> Heads:
        """The heads for what the policy sees of a state and its condition."""
        return self.policy(observation)

    def observation(self, state: State) -> Observation:
        """What the network sees of one state under the condition."""
        return self.policy.observation(Given(state, self.condition))

    def heads(self, state: State) -> Heads:
        """The heads at one state under the condition."""
        return self.policy.heads(Given(state, self.condition))


def space_of(policy: Policy) -> Conditioned | None:
    """The space with conditions that a policy was trained on; None where there were no conditions."""
    env = None if policy.observer is None else policy.observer.env
    return env if isinstance(env, Conditioned) else None


def require_conditioned(policy: Policy) -> Conditioned:
    """The space with conditions of a policy. Raises ConfigError where it was trained without."""
    space = space_of(policy)
    if space is None:
        raise ConfigError("This policy was trained without a condition: leave out condition=.")
    return space


def require_held(policy: Policy) -> None:
    """Raise ConfigError where a policy was trained under conditions and none is given."""
    space = space_of(policy)
    if space is not None:
        example = space.condition.grid()[0]
        raise ConfigError(
            f"The policy was trained under a condition ({space.condition.name}): give condition=, such as "
            f"condition={example!r}."
        )


def at_condition(policy: Policy, value: Any) -> Policy:
    """The policy under a condition that a user asks for, with the log Z that it has learned for it.

    Raises ConfigError outside of the trained range, and for a policy that was trained without conditions.
    """
    return held_at_its_level(policy, require_conditioned(policy).condition.settled(value))


def held_at_its_level(policy: Policy, value: Any) -> Policy:
    """The same for a condition as arrays."""
    level = require_conditioned(policy).condition.level_at(policy.level, value)
    return with_static(held(policy, value), "level", level)


def held(policy: Policy, value: Any) -> Policy:
    """The same with flows relative to the level of the training, whatever the condition: one program serves all."""
    return ConditionedPolicy(
        policy=policy,
        condition=value,
        log_z=log_z_at(policy, value),
        level=policy.level,
        log_flow_offset=policy.log_flow_offset,
    )


@eqx.filter_jit
def log_z_at(policy: Policy, value: Any) -> Float[Array, ""]:
    """The learned log Z under a condition, relative to its level, in nats."""
    space = require_conditioned(policy)
    value = jax.tree.map(jnp.asarray, value)
    return policy.log_z + policy.heads(Given(initial_state(space.env), value)).log_flow
