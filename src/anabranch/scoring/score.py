"""Scores trajectories under a policy, with one network call for each real row."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.environment import undo, undoable_by_slot
from anabranch.policies.heads import Policy, masked_log_softmax
from anabranch.scoring.packing import on_real_rows
from anabranch.scoring.reading import DrawnScores, Reading, _with_offset, chunk_of, entered_by, read, row_scores
from anabranch.scoring.whole import along_trajectories
from anabranch.trajectories import RowScores, Scores, Trajectories


def score(
    policy: Policy,
    reading: Reading,
    trajectories: Trajectories,
    log_reward: Float[Array, " B"],
    *,
    known: DrawnScores | None = None,
    needs_inflow: bool = False,
) -> Scores:
    """Score trajectories; differentiable in the policy's parameters.

    `known` are the rows as the sampler saw them under the same parameters (on-policy values); without
    them everything is recomputed. `log_reward` is relative to `policy.level` and has its zeros at the floor already.
    """
    rows_of = along_trajectories if policy.overrides("whole") else _by_row
    seen = rows_of(policy, reading, trajectories, known)
    inflow = _log_inflow(policy, reading, trajectories) if needs_inflow else None
    return of_rows(policy, reading, trajectories, seen, log_reward, log_inflow=inflow)


def of_rows(
    policy: Policy,
    reading: Reading,
    trajectories: Trajectories,
    seen: RowScores,
    log_reward: Float[Array, " B"],
    *,
    log_inflow: Float[Array, "rows B"] | None = None,
) -> Scores:
    """The scores of trajectories from what a network said of each of their rows."""
    log_z = _log_z(policy, reading, seen.log_flow[0])
    return Scores(
        log_pf=seen.log_pf,
        # Row t + 1 holds log P_B of the edge into it, which is the edge out of row t; STOP has none, and stands as 0.
        log_pb=jnp.concatenate([seen.log_pb_in[1:], jnp.zeros_like(seen.log_pb_in[:1])]),
        # F(s_0) = Z: log_z is a parameter with a learning rate of its own, so that the flow head is not asked there.
        log_flow=seen.log_flow if reading.outflow else seen.log_flow.at[0].set(log_z),
        log_stop=seen.log_stop,
        log_reward=log_reward,
        log_z=log_z,
        mask=trajectories.mask,
        log_inflow=log_inflow,
        log_paths=seen.log_paths,
    )


def _log_z(policy: Policy, reading: Reading, log_flow: Float[Array, " B"]) -> Float[Array, " B"]:
    """log Z of each trajectory; under a condition the flow head at the first state says how it differs from `log_z`."""
    if reading.outflow:
        return log_flow
    if reading.env.unconditioned is reading.env:
        return jnp.broadcast_to(policy.log_z, log_flow.shape)
    return policy.log_z + (log_flow if policy.log_flow_offset is None else log_flow - policy.log_flow_offset)


def _by_row(policy: Policy, reading: Reading, trajectories: Trajectories, known: DrawnScores | None) -> RowScores:
    """What one network call says about each real row."""
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)
    rows, batch = trajectories.actions.shape

    def row(parameters: Any, entry: Any) -> RowScores:
        state, action, previous, first, memory = entry
        network = eqx.combine(parameters, static)
        heads = network.heads(state) if memory is None else network.recall(state, memory)
        outputs, _ = read(network, heads, reading, state)
        return row_scores(outputs, heads, reading, state, action, previous, first)

    previous, first = entered_by(reading.env, trajectories)
    memory = None if known is None else known.memory
    entries = _flat((trajectories.states, trajectories.actions, previous, first, memory))
    options = {"chunk": chunk_of(reading, policy.row_cost), "axis": reading.axis}
    mask = trajectories.mask.reshape(-1)
    seen = on_real_rows(row, parameters, entries, mask, known=known and _flat(known.rows), **options)
    return jax.tree.map(lambda leaf: leaf.reshape(rows, batch), seen)


def _flat(rows: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), rows)


def _log_inflow(policy: Policy, reading: Reading, trajectories: Trajectories) -> Float[Array, "rows B"]:
    """log of the flow into each state: the raw forward head at every parent, slot by slot."""
    env = reading.env
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)
    rows, batch = trajectories.actions.shape
    labels, undoable = jax.vmap(lambda state: undoable_by_slot(env, state))(_flat(trajectories.states))
    inside = trajectories.mask & (jnp.arange(rows) > 0)[:, None]
    # Each slot of each row counts as a row of `on_real_rows`; those that hold no edge are padding, and cost nothing.
    real = undoable & inside.reshape(-1, 1)

    def edge_flow(parameters: Any, entry: Any) -> Float[Array, ""]:
        state, label = entry
        parent = undo(env, state, label)
        network = eqx.combine(parameters, static)
        # The raw logit: normalising it would divide by the flow out of the parent.
        return _with_offset(network, network.heads(parent).forward[label])

    slots = labels.shape[1]
    number = jnp.repeat(jnp.arange(rows * batch), slots)
    entries = _take_rows(_flat(trajectories.states), number), labels.reshape(-1)
    options = {"chunk": chunk_of(reading, policy.row_cost), "axis": reading.axis}
    flows = on_real_rows(edge_flow, parameters, entries, real.reshape(-1), **options).reshape(-1, slots)
    inflow = jax.vmap(lambda flow, allowed: masked_log_softmax(flow, allowed)[1])(flows, real)
    return inflow.reshape(rows, batch)


def _take_rows(states: Any, number: Int[Array, " M"]) -> Any:
    return jax.tree.map(lambda leaf: leaf[number], states)
