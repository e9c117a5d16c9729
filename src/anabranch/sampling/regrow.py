"""Regrows trajectories from given objects with the backward policy, and retraces them from recorded labels."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, State, step, undo
from anabranch.graph.longest import rows_of
from anabranch.policies.heads import Heads, Policy
from anabranch.sampling.drawn_moves import moves_back
from anabranch.sampling.flags import chosen
from anabranch.sampling.labels import draw_label
from anabranch.scoring.reading import Reading
from anabranch.trajectories import Trajectories


def draw_back(
    reading: Reading, heads: Heads, state: State, uniform: Float[Array, ""]
) -> tuple[Int[Array, ""], Float[Array, ""]]:
    """A label that leads into `state`, drawn by P_B, and its log P_B; without meaning where none does."""
    env, backward = reading.env, reading.backward
    assert backward is not None
    log_pb = backward.log_probs(env, state, heads)
    # At the initial state all weights are 0: a label comes out, which every caller discards.
    action = draw_label(uniform, jnp.where(env.undoable(state), jnp.exp(log_pb), 0.0))
    action = jnp.minimum(action, env.num_actions - 1)
    return action, log_pb[action]


def walk_back(policy: Policy, reading: Reading, key: Key[Array, ""], objects: State) -> Trajectories:
    """Regrow trajectories that end in the given objects, by P_B from the object to the source.

    `objects` is a batch of states; the result is laid out forward like any other Trajectories.
    """
    if isinstance(reading.env, ContinuousEnvironment):
        return moves_back(policy, reading, key, objects)
    env, rows = reading.env, rows_of(reading.env)
    batch = jax.tree.leaves(objects)[0].shape[0]
    uniforms = 1.0 - jax.random.uniform(key, (rows, batch))

    def one(state: State, uniform: Any) -> Any:
        action, _ = draw_back(reading, policy.heads(state), state, uniform)
        moving = env.undoable(state).any()
        return action, moving, chosen(moving, undo(env, state, action), state)

    def body(state: State, uniform: Float[Array, " B"]) -> Any:
        action, moving, parent = jax.vmap(one)(state, uniform)
        return parent, (state, action, moving)

    # As many turns as there are rows: a walk that has arrived at the initial state waits there for the others.
    _, (states, actions, moving) = jax.lax.scan(body, objects, uniforms)
    length = moving.sum(0).astype(jnp.int32) + 1
    # Row t of the trajectory is the state after length - 1 - t moves back. Rows beyond the object repeat it: padding.
    back = jnp.clip(length[None, :] - 1 - jnp.arange(rows)[:, None], 0)
    column = jnp.arange(batch)[None, :]
    forward_states = jax.tree.map(lambda leaf: leaf[back, column], states)
    # The label out of row t is the one by which the backward walk came to that state, one turn before.
    entered = actions[jnp.clip(back - 1, 0), column]
    is_stop = jnp.arange(rows)[:, None] >= length[None, :] - 1
    return Trajectories(forward_states, jnp.where(is_stop, env.num_actions, entered), length)


def retrace(env: Environment, actions: Int[Array, "rows B"], length: Int[Array, " B"], start: State) -> Trajectories:
    """The trajectories of given labels, from the states at which they started."""

    def body(states: State, entry: Any) -> tuple[State, State]:
        labels, moving = entry
        children = jax.vmap(lambda state, label: step(env, state, label))(states, labels)
        return chosen(moving, children, states), states

    moving = jnp.arange(actions.shape[0])[:, None] < length[None, :] - 1
    # STOP and padding become a label that `step` takes; `moving` discards what it does there.
    labels = jnp.minimum(actions, env.num_actions - 1)
    _, states = jax.lax.scan(body, start, (labels, moving))
    return Trajectories(states, actions, length)
