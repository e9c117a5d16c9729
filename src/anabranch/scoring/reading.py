"""What sampling and scoring share: how the heads of a policy are read at one state, and one row of scores."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, State, forward_mask
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Heads, Policy, entry, masked_log_softmax
from anabranch.scoring.moves import densities, ends_of, move_or_stop
from anabranch.trajectories import RowScores, Trajectories

CHUNK = 512
"""Real rows a gradient chunk: fast matrix products, and activations that stay in a cache."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """How heads are read: with which backward policy, and what counts as the flow of a state."""

    env: Environment
    backward: BackwardPolicy | None
    """None for objectives without a P_B."""
    outflow: bool = False
    """True: the forward head holds log edge flows, and the state flow is their sum (flow matching)."""
    chunk: int | None = CHUNK
    """Real rows a gradient chunk; None: the plain form without packing."""
    axis: tuple[str, ...] | None = None
    """The names of the axes of surrounding vmaps."""


def chunk_of(reading: Reading, cost: int) -> int | None:
    """Rows of a gradient chunk, fewer where each takes the memory of several: a power of two."""
    if reading.chunk is None or cost == 1:
        return reading.chunk
    return 2 ** int(math.log2(max(reading.chunk // cost, 1)))


def entered_by(env: Environment, trajectories: Trajectories) -> tuple[Any, Bool[Array, "rows B"]]:
    """The label by which each row was entered, and whether it is a first row, which has none: its 0 is never read.

    In a continuous space, where labels do not say what a move was, the states on both sides of the row.
    """
    actions = trajectories.actions
    first = jnp.broadcast_to(jnp.arange(actions.shape[0])[:, None] == 0, actions.shape)
    if isinstance(env, ContinuousEnvironment):
        return ends_of(trajectories), first
    # The edge into a row is the action out of the row before.
    return jnp.concatenate([jnp.zeros_like(actions[:1]), actions[:-1]]), first


class StateScores(eqx.Module):
    """What one network call says about one state."""

    log_pf: Float[Array, " labels"]
    """log P_F of each label and of STOP, in nats; -inf where it is not allowed."""
    log_flow: Float[Array, ""]
    """log F(s) relative to the level, in nats."""


class DrawnScores(eqx.Module):
    """What the sampler read from the network on the way, with the parameters that it sampled with."""

    rows: RowScores
    """[rows, B]: the scores of each row."""
    memory: Any
    """Of each row, what the policy remembers for its gradient; None where that was not asked for."""


def heads_at(policy: Policy, reading: Reading, state: State) -> tuple[StateScores, Bool[Array, " labels"]]:
    """One network call at one state, masked; and the mask of allowed labels."""
    return read(policy, policy.heads(state), reading, state)


def read(policy: Policy, heads: Heads, reading: Reading, state: State) -> tuple[StateScores, Bool[Array, " labels"]]:
    """The heads of a policy at one state, masked; and the mask of allowed labels."""
    mask = forward_mask(reading.env, state)
    # In flow matching the logits are log edge flows, and the softmax divides by their sum, the flow of the state.
    logits = move_or_stop(heads) if isinstance(reading.env, ContinuousEnvironment) else heads.forward
    log_pf, log_outflow = masked_log_softmax(logits, mask)
    return StateScores(log_pf, _with_offset(policy, log_outflow if reading.outflow else heads.log_flow)), mask


def _with_offset(policy: Policy, log_flow: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return log_flow if policy.log_flow_offset is None else log_flow + policy.log_flow_offset


def row_scores(
    outputs: StateScores, heads: Heads, reading: Reading, state: State, action: Any, previous: Any, first: Any
) -> RowScores:
    """One row of a trajectory, left by `action` and entered by `previous`; the first row has no entry."""
    if isinstance(reading.env, ContinuousEnvironment):
        kernels = (reading.env, reading.backward, outputs.log_pf, heads)
        log_pf, entered = densities(*kernels, state, action, previous, first)
        return RowScores(log_pf, entered, outputs.log_flow, outputs.log_pf[-1])
    # P_B is read where the edge ends: one network call gives P_F of the edge out of a state and P_B of that into it.
    backward, entered, log_paths = reading.backward, jnp.zeros(()), None
    if backward is not None:
        # Of one label alone: the gradient of a whole row of labels is a scatter, slow where they are thousands.
        entered = jnp.where(first, 0.0, backward.log_prob(reading.env, state, heads, previous))
        log_paths = heads.log_paths if "log_paths" in backward.needs else None
    return RowScores(entry(outputs.log_pf, action), entered, outputs.log_flow, outputs.log_pf[-1], log_paths)
