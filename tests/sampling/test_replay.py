"""The replay buffer against a ring in plain Python; priorities; regrown and retraced trajectories; the optimum."""

import dataclasses
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.dag_graphs import Dags
from anabranch.envs.hypergrid import Hypergrid
from anabranch.policies.backward.maxent import CountedPathsBackward
from anabranch.sampling.data_set import epoch_places
from anabranch.sampling.regrow import retrace
from anabranch.sampling.replay import Buffer, Replay, fingerprints
from anabranch.training.gather import gathered
from anabranch.training.step import advance, init, propose, reward
from anabranch.trajectories import Trajectories
from support.enumerated import skipping_enumerated
from support.exact_scores import TableReward
from support.spaces import Subset, graph_of, skipping

GRID = Hypergrid(dim=2, side=30)


def stopped_at(points):
    """Trajectories of one row that stop at these points of the grid, and a log-reward of each."""
    points = jnp.asarray(points, jnp.int32)
    number = points.shape[0]
    trajectories = Trajectories(points[None], jnp.full((1, number), 2), jnp.ones(number, jnp.int32))
    return trajectories, points.sum(1).astype(float)


class Ring:
    """The buffer in plain Python: objects in their places."""

    def __init__(self, capacity, kept):
        self.places, self.kept, self.pushed = [*kept] + [None] * (capacity - len(kept)), len(kept), 0

    def push(self, objects, *, deduplicate):
        known = set(filter(None, self.places))
        for item in objects:
            if not (deduplicate and item in known):
                self.places[self.kept + self.pushed % (len(self.places) - self.kept)] = item
                self.pushed += 1
                known.add(item)


@eqx.filter_jit
def pushed(buffer, trajectories, log_reward, deduplicate):
    return buffer.pushed(trajectories, log_reward, deduplicate=deduplicate)


@pytest.mark.parametrize("deduplicate", [True, False])
@pytest.mark.parametrize("kept, values, batch", [(0, 30, 4), (3, 4, 4), (3, 30, 12)])
def test_the_buffer_is_a_ring(kept, values, batch, deduplicate):
    """Few values repeat within and across batches; the last batch is larger than the room; data stay in place."""
    rng, capacity = np.random.default_rng(kept + values), 8
    buffer = Buffer.empty(GRID, Replay(capacity=capacity), with_actions=False)
    data = [(29, 25 + number) for number in range(kept)]
    if kept:
        buffer = buffer.with_data(jnp.array(data), jnp.array([sum(point) for point in data], float))
    ring, found = Ring(capacity, data), []
    for _ in range(7):
        points = rng.integers(0, values, (batch, 2))
        buffer = pushed(buffer, *stopped_at(points), deduplicate)
        ring.push([tuple(point) for point in points.tolist()], deduplicate=deduplicate)
        filled = [place for place in ring.places if place is not None]
        assert int(buffer.count) == len(filled)
        found = [tuple(point) for point in np.asarray(buffer.states)[: len(filled)].tolist()]
        assert found == filled
        assert np.asarray(buffer.log_reward)[: len(filled)].tolist() == [sum(point) for point in filled]
        marks = np.asarray(fingerprints(buffer.states))[: len(filled)]
        assert (marks == np.asarray(buffer.fingerprint)[: len(filled)]).all()
    assert len(set(found)) == len(found) or not deduplicate
    assert ring.pushed > capacity or values == 4


def test_a_buffer_full_of_data_takes_nothing_new():
    buffer = Buffer.empty(GRID, Replay(capacity=2), with_actions=False)
    buffer = buffer.with_data(jnp.array([[0, 1], [2, 3]]), jnp.zeros(2))
    assert buffer.pushed(*stopped_at([[5, 5]]), deduplicate=True) is buffer


@pytest.mark.thorough
def test_half_of_a_prioritised_draw_comes_from_the_top():
    points = np.stack([np.arange(20), np.zeros(20, int)], 1)
    buffer = Buffer.empty(GRID, Replay(capacity=50), with_actions=False)
    buffer = buffer.pushed(*stopped_at(points[::-1].copy()), deduplicate=True)
    drawn = {
        priority: np.asarray(
            buffer.log_reward[buffer.draw(jax.random.key(0), 2_000, Replay(priority=priority, top=0.1))]
        )
        for priority in ("reward", "uniform")
    }
    assert set(drawn["reward"][::2]) == {18.0, 19.0}
    for anywhere in (drawn["reward"][1::2], drawn["uniform"][::2], drawn["uniform"][1::2]):
        # 1,000 draws of 20 values: counts of 50, with a standard deviation of 7.
        assert (np.abs(np.bincount(anywhere.astype(int), minlength=20) - 50) < 35).all()


