"""Rolls trajectories out in a space whose moves are drawn from densities, and walks them back."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.continuous.contract import ContinuousEnvironment, Kernel
from anabranch.continuous.kernels import draw, tempered
from anabranch.environment import State
from anabranch.ground.tracing import traced_once
from anabranch.policies.heads import Policy
from anabranch.sampling.explore import Exploration, Explore
from anabranch.sampling.flags import NOTHING_LEGAL, Flags, chosen, flags_of
from anabranch.sampling.labels import draw_label
from anabranch.scoring.moves import MOVE, STOP, Ends, kernel_ahead, kernel_back
from anabranch.scoring.reading import DrawnScores, Reading, read, row_scores
from anabranch.trajectories import Trajectories


class _Lane(eqx.Module):
    """Where a trajectory is; of a batch with a leading axis."""

    state: State
    parent: State
    alive: Bool[Array, "*lanes"]
    share: Float[Array, "*lanes"]
    """How far it explores."""


def drawn_moves(
    policy: Policy,
    reading: Reading,
    key: Key[Array, ""],
    start: State,
    *,
    explore: Exploration,
    at_step: Int[Array, ""] | int,
    remember: bool,
) -> tuple[Trajectories, DrawnScores, Flags]:
    """`rollout` in a continuous space: a scan over rows, which may be differentiated through what is drawn."""
    env = reading.env
    assert isinstance(env, ContinuousEnvironment)
    batch, rows = jax.tree.leaves(start)[0].shape[0], env.max_steps + 1
    walk_key, share_key = jax.random.split(key)
    shares = explore.shares(jax.random.uniform(share_key, (batch,)), jnp.asarray(at_step))
    keys = jax.random.split(walk_key, (rows, batch))

    def one(lane: _Lane, own: Key[Array, ""], first: Any) -> Any:
        state = lane.state
        heads, memory = policy.remember(state) if remember else (policy.heads(state), None)
        outputs, mask = read(policy, heads, reading, state)
        label_key, move_key = jax.random.split(own)
        weights = explore.probabilities(outputs.log_pf, mask, lane.share, rows - 1)
        action = jnp.where(mask.any(), draw_label(1.0 - jax.random.uniform(label_key), weights), NOTHING_LEGAL)
        child = _child(env, kernel_ahead(env, state, heads), state, explore, lane.share, move_key)
        row = row_scores(outputs, heads, reading, state, action, Ends(lane.parent, child), first)
        return action, child, DrawnScores(row, memory)

    def moved(lanes: _Lane, entry: Any) -> Any:
        own, t = entry
        action, child, seen = jax.vmap(one, (0, 0, None))(lanes, own, t == 0)
        moving = lanes.alive & (action == MOVE)
        after = _Lane(chosen(moving, child, lanes.state), lanes.state, moving, lanes.share)
        return after, (lanes.state, action, seen, lanes.alive)

    def body(lanes: _Lane, entry: Any) -> Any:
        # In a space whose trajectories end early, nothing is computed for the rows after the longest.
        once, (_, shapes) = traced_once(moved, lanes, entry)
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
        return jax.lax.cond(lanes.alive.any(), once, lambda lanes, entry: (lanes, nothing), lanes, entry)

    begin = _Lane(start, start, jnp.ones(batch, bool), shares)
    _, written = jax.lax.scan(body, begin, (keys, jnp.arange(rows)))
    states, actions, seen, alive = written
    trajectories = Trajectories(states, actions, alive.sum(0).astype(jnp.int32))
    return trajectories, seen, flags_of(env, trajectories)


def _child(
    env: ContinuousEnvironment,
    ahead: Kernel,
    state: State,
    explore: Exploration,
    share: Float[Array, ""],
    key: Key[Array, ""],
) -> State:
    """A child: of the policy's kernel, or of a random walk where the trajectory explores."""
    if explore.on_policy:
        return draw(ahead, key)
    which, key, walk_key = jax.random.split(key, 3)
    temperature = explore.temperature if isinstance(explore, Explore) else 1.0
    plain = isinstance(temperature, float | int) and temperature == 1.0
    own = draw(ahead if plain else tempered(ahead, temperature), key)
    return chosen(jax.random.uniform(which) < share, draw(env.wander(state), walk_key), own)


def moves_back(policy: Policy, reading: Reading, key: Key[Array, ""], objects: State) -> Trajectories:
    """`walk_back` in a continuous space: parents are drawn from the kernels of P_B until the initial state is met."""
    env, backward = reading.env, reading.backward
    assert isinstance(env, ContinuousEnvironment)
    assert backward is not None
    batch, rows = jax.tree.leaves(objects)[0].shape[0], env.max_steps + 1

    def one(state: State, own: Key[Array, ""]) -> Any:
        parent = draw(kernel_back(env, state, policy.heads(state), backward), own)
        moving = env.undoable(state)[MOVE]
        return moving, chosen(moving, parent, state)

    def body(state: State, own: Any) -> Any:
        moving, parent = jax.vmap(one)(state, own)
        return parent, (state, moving)

    _, (states, moving) = jax.lax.scan(body, objects, jax.random.split(key, (rows, batch)))
    length = moving.sum(0).astype(jnp.int32) + 1
    back = jnp.clip(length[None, :] - 1 - jnp.arange(rows)[:, None], 0)
    forward_states = jax.tree.map(lambda leaf: leaf[back, jnp.arange(batch)[None, :]], states)
    actions = jnp.where(jnp.arange(rows)[:, None] >= length[None, :] - 1, STOP, MOVE)
    return Trajectories(forward_states, actions, length)
