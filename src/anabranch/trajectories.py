"""The records that sampling, scoring and objectives exchange.

`Trajectories` holds what the sampler did, `Scores` the log-probabilities, log flows and log-rewards of the same rows
under a policy. An objective reads `Scores` alone, so that it knows nothing of networks and spaces.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import State, take


class Trajectories(eqx.Module):
    """A batch of complete trajectories, time-major, `rows = max_steps + 1`.

    Rows at and beyond `length` are padding of no meaning. Row `length - 1` is the object, and its
    action is STOP (label A).
    """

    states: State
    """[rows, B, ...]: s_0 .. x."""
    actions: Int[Array, "rows B"]
    """Labels; the last real one is STOP. Without meaning on padding."""
    length: Int[Array, " B"]
    """Real rows of each trajectory, STOP included."""

    @property
    def mask(self) -> Bool[Array, "rows B"]:
        """Which rows are real."""
        return jnp.arange(self.actions.shape[0])[:, None] < self.length[None, :]

    @property
    def objects(self) -> State:
        """[B, ...]: the state at which each trajectory stopped."""
        return take(self.states, (self.length - 1, jnp.arange(self.length.shape[0])))


class RowScores(eqx.Module):
    """What one network call says about each row; 0 on padding."""

    log_pf: Float[Array, "*rows"]
    """log P_F(a_t | s_t), STOP included."""
    log_pb_in: Float[Array, "*rows"]
    """log P_B of the edge *into* the row's state; 0 in the first row."""
    log_flow: Float[Array, "*rows"]
    log_stop: Float[Array, "*rows"]
    """log P_F(STOP | s_t); -inf where STOP is not allowed."""
    log_paths: Float[Array, "*rows"] | None = None


class Scores(eqx.Module):
    """All that a balance condition may look at, in nats; 0 on padding."""

    log_pf: Float[Array, "rows B"]
    """log P_F(a_t | s_t), STOP included."""
    log_pb: Float[Array, "rows B"]
    """log P_B of edge t, read from the network at s_{t+1}; 0 for STOP."""
    log_flow: Float[Array, "rows B"]
    """log F(s_t); row 0 is log_z."""
    log_stop: Float[Array, "rows B"]
    """log P_F(STOP | s_t); -inf where STOP is not allowed."""
    log_reward: Float[Array, " B"]
    """log R(x), with zero rewards at their floor."""
    log_z: Float[Array, " B"]
    """log Z of each trajectory, relative to the level."""
    mask: Bool[Array, "rows B"]
    """A real row."""
    log_inflow: Float[Array, "rows B"] | None = None
    """log of the summed flow of all edges into s_t, where it is among the `needs`."""
    log_reward_at: Float[Array, "rows B"] | None = None
    """log R(s_t), zeros at their floor, where it is among the `needs`."""
    energy: Float[Array, "rows B"] | None = None
    """E(s_t), infinite ones at minus the floor of log R, where it is among the `needs`."""
    log_prior: Float[Array, "rows B"] | None = None
    """log P_F(a_t | s_t) of the prior sampler, where it is among the `needs`."""
    lagged_log_flow: Float[Array, "rows B"] | None = None
    """log F(s_t) of the lagged copy of the policy, where there is one."""
    lagged_log_pb: Float[Array, "rows B"] | None = None
    """log P_B of edge t under the lagged copy."""
    log_paths: Float[Array, "rows B"] | None = None
    """The learned log number of ways to s_t, where it is among the `needs` of a backward policy."""

    @property
    def length(self) -> Int[Array, " B"]:
        """Real rows of each trajectory."""
        return self.mask.sum(0)

    @property
    def moves(self) -> Bool[Array, "rows B"]:
        """Real rows whose action is not STOP."""
        return jnp.arange(self.mask.shape[0])[:, None] < self.length[None, :] - 1

    @property
    def zeta(self) -> Float[Array, " B"]:
        """log R + sum log P_B - sum log P_F: each trajectory's own estimate of log Z."""
        return self.log_reward + self.log_pb.sum(0) - self.log_pf.sum(0)