def test_a_nearly_empty_buffer_is_drawn_from_where_it_is_filled():
    buffer = Buffer.empty(GRID, Replay(capacity=50), with_actions=False)
    buffer = buffer.pushed(*stopped_at([[7, 8]]), deduplicate=True)
    for priority in ("reward", "uniform"):
        assert not buffer.draw(jax.random.key(0), 2_000, Replay(priority=priority)).any()


def test_fingerprints_tell_states_apart():
    """All points of a grid and all labelled DAGs of four nodes, whose states have several leaves."""
    grid = np.stack(np.meshgrid(*[np.arange(16)] * 4, indexing="ij"), -1).reshape(-1, 4)
    for states in (jnp.asarray(grid), graph_of(Dags(nodes=4)).states):
        number = jax.tree.leaves(states)[0].shape[0]
        marks = np.asarray(fingerprints(jax.tree.map(jnp.asarray, states)))
        assert np.unique(marks, axis=0).shape[0] == number
        # Each half is a hash of its own: at random, n^2 / 2^33 pairs share it.
        for half in marks.T:
            assert number - np.unique(half).size <= 5
        assert abs(np.corrcoef(marks.T.astype(float))[0, 1]) < 0.1


def test_retraced_trajectories_are_the_original_ones():
    with jax.enable_x64(True):
        place = skipping_enumerated()
        first = place.env.starts(jax.random.key(0), place.trajectories.length.shape[0])
        found = retrace(place.env, place.trajectories.actions, place.trajectories.length, first)
        mask = np.asarray(found.mask)
        assert (np.asarray(found.states)[mask] == np.asarray(place.trajectories.states)[mask]).all()
        longer = retrace(place.env, place.trajectories.actions, place.trajectories.length.at[:].add(-1), first)
        assert (np.asarray(longer.objects) != np.asarray(place.trajectories.objects)).any()


TONGUE = skipping()
REWARD = TableReward.random(graph_of(TONGUE))
QUICK = {"objective": "tb", "batch": 4, "policy": ab.Tabular(), "optimizer": ab.Adam(learning_rate=0.05)}


def batch_of(setup, state):
    """The batch of a step, and the states of its sources."""
    proposal = propose(setup, state)
    return gathered(setup, state, proposal, reward(setup, proposal))


@pytest.mark.thorough
def test_what_was_seen_when_an_object_was_drawn_is_never_used_again():
    """Replayed and searched parts carry no scores, so that they are scored by the present policy; drawn ones do."""
    settings = {**QUICK, "batch": 9, "replay": Replay(share=0.34), "search": ab.LocalSearch(share=0.34)}
    setup = ab.setup(TONGUE, REWARD, steps=1, **settings)
    state = init(setup, 0)

    def parts():
        return batch_of(setup, state)[0].parts

    drawn, searched, replayed = eqx.filter_eval_shape(parts)
    assert drawn.seen is not None
    assert searched.seen is None
    assert replayed.seen is None
    assert [part.log_reward.shape for part in (drawn, searched, replayed)] == [(3,), (3,), (3,)]


def test_shares_that_round_to_nothing_replay_nothing():
    setup = ab.setup(TONGUE, REWARD, steps=1, **{**QUICK, "batch": 1}, replay=Replay(share=0.4))
    state = init(setup, 0)
    batch, (_, buffer) = eqx.filter_eval_shape(lambda: batch_of(setup, state))
    assert len(batch.parts) == 1
    assert buffer is not None


class Encoded(Subset):
    """Subsets that a data set may hold."""

    def encode(self, item):
        return jnp.array(item)


SETS = Encoded(4, 2)
SETS_REWARD = TableReward.random(graph_of(SETS))
DATA = [(True, True, False, False), (False, False, False, False)]
BEST = ab.Replay(capacity=256, priority="reward", top=0.2, deduplicate=False)
STAY = {
    "data and counted paths": (SETS, SETS_REWARD, {"data": DATA, "replay": Replay(capacity=5), "backward": "maxent"}),
    "search and TLM": (TONGUE, REWARD, {"search": ab.LocalSearch(rounds=2, share=0.25), "backward": "tlm"}),
    "the best and pessimism": (TONGUE, REWARD, {"replay": BEST, "backward": "pessimistic"}),
}


