"""Rolls trajectories out with the forward policy, in one compiled loop over the rows of a batch.

Each trajectory of the batch is a lane. A turn of the loop makes one network call for each lane, draws an action, and
writes state, action and scores into the row. Trajectories stop at different rows: when few lanes are alive, the loop
goes on with a quarter of them, and it ends when all have stopped.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, State, step, take
from anabranch.graph.longest import rows_of
from anabranch.ground.streams import StepStream
from anabranch.ground.tracing import traced_once
from anabranch.policies.heads import Policy
from anabranch.sampling.drawn_moves import drawn_moves
from anabranch.sampling.explore import ON_POLICY, Exploration
from anabranch.sampling.flags import NOTHING_LEGAL, Flags, chosen, flags_of
from anabranch.sampling.labels import draw_label
from anabranch.scoring.reading import DrawnScores, Reading, read, row_scores
from anabranch.trajectories import Trajectories


def rollout(
    policy: Policy,
    reading: Reading,
    key: Key[Array, ""],
    batch: int,
    *,
    explore: Exploration = ON_POLICY,
    at_step: Int[Array, ""] | int = 0,
    remember: bool = False,
    start: State | None = None,
    narrow: bool = True,
) -> tuple[Trajectories, DrawnScores, Flags]:
    """Draw `batch` trajectories, and score them by the policy itself, whatever `explore` made of its distribution.

    `narrow`: go on with fewer lanes as trajectories stop; each width is compiled, which pays in a training only.
    `at_step`: the training step, for annealed exploration. `start`: a batch of states in place of the initial one.
    `remember`: keep what the policy needs for a cheap gradient.
    """
    if isinstance(reading.env, ContinuousEnvironment):
        first = starts(reading, key, batch) if start is None else start
        return drawn_moves(policy, reading, key, first, explore=explore, at_step=at_step, remember=remember)
    numbers = luck(reading, key, batch, explore, at_step)
    fresh, start = start is None, starts(reading, key, batch) if start is None else start
    options = {"explore": explore, "remember": remember, "narrow": narrow}
    return walked(policy, reading, *numbers, start=start, fresh=fresh, **options)


def starts(reading: Reading, key: Key[Array, ""], batch: int) -> State:
    """The states at which the trajectories of a batch start; under conditions each has its own."""
    return reading.env.starts(jax.random.fold_in(key, StepStream.CONDITION), batch)


def luck(
    reading: Reading, key: Key[Array, ""], batch: int, explore: Exploration, at_step: Int[Array, ""] | int
) -> tuple[Float[Array, "rows B"], Float[Array, " B"]]:
    """The random numbers of a batch: one in (0, 1] for each row, and how far each trajectory explores."""
    # Two keys: the numbers that draw the actions are the same with and without exploration.
    walk_key, share_key = jax.random.split(key)
    # In (0, 1], not [0, 1): a number of 0 would draw the first label even where its weight is 0.
    uniforms = 1.0 - jax.random.uniform(walk_key, (rows_of(reading.env), batch))
    return uniforms, explore.shares(jax.random.uniform(share_key, (batch,)), jnp.asarray(at_step))


def walked(
    policy: Policy,
    reading: Reading,
    uniforms: Float[Array, "rows B"],
    shares: Float[Array, " B"],
    *,
    explore: Exploration = ON_POLICY,
    start: State,
    fresh: bool = True,
    remember: bool = False,
    narrow: bool = True,
) -> tuple[Trajectories, DrawnScores, Flags]:
    """The trajectories that these random numbers draw; `fresh`: whether `start` holds initial states."""
    env, (rows, batch) = reading.env, uniforms.shape

    def one(state: State, previous: Any, first: Any, uniform: Any, share: Any, cache: Any, t: Any) -> Any:
        if cache is None:
            heads, memory = policy.remember(state) if remember else (policy.heads(state), None)
        else:
            (heads, cache), memory = policy.extend(cache, state, t), None
        outputs, mask = read(policy, heads, reading, state)
        weights = explore.probabilities(outputs.log_pf, mask, share, rows - 1)
        action = jnp.where(mask.any(), draw_label(uniform, weights), NOTHING_LEGAL)
        # STOP is no label of the environment: a lane that stops takes the last label, and `body` discards the child.
        child = step(env, state, jnp.clip(action, 0, env.num_actions - 1))
        row = row_scores(outputs, heads, reading, state, action, previous, first)
        return action, child, DrawnScores(row, memory), cache

    cache = _caches(policy, None if fresh else start, batch)
    none = jnp.zeros(batch, jnp.int32)
    lanes = (start, none, none == 0, uniforms[0], shares, cache)
    one, row = traced_once(one, *take(lanes, 0), jnp.array(0))
    of_lanes = jax.vmap(one, (0, 0, 0, 0, 0, 0, None))

    def body(walk: _Walk) -> _Walk:
        t, column, state = walk.t, walk.column, walk.state
        # Until lanes are dropped, lane i is trajectory i: a whole row is written, which is cheaper than a scatter.
        everyone = column.shape[0] == batch
        first = jnp.broadcast_to(t == 0, column.shape)
        here = (uniforms[t], shares) if everyone else (uniforms[t, column], shares[column])
        action, child, seen, cache = of_lanes(state, walk.previous, first, *here, walk.cache, t)
        place = t if everyone else (t, column)
        written = jax.tree.map(lambda buffer, row: buffer.at[place].set(row), walk.written, (state, action, seen))
        moving = walk.alive & (action != env.num_actions) & (action != NOTHING_LEGAL)
        state = chosen(moving, child, state)
        length = walk.length + walk.alive if everyone else walk.length.at[column].add(walk.alive)
        left = _left(moving, reading.axis)
        return _Walk(t + 1, column, state, action, moving, cache, length, written, left)

    walk = _begun(env, start, cache, row, rows)
    widths = lane_widths(batch) if narrow and rows > FEW_ROWS else [batch]
    # Each loop ends when the living lanes fit into the next width, the last one when no lane is alive.
    for width, enough in zip(widths, [*widths[1:], 0], strict=True):
        walk = jax.lax.while_loop(lambda w, enough=enough: (w.t < rows) & (w.left > enough), body, walk.narrowed(width))
    states, actions, seen = walk.written
    trajectories = Trajectories(states, actions, walk.length)
    return trajectories, seen, flags_of(env, trajectories)


def _caches(policy: Policy, start: State | None, batch: int) -> Any:
    """What each lane carries at the start; None where the policy carries nothing."""
    if start is not None:
        return jax.vmap(policy.begin)(start)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (batch, *leaf.shape)), policy.begin(None))


def _begun(env: Environment, start: State, cache: Any, row: Any, rows: int) -> "_Walk":
    """The walk before its first step, with room for `rows` rows like that of one lane."""
    batch = jax.tree.leaves(start)[0].shape[0]
    action, child, seen, _ = row
    written = jax.tree.map(lambda leaf: jnp.zeros((rows, batch, *leaf.shape), leaf.dtype), (child, action, seen))
    none = jnp.zeros(batch, jnp.int32)
    lanes = jnp.arange(batch), start, none, none == 0, cache
    return _Walk(jnp.array(0), *lanes, none, written, jnp.array(batch))


class _Walk(eqx.Module):
    """The state of a rollout: lanes that walk, and rows of all trajectories as far as they are written."""

    t: Int[Array, ""]
    column: Int[Array, " lanes"]
    """The trajectory of each lane."""
    state: State
    previous: Int[Array, " lanes"]
    alive: Bool[Array, " lanes"]
    cache: Any
    """What the policy carries for each lane; None where it carries nothing."""
    length: Int[Array, " B"]
    written: Any
    left: Int[Array, ""]
    """How many lanes are alive (under a vmap: the most of any)."""

    def narrowed(self, width: int) -> "_Walk":
        """The same walk on `width` lanes, which are enough for all that are alive."""
        if width == self.column.shape[0]:
            return self
        # False sorts before True: living lanes come first, so that only stopped ones are cut off.
        lanes = jnp.argsort(~self.alive, stable=True)[:width]
        of_lanes = (self.column, self.state, self.previous, self.alive, self.cache)
        column, state, previous, alive, cache = take(of_lanes, lanes)
        rest = (self.length, self.written, self.left)
        return _Walk(self.t, column, state, previous, alive, cache, *rest)


def lane_widths(batch: int) -> list[int]:
    """The numbers of lanes that a rollout narrows to. Each costs a compilation of the step, so there are few."""
    widths = [batch]
    while widths[-1] > FEWEST_LANES and len(widths) < MOST_WIDTHS:
        widths.append(max(FEWEST_LANES, widths[-1] // NARROWING))
    return widths


FEW_ROWS = 8
"""Rows up to which a rollout keeps its lanes: there is little to save."""
FEWEST_LANES, NARROWING, MOST_WIDTHS = 16, 4, 3
"""The least width, the factor between two widths, and how many are compiled."""


def _left(alive: Bool[Array, " lanes"], axis: tuple[str, ...] | None) -> Int[Array, ""]:
    # Under a vmap over seeds the predicate of the loop must be one number: with one for each seed JAX would copy the
    # whole walk at every turn, to select the seeds that go on.
    return alive.sum() if axis is None else jax.lax.pmax(alive.sum(), axis)
