"""Scores trajectories in one pass over each, for policies that read a trajectory once (`Policy.whole`)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from anabranch.policies.heads import Policy
from anabranch.scoring.packing import on_real_rows
from anabranch.scoring.reading import DrawnScores, Reading, chunk_of, entered_by, read, row_scores
from anabranch.trajectories import RowScores, Trajectories


def along_trajectories(
    policy: Policy, reading: Reading, trajectories: Trajectories, known: DrawnScores | None
) -> RowScores:
    """What the policy says about each real row, [rows, B], in one call for each trajectory.

    A trajectory stands where a row stands elsewhere: so many of them are evaluated, and pulled back, at once as have
    the rows of a chunk.
    """
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)
    rows, batch = trajectories.actions.shape

    def one(parameters: Any, entry: Any) -> RowScores:
        states, actions, previous, first, real = entry
        network = eqx.combine(parameters, static)

        def row(heads: Any, state: Any, action: Any, previous: Any, first: Any) -> RowScores:
            outputs, _ = read(network, heads, reading, state)
            return row_scores(outputs, heads, reading, state, action, previous, first)

        seen = jax.vmap(row)(network.whole(states, actions), states, actions, previous, first)
        # No gradient flows from padding either, whose states and labels may be anything.
        return jax.tree.map(lambda leaf: jnp.where(real, leaf, 0.0), seen)

    entries = _by_lane(
        (trajectories.states, trajectories.actions, *entered_by(reading.env, trajectories), trajectories.mask)
    )
    every = jnp.ones(batch, bool)
    options = {"chunk": chunk_of(reading, rows), "axis": reading.axis}
    found = on_real_rows(one, parameters, entries, every, known=known and _masked_lanes(known, trajectories), **options)
    return _by_lane(found)


def _by_lane(rows: Any) -> Any:
    """Time-major arrays lane by lane, and back."""
    return jax.tree.map(lambda leaf: jnp.swapaxes(leaf, 0, 1), rows)


def _masked_lanes(known: DrawnScores, trajectories: Trajectories) -> RowScores:
    """What the sampler saw, lane by lane, 0 on padding."""
    return _by_lane(jax.tree.map(lambda leaf: jnp.where(trajectories.mask, leaf, 0), known.rows))