FIRST, *OTHERS = STAY


@pytest.mark.thorough
@pytest.mark.parametrize("name", [FIRST, *OTHERS])
def test_the_optimum_stays_in_place(name):
    """Exact total variation after the same short training, and one compilation for all of its chunks."""
    env, log_reward, changes = STAY[name]
    setup = ab.setup(env, log_reward, steps=1_200, **{**QUICK, **changes}, explore=ab.Explore(epsilon=0.2))
    graph = graph_of(env)
    state = init(setup, 100)
    before, count = ab.total_variation(graph, state.policy, log_reward), advance._cached._cache_size()  # pyright: ignore
    for steps in (1, 3, 1_196):
        state, _, _ = advance(setup, state, jnp.array(steps))
    assert advance._cached._cache_size() == count + 1  # pyright: ignore
    assert before > 0.15
    assert ab.total_variation(graph, state.policy, log_reward) < 0.02
    if setup.data is not None:
        kept = np.asarray(state.buffer.states)[:2].tolist()
        assert kept == [list(item) for item in DATA]
        assert int(state.buffer.place) > 3
        assert isinstance(setup.backward, CountedPathsBackward)
        error = np.abs(np.asarray(state.policy.log_paths)[1:] - np.log(graph.path_count)[1:])
        assert error.max() < 0.1


@pytest.mark.thorough
def test_maximum_likelihood_learns_the_law_of_its_data():
    """Three times one object, once another."""
    data = [DATA[0]] * 3 + [DATA[1]]
    setup = ab.setup(SETS, SETS_REWARD, steps=800, **{**QUICK, "objective": "ml", "batch": 16}, data=data)
    assert setup.parts == (0, 16, 0)
    state, _, _ = advance(setup, init(setup, 100), jnp.array(800))
    law = ab.exact_law(graph_of(SETS), state.policy, SETS_REWARD)
    shares = {
        law.graph.decode(int(number)): chance for number, chance in zip(law.graph.objects, law.model, strict=True)
    }
    assert shares[DATA[0]] == pytest.approx(0.75, abs=0.03)
    assert shares[DATA[1]] == pytest.approx(0.25, abs=0.03)


def test_a_share_of_zero_is_no_replay():
    setup = ab.setup(TONGUE, REWARD, steps=1, **QUICK, replay=Replay(share=0.0), search=ab.LocalSearch(share=0.0))
    assert setup.replay is None
    assert setup.search is None
    assert dataclasses.replace(setup, replay=Replay()).parts == (2, 2, 0)


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 16, 17, 50])
def test_an_epoch_has_each_object_once_in_an_order_of_its_own(size):
    """Whatever the batch: the places of consecutive steps, put in a row, are permutations of 0 .. size - 1."""
    for number in (1, 5, 20):
        steps = jnp.arange(3 * size)
        of_step = partial(epoch_places, jax.random.key(0), number=number, size=size)
        places = np.asarray(jax.jit(jax.vmap(lambda at, of_step=of_step: of_step(at_step=at)))(steps)).ravel()
        epochs = places[: places.size // size * size].reshape(-1, size)
        assert (np.sort(epochs, axis=1) == np.arange(size)).all()
        if size > 10:
            assert len({tuple(order) for order in epochs}) == len(epochs)


def test_every_object_comes_at_every_place_of_an_epoch():
    """2,000 epochs of 5 objects: all 120 orders, each object at each place 400 times (4 standard errors: 72)."""
    orders = np.asarray(jax.jit(jax.vmap(lambda at: epoch_places(jax.random.key(1), at, 5, 5)))(jnp.arange(2000)))
    counts = np.array([np.bincount(column, minlength=5) for column in orders.T])
    assert abs(counts - 400).max() < 72
    assert len({tuple(order) for order in orders}) == 120


@pytest.mark.thorough
def test_maximum_likelihood_learns_from_each_object_in_turn():
    """Three steps of two objects out of three: each of them twice."""
    setup = ab.setup(SETS, SETS_REWARD, steps=1, **{**QUICK, "objective": "ml", "batch": 2}, data=[*DATA, DATA[0]])
    state, seen = init(setup, 0), []
    for at in range(3):
        batch, _ = batch_of(setup, dataclasses.replace(state, step=jnp.array(at)))
        seen += np.asarray(batch.trajectories.objects).tolist()
    assert sorted(map(tuple, seen)) == sorted(2 * [*DATA, DATA[0]])
