"""One row of a trajectory whose moves are drawn from densities: which kernels a state has, and what they say."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from anabranch.continuous.contract import ContinuousEnvironment, Kernel
from anabranch.continuous.kernels import log_density
from anabranch.environment import State
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Heads
from anabranch.trajectories import Trajectories

MOVE, STOP = 0, 1
"""The labels of a continuous space."""


class Ends(eqx.Module):
    """The states on both sides of a row."""

    parent: State
    child: State


def kernel_ahead(env: ContinuousEnvironment, state: State, heads: Heads) -> Kernel:
    """The distribution of the children of a state."""
    return env.forward(state, heads.forward[:-1])


def kernel_back(env: ContinuousEnvironment, state: State, heads: Heads, backward: BackwardPolicy) -> Kernel:
    """The distribution of the parents of a state: the space's own, or that which the network says."""
    return env.backward(state, heads.backward if backward.learned else None)


def move_or_stop(heads: Heads) -> Float[Array, " 2"]:
    """Logits of the two labels: the network has one number for them, the last of its forward head."""
    return jnp.append(0.0, heads.forward[-1])


def densities(
    env: ContinuousEnvironment,
    backward: BackwardPolicy | None,
    log_pf: Float[Array, " 2"],
    heads: Heads,
    state: State,
    action: Any,
    ends: Ends,
    first: Bool[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """log P_F of what a row does, and log P_B of the move into it."""
    ahead = log_density(kernel_ahead(env, state, heads), ends.child)
    # What follows a STOP is no child: its density may be anything finite, or -inf, and has no gradient.
    taken = jnp.where(action == STOP, log_pf[STOP], log_pf[MOVE] + jnp.where(action == STOP, 0.0, ahead))
    if backward is None:
        return taken, jnp.zeros(())
    back = log_density(kernel_back(env, state, heads, backward), ends.parent)
    return taken, jnp.where(first, 0.0, back)


def ends_of(trajectories: Trajectories) -> Ends:
    """The states before and after each row; of the first row and the last they have no meaning."""

    def shifted(leaf: Array, by: int) -> Array:
        filled = leaf[:1] if by > 0 else leaf[-1:]
        return jnp.concatenate([filled, leaf[:-1]] if by > 0 else [leaf[1:], filled])

    states = trajectories.states
    return Ends(
        jax.tree.map(lambda leaf: shifted(leaf, 1), states), jax.tree.map(lambda leaf: shifted(leaf, -1), states)
    )
