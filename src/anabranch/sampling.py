"""The only room where time passes: trajectories forward by P_F, and backward by P_B."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import State, initial_state, step, undo
from anabranch.explore import ON_POLICY, Explore
from anabranch.policy import Policy
from anabranch.scoring import Reading, look
from anabranch.trajectories import RowScores, Trajectories


class Flags(eqx.Module):
    """What went wrong while sampling, and one state at which it did; read between chunks."""

    dead_end: Bool[Array, ""]
    """A state with nothing legal that may not stop."""
    too_long: Bool[Array, ""]
    """A trajectory had not stopped after `max_steps` moves."""
    state: State


def draw_label(uniform: Float[Array, ""], weights: Float[Array, " labels"]) -> Int[Array, ""]:
    """Inverse-CDF sampling with one number in (0, 1]; a label of weight 0 is never drawn."""
    cumulative = jnp.cumsum(weights)
    return jnp.sum(cumulative < uniform * cumulative[-1]).astype(jnp.int32)


def rollout(
    policy: Policy,
    reading: Reading,
    key: Key[Array, ""],
    batch: int,
    *,
    explore: Explore = ON_POLICY,
    at_step: Int[Array, ""] | int = 0,
) -> tuple[Trajectories, RowScores, Flags]:
    """Draw `batch` trajectories and what the network said on the way (of the unperturbed policy).

    Ends when the whole batch has stopped. `at_step` is the training step, for annealed exploration.
    """
    env, rows = reading.env, reading.env.rows
    walk_key, share_key = jax.random.split(key)
    uniforms = 1.0 - jax.random.uniform(walk_key, (rows, batch))
    shares = explore.shares(jax.random.uniform(share_key, (batch,)), jnp.asarray(at_step))

    def one(state: State, previous: Any, first: Any, uniform: Any, share: Any) -> Any:
        sight, mask = look(policy, reading, state)
        weights = explore.probabilities(sight.log_pf, mask, share, env.max_steps)
        action = draw_label(uniform, weights)
        child = step(env, state, jnp.minimum(action, env.num_actions - 1))
        return action, child, sight.at(action, previous, first), ~mask.any()

    def body(carry: Any) -> Any:
        t, state, previous, alive, length, written, flags, _ = carry
        first = jnp.broadcast_to(t == 0, (batch,))
        action, child, seen, stuck = jax.vmap(one)(state, previous, first, uniforms[t], shares)
        written = jax.tree.map(lambda buffer, row: buffer.at[t].set(row), written, (state, action, seen))
        flags = _flagged(flags, "dead_end", alive & stuck, state)
        moving = alive & (action < env.num_actions) & ~stuck
        flags = _flagged(flags, "too_long", moving & (t == rows - 1), state)
        state = jax.tree.map(lambda new, old: _where(moving, new, old), child, state)
        return t + 1, state, action, moving, length + alive, written, flags, _anyone(moving, reading.axis)

    def going(carry: Any) -> Bool[Array, ""]:
        return (carry[0] < rows) & carry[-1]

    start = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), initial_state(env))
    none = jnp.zeros(batch, jnp.int32)
    row = jax.eval_shape(lambda: jax.vmap(one)(start, none, none == 0, uniforms[0], shares))
    written = jax.tree.map(
        lambda leaf: jnp.zeros((rows, *leaf.shape), leaf.dtype), (jax.eval_shape(lambda: start), row[0], row[2])
    )
    calm = Flags(jnp.array(False), jnp.array(False), initial_state(env))
    alive = jnp.ones(batch, bool)
    carry = (jnp.array(0), start, none, alive, none, written, calm, jnp.array(True))
    _, _, _, _, length, (states, actions, seen), flags, _ = jax.lax.while_loop(going, body, carry)
    return Trajectories(states, actions, length), seen, flags


def _anyone(alive: Bool[Array, " B"], axis: str | None) -> Bool[Array, ""]:
    return alive.any() if axis is None else jax.lax.pmax(alive.any().astype(jnp.int32), axis) > 0


def _where(mask: Bool[Array, " B"], new: Array, old: Array) -> Array:
    return jnp.where(mask.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def _flagged(flags: Flags, which: str, where: Bool[Array, " B"], states: State) -> Flags:
    """Raise a flag where it is the first, and keep a state at which it was raised."""
    raised = where.any()
    fresh = raised & ~flags.dead_end & ~flags.too_long
    culprit = jnp.argmax(where)
    kept = jax.tree.map(lambda old, new: jnp.where(fresh, new[culprit], old), flags.state, states)
    values = {"dead_end": flags.dead_end, "too_long": flags.too_long}
    values[which] |= raised
    return Flags(**values, state=kept)


def walk_back(policy: Policy, reading: Reading, key: Key[Array, ""], objects: State) -> Trajectories:
    """Regrow trajectories that end in the given objects, by P_B from the object to the source.

    `objects` is a batch of states; the result is laid out forward like any other Trajectories.
    """
    env, rows = reading.env, reading.env.rows
    batch = jax.tree.leaves(objects)[0].shape[0]
    uniforms = 1.0 - jax.random.uniform(key, (rows, batch))

    def one(state: State, uniform: Any) -> Any:
        sight, _ = look(policy, reading, state)
        undoable = env.undoable(state)
        assert sight.log_pb is not None
        action = draw_label(uniform, jnp.where(undoable, jnp.exp(sight.log_pb), 0.0))
        action = jnp.minimum(action, env.num_actions - 1)
        moving = undoable.any()
        parent = undo(env, state, action)
        return action, moving, jax.tree.map(lambda new, old: jnp.where(moving, new, old), parent, state)

    def body(state: State, uniform: Float[Array, " B"]) -> Any:
        action, moving, parent = jax.vmap(one)(state, uniform)
        return parent, (state, action, moving)

    _, (states, actions, moving) = jax.lax.scan(body, objects, uniforms)
    length = moving.sum(0).astype(jnp.int32) + 1
    back = jnp.clip(length[None, :] - 1 - jnp.arange(rows)[:, None], 0)
    column = jnp.arange(batch)[None, :]
    forward_states = jax.tree.map(lambda leaf: leaf[back, column], states)
    entered = actions[jnp.clip(back - 1, 0), column]
    is_stop = jnp.arange(rows)[:, None] >= length[None, :] - 1
    return Trajectories(forward_states, jnp.where(is_stop, env.num_actions, entered), length)
