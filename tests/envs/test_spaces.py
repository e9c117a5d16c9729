"""The built-in spaces: sound, and with the exact constants of the literature."""

import dataclasses
import itertools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.envs.bits import BitStrings, NearestMode
from anabranch.envs.downloads import NoDataError
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.envs.ising import Ising, IsingReward
from anabranch.envs.tasks import BUILT_IN
from anabranch.evaluation.flows import exact_flows
from anabranch.sampling.reference_level import survey_of

SMALL = [
    Hypergrid(dim=2, side=8),
    Hypergrid(dim=3, side=4),
    BitStrings(length=6, word=2),
    BitStrings(length=4, word=4),
    Ising(side=1),
    Ising(side=2),
]


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("env", SMALL, ids=str)
def test_small_spaces_are_proved(env):
    assert ab.check(env).proved


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["bits-120", "ising-9"])
def test_large_spaces_hold_on_walks(name):
    report = ab.check(ab.make(name).env, max_states=2_000, walks=32)
    assert report.sound
    assert not report.proved


@pytest.mark.parametrize(
    "dim, side, rewards, log_z",
    [
        (2, 8, (0.1, 0.5, 2.0), 3.109061),
        (2, 8, (1e-3, 0.5, 2.0), 2.776581),
        (2, 16, (0.1, 0.5, 2.0), 4.183576),
        (2, 64, (1e-3, 0.5, 2.0), 6.689719),
        (4, 8, (0.1, 0.5, 2.0), 6.344934),
        (4, 16, (0.1, 0.5, 2.0), 9.063417),
        (4, 20, (1e-3, 0.5, 2.0), 8.643297),
        (4, 20, (1e-4, 1.0, 3.0), 9.285819),
    ],
)
def test_hypergrids_have_the_known_log_z(dim, side, rewards, log_z):
    env = Hypergrid(dim=dim, side=side)
    graph = ab.state_graph(env)
    log_reward = ab.log_rewards(graph, HypergridReward(env=env, r0=rewards[0], r1=rewards[1], r2=rewards[2]))
    assert exact_flows(graph, log_reward).log_z == pytest.approx(log_z, abs=1e-6)


def test_ways_to_the_far_corner_of_the_standard_grid():
    graph = ab.state_graph(Hypergrid(dim=4, side=20))
    assert np.log(graph.path_count[-1]) == pytest.approx(98.861599, abs=1e-6)


@pytest.mark.parametrize("side", [11, 21, 31])
def test_thresholds_are_compared_as_integers(side):
    """At these sides .3 and .4 fall onto grid points, which floating point puts on the wrong side."""
    reward = HypergridReward(env=Hypergrid(dim=1, side=side), r0=0.0, r1=0.0, r2=1.0)
    inside = [x for x in range(side) if float(jnp.exp(reward(jnp.array([x])))) == 1.0]
    span = side - 1
    assert inside == [x for x in range(side) if 3 * span < 5 * abs(2 * x - span) < 4 * span]
    assert not {x for x in inside if 10 * x in (span, 2 * span, 8 * span, 9 * span)}


@pytest.mark.parametrize("side", [2, 3])
def test_ising_counts_each_edge_once(side):
    env = Ising(side=side)
    reward = IsingReward(env=env, coupling=0.4)
    for spins in itertools.islice(itertools.product((-1, 1), repeat=side**2), 0, None, 7):
        square = np.array(spins).reshape(side, side)
        edges = sum(
            square[i, j] * (square[(i + 1) % side, j] + square[i, (j + 1) % side])
            for i in range(side)
            for j in range(side)
        )
        assert float(reward(env.encode(spins))) == pytest.approx(0.4 * edges, abs=1e-5)


def test_bit_strings_are_worth_their_distance_to_the_nearest_mode():
    env = BitStrings(length=8, word=4)
    reward = NearestMode(env=env, beta=2.0, modes=3, seed=1)
    texts = ["".join("1" if bit > 0 else "0" for bit in mode) for mode in reward.hidden]
    for item in ("00000000", "10110001", texts[2]):
        distance = min(sum(a != b for a, b in zip(item, text, strict=True)) for text in texts)
        assert float(reward(env.encode(item))) == pytest.approx(-2.0 * distance / 8, abs=1e-6)


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("name", {module: name for name, module in sorted(BUILT_IN.items(), reverse=True)}.values())
def test_one_task_of_every_module_can_be_trained(name):
    """Its settings go together and its training step traces; the values of its rewards have tests of their own."""
    task = ab.make(name)
    options = {**task.settings(ab.TrajectoryBalance()).arguments(), "batch": 4, "policy": ab.MLP(width=8)}
    if isinstance(task.log_reward, ab.PythonReward):
        few = dataclasses.replace(task.log_reward, survey=32)
        run = ab.train(task.env, few, objective="tb", **{**options, "steps": 1}, exact=False)
        assert np.isfinite(run.history[-1]["loss"])
        return
    try:
        setup = ab.setup(task.env, task.log_reward, objective="tb", backward="learned", **options)
    except NoDataError as error:
        pytest.skip(str(error))
    _, metrics, _ = eqx.filter_eval_shape(lambda: ab.step(setup, ab.init(setup, 0)))
    assert (metrics.loss.shape, metrics.loss.dtype) == ((), jnp.float32)
    survey = survey_of(task.env, task.log_reward)
    item = task.env.decode(take(survey.states, (survey.length[0] - 1, 0)))
    assert task.env.decode(task.env.encode(item)) == item


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["sets", "hypergrid-xor", "tree"])
def test_a_task_trains_a_little(name):
    run = ab.train(name, objective="tb", backward="learned", steps=2, batch=4, policy=ab.MLP(width=8), exact=False)
    assert np.isfinite(run.history[-1]["loss"])
    item = run.objects(1)[0]
    assert run.setup.env.decode(run.setup.env.encode(item)) == item


@pytest.mark.parametrize(
    "make", [lambda: Hypergrid(dim=0), lambda: BitStrings(length=7, word=2), lambda: Ising(side=0)]
)
def test_impossible_configurations_are_refused(make):
    with pytest.raises(ab.ConfigError):
        make()
