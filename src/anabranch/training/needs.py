"""What some objectives read beside the policy's own scores: rewards and energies on the way, other samplers' scores."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import energies, rewarded
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.training.settings import Setup
from anabranch.trajectories import Trajectories


def extras(
    setup: Setup, trajectories: Trajectories, *, lagged: Policy | None, prior: Policy | None
) -> dict[str, Float[Array, "rows B"]]:
    """The optional fields of `Scores` that the objective and the backward policy need; no gradient flows into them."""
    goal, found = setup.objective, {}
    if goal.needs_reward_at:

        def log_reward(states: Any) -> Float[Array, " N"]:
            return rewarded(setup.log_reward, states, zero_floor=setup.zero_floor, level=setup.level).log_reward

        found["log_reward_at"] = _on_rows(log_reward, trajectories)
    if goal.needs_energy:

        def energy(states: Any) -> Float[Array, " N"]:
            return energies(setup.log_reward, states, zero_floor=setup.zero_floor, level=setup.level)

        found["energy"] = _on_rows(energy, trajectories)
    nothing = jnp.zeros(trajectories.length.shape)
    if goal.needs_prior and prior is not None:
        reading = Reading(setup.env, None, chunk=setup.chunk, axis=setup.reading.axis)
        found["log_prior"] = score(prior, reading, trajectories, nothing).log_pf
    if lagged is not None:
        scores = score(lagged, setup.reading, trajectories, nothing)
        found["lagged_log_flow"], found["lagged_log_pb"] = scores.log_flow, scores.log_pb
    return jax.tree.map(jax.lax.stop_gradient, found)


def _on_rows(function: Callable[[Any], Float[Array, " N"]], trajectories: Trajectories) -> Float[Array, "rows B"]:
    """A function of a batch of states at every row; 0 on padding."""
    flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), trajectories.states)
    return jnp.where(trajectories.mask, function(flat).reshape(trajectories.actions.shape), 0.0)
