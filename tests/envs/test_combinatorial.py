"""Independent sets, knapsacks, tours and orders of jobs, each beside plain Python that tries every object."""

import dataclasses
import itertools
import math

import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.independent_sets import IndependentSets, NodeCount
from anabranch.envs.instances import IsBest, over_orders, uniforms, whole_numbers
from anabranch.envs.job_orders import WeightedTardiness
from anabranch.envs.knapsack import Knapsack, PackedValue
from anabranch.envs.orders import Orders
from anabranch.envs.tours import TourLength, Tours
from support.catalogue import assert_sound, log_reward_of, log_z_of
from support.spaces import graph_of

SMALL = [
    NodeCount(env=IndependentSets(items=6, seed=3, density=0.4), beta=0.7),
    PackedValue(env=Knapsack(items=6, seed=2)),
    TourLength(env=Tours(n=4, seed=1)),
    WeightedTardiness(env=Orders(n=4), seed=5),
]
TASKS = ("independent-sets", "knapsack", "tours", "job-orders")


def subsets(items):
    return (chosen for size in range(items + 1) for chosen in itertools.combinations(range(items), size))


def drawn(seed, count):
    """The numbers of a seed as stated, one by one."""
    source = np.random.PCG64(seed)
    return [(int(source.random_raw()) >> 11) / 2**53 for _ in range(count)]


def independent_sets(reward):
    env = reward.env
    pairs = list(itertools.combinations(range(env.items), 2))
    edges = {pair for pair, value in zip(pairs, drawn(env.seed, len(pairs)), strict=True) if value < env.density}
    for chosen in subsets(env.items):
        if not edges & set(itertools.combinations(chosen, 2)):
            yield chosen, reward.beta * len(chosen)


def knapsacks(reward):
    weights = [1 + math.floor(20 * value) for value in drawn(reward.env.seed, reward.env.items)]
    values = [1 + math.floor(20 * value) for value in drawn(reward.seed, reward.env.items)]
    for chosen in subsets(reward.env.items):
        if sum(weights[item] for item in chosen) <= sum(weights) // 2:
            yield chosen, reward.beta * sum(values[item] for item in chosen)


def tours(reward):
    n = reward.env.n
    numbers = drawn(reward.env.seed, 2 * (n + 1))
    places = list(zip(numbers[::2], numbers[1::2], strict=True))
    for order in itertools.permutations(range(n)):
        stops = [places[0], *(places[city + 1] for city in order), places[0]]
        yield order, -reward.beta * sum(map(math.dist, stops, stops[1:]))


def job_orders(reward):
    n = reward.env.n
    numbers = drawn(reward.seed, 3 * n)
    times = [1 + math.floor(10 * value) for value in numbers[:n]]
    weights = [1 + math.floor(5 * value) for value in numbers[n : 2 * n]]
    due = [1 + math.floor(value * 0.6 * sum(times)) for value in numbers[2 * n :]]
    for order in itertools.permutations(range(n)):
        clock = late = 0
        for job in order:
            clock += times[job]
            late += weights[job] * max(0, clock - due[job])
        yield order, -reward.beta * late


TRIED = {NodeCount: independent_sets, PackedValue: knapsacks, TourLength: tours, WeightedTardiness: job_orders}


def log_sum_exp(values):
    most = max(values)
    return most + math.log(math.fsum(math.exp(value - most) for value in values))


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("reward", SMALL, ids=lambda reward: type(reward).__name__)
def test_small_instances_are_sound_and_have_every_object(reward):
    """Laws, pictures, path counts; the same objects with the same rewards as plain Python; log Z by enumeration."""
    graph = assert_sound(reward.env, reward)
    found = dict(zip(map(graph.decode, graph.objects), ab.log_rewards(graph, reward).tolist(), strict=True))
    tried = dict(TRIED[type(reward)](reward))
    assert found == pytest.approx(tried, abs=1e-5)
    assert len(found) == len(tried)


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_the_optimum_and_the_log_z_of_plain_python(name):
    task = ab.make(name)
    reward = task.log_reward
    objects, values = zip(*TRIED[type(reward)](reward), strict=True)
    assert reward.log_z == pytest.approx(log_sum_exp(values), abs=1e-6)
    assert reward.best == pytest.approx(max(values), abs=1e-9)
    assert f"{reward.log_z:.6f}" in str(type(reward).__doc__)
    few = sorted(range(len(objects)), key=values.__getitem__)[-30:]
    np.testing.assert_allclose(log_reward_of(reward, [objects[at] for at in few]), np.array(values)[few], atol=1e-4)
    (fact,) = task.facts.values()
    states = jax.tree.map(lambda *leaves: np.stack(leaves), *[np.asarray(task.env.encode(objects[at])) for at in few])
    is_best = [abs(values[at] - max(values)) < 1e-9 for at in few]
    assert fact.indicators(states)[0].tolist() == is_best
    assert 0 < sum(is_best) < len(few)


@pytest.mark.parametrize("name, states, objects", [("independent-sets", 721, 721), ("knapsack", 2048, 2048)])
def test_tasks_of_sets_are_enumerated(name, states, objects):
    task = ab.make(name)
    graph = graph_of(task.env)
    assert (graph.num_states, graph.objects.size) == (states, objects)
    assert len(list(TRIED[type(task.log_reward)](task.log_reward))) == objects
    assert log_z_of(task.env, task.log_reward) == pytest.approx(task.log_reward.log_z, abs=1e-6)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["tours", "job-orders"])
def test_tasks_of_orders_are_enumerated(name):
    task = ab.make(name)
    graph = ab.state_graph(task.env)
    assert graph.num_states == sum(math.perm(7, k) for k in range(8))
    assert graph.objects.size == math.factorial(7)
    values = ab.log_rewards(graph, task.log_reward)
    assert np.logaddexp.reduce(values) == pytest.approx(task.log_reward.log_z, abs=1e-6)


def test_counts_of_known_graphs():
    """A path of n nodes has Fibonacci(n + 2) independent sets, a complete graph n + 1, no edges 2^n."""
    path = IndependentSets(items=10, edges=tuple(f"{node}-{node + 1}" for node in range(9)))
    assert NodeCount(env=path).by_size.sum() == 144
    assert path.max_steps == 5 == NodeCount(env=path).by_size.size - 1
    assert NodeCount(env=IndependentSets(items=7, density=1.0)).by_size.tolist() == [1, 7]
    free = IndependentSets(items=5, density=0.0)
    assert NodeCount(env=free).by_size.tolist() == [math.comb(5, size) for size in range(6)]
    assert NodeCount(env=IndependentSets(items=41)).best is None


def test_orders_are_summed_and_maximised():
    """With weights of one nat a step: n! orders, and n + 1 nats each."""
    ones = np.ones((5, 5))
    options = {"first": np.ones(5), "following": lambda done: ones, "last": np.ones(5)}
    assert over_orders(5, np.logaddexp, **options) == pytest.approx(6 + math.log(120))
    assert over_orders(5, np.maximum, **options) == 6


def test_numbers_follow_from_the_seed_as_stated():
    assert uniforms(7, 5).tolist() == drawn(7, 5)
    many = whole_numbers(0, 1_000, low=1, high=20)
    assert (many.min(), many.max()) == (1, 20)


def test_facts_go_with_the_reward():
    """Another instance has another optimum; where it cannot be known, nothing is reported."""
    task = ab.make("tours", env={"n": 4, "seed": 2}, reward={"beta": 3.0})
    assert task.facts["shortest"].event == IsBest(task.log_reward)
    assert ab.make("tours", env={"n": 20}).facts == {}
    assert ab.make("independent-sets", env={"items": 60}).facts == {}
    other = dataclasses.replace(task, log_reward=lambda state: state[0] * 0.5)
    assert other.facts == {}
    assert ab.make("faces", reward={"happy": 3.0}).facts == ab.make("faces").facts


def test_pieces_of_a_tour_are_drawn_once_both_ends_are_known():
    env = Tours(n=3)
    count = [env.draw(np.array(state)).count("<line") for state in ([-1, -1, -1], [0, -1, -1], [2, 1, -1], [2, 0, 1])]
    assert count == [0, 1, 2, 4]


def test_given_numbers_take_the_place_of_drawn_ones():
    env = Knapsack(items=3, weights=(2, 3, 4), capacity=5)
    reward = PackedValue(env=env, values=(1, 10, 100), beta=1.0)
    assert {graph_of(env).decode(number) for number in graph_of(env).objects} == {(), (0,), (1,), (2,), (0, 1)}
    assert reward.best == 100
    assert env.max_steps == 2
    assert reward.log_z == pytest.approx(log_z_of(env, reward), abs=1e-6)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: IndependentSets(density=1.5), "probability; given 1.5"),
        (lambda: IndependentSets(items=3, edges=("0-3",)), "nodes of 0 to 2, such as 0-1; given '0-3'"),
        (lambda: IndependentSets(items=3, edges=("1-1",)), "joins two nodes"),
        (lambda: IndependentSets(items=3, edges=("ab",)), "joins two nodes"),
        (lambda: IndependentSets(seed=-1), "seed is a whole number from 0 on; given -1"),
        (lambda: IndependentSets(items=3, density=1.0).encode((0, 1)), "No two nodes"),
        (lambda: NodeCount(env=IndependentSets(), beta=math.nan), "beta"),
        (lambda: Knapsack(items=3, weights=(1, 2)), "weights are 3 whole numbers"),
        (lambda: Knapsack(items=2, weights=(0, 2)), "weights are 2 whole numbers from 1 on"),
        (lambda: Knapsack(capacity=-1), "capacity is a whole number from 0 on"),
        (lambda: Knapsack(items=2, weights=(3, 3)).encode((0, 1)), "holds 3; the items .* weigh 6"),
        (lambda: PackedValue(env=Knapsack(), values=(1, 2)).listed, "2 values were given for 12 items"),
        (lambda: TourLength(env=Tours(), beta=0.0), "beta is a finite number above 0"),
        (lambda: Tours(n=0), "at least one position"),
        (lambda: WeightedTardiness(env=Orders(), beta=math.inf), "above 0"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()
