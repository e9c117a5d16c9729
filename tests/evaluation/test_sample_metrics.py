"""The metrics of policies: right at the exact flow, worse elsewhere, and the same from Python and the command line."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.evaluation.evaluate import evaluate
from anabranch.evaluation.flows import exact_flows, exact_policy
from anabranch.evaluation.metrics import METRICS
from anabranch.evaluation.sample_metrics import metrics_of_drawn, metrics_of_listed, numbered
from anabranch.ground.errors import SpaceTooLargeError
from anabranch.sampling.draw import sample_states
from support.spaces import Slots, Subset
from support.tiny import answer


def graded(state):
    """Every subset has a reward of its own."""
    return jnp.sum(state * jnp.array([0.91, -0.43, 0.37, 1.31, -1.13]))


@pytest.fixture(scope="module")
def subset():
    env = Subset(5, 3)
    graph = ab.state_graph(env)
    return env, graph, exact_policy(exact_flows(graph, ab.log_rewards(graph, graded)))


def measured(env, policy, **options):
    found = evaluate(env, policy, graded, objective=ab.TrajectoryBalance(), samples=2000, **options)
    return found.metrics


def test_the_exact_sampler_is_as_good_as_a_perfect_one(subset):
    env, graph, policy = subset
    found = measured(env, policy)
    for pair in (found.top_log_reward, found.diversity, found.modes.found):
        assert abs(pair.value - pair.perfect.mean) <= 4 * pair.perfect.spread + 1e-9
    assert abs(found.reward_gap.value - found.reward_gap.perfect.mean) < 4 * found.reward_gap.perfect.spread
    assert found.spearman.value == pytest.approx(1.0)
    assert found.pearson.value == pytest.approx(1.0, abs=1e-6)
    assert found.flow_consistency.value < 1e-4
    assert found.test_set == f"all {graph.objects.size} objects"
    assert math.isnan(found.spearman.low), "over all objects there is nothing to be unsure of"


def test_a_wrong_sampler_is_worse_than_a_perfect_one(subset):
    """The negative control: log R / 4 in place of log R."""
    env, graph, _ = subset
    flat = exact_policy(exact_flows(graph, ab.log_rewards(graph, graded) / 4))
    found = measured(env, flat)
    assert found.reward_gap.value < found.reward_gap.perfect.mean - 10 * found.reward_gap.perfect.spread
    assert found.flow_consistency.value > 0.1
    assert found.spearman.value == pytest.approx(1.0), "which a ranking cannot see"
    backwards = exact_policy(exact_flows(graph, -ab.log_rewards(graph, graded)))
    assert measured(env, backwards).spearman.value == pytest.approx(-1.0)


def test_metrics_are_those_of_the_objects_that_are_drawn(subset):
    env, _, policy = subset
    settings = ab.MetricSettings(top_k=7, mode_threshold=0.5, mode_separation=0.4, subset_size=3)
    found = measured(env, policy, settings=settings, seed=4)
    drawn = ab.sample(env, policy, 2000, seed=4, log_reward=graded)
    best = ab.top_k(drawn.objects, drawn.log_reward, k=7)
    assert found.top_log_reward.objects == best.objects == 7
    assert found.top_log_reward.value == pytest.approx(best.log_reward, abs=1e-6)
    assert found.diversity.value == pytest.approx(best.diversity)
    modes = ab.modes_found(drawn.objects, drawn.log_reward, threshold=0.5, separation=0.4)
    assert (found.modes.threshold, found.modes.separation) == (0.5, 0.4)
    assert found.modes.found.value == modes.found == found.modes.total
    assert found.modes.curve[-1] == modes.found
    assert found.modes.budgets == tuple(budget for budget, _ in modes.curve)
    own = measured(env, policy, settings=settings, distance=lambda a, b: 0.25 * (a != b), seed=4)
    assert own.diversity.value == 0.25


def test_without_a_threshold_a_hundredth_counts(subset):
    env, _, policy = subset
    found = measured(env, policy).modes
    assert found.threshold == pytest.approx(0.91 + 0.37 + 1.31)
    assert found.total == 1
    assert found.perfect_curve[-1] == found.found.perfect.mean


def test_where_the_space_is_too_large_a_test_set_is_walked_to(subset, monkeypatch):
    """The exact flow is balanced, so that every trajectory gives the exact log p(x): as good as the list."""
    env, graph, policy = subset

    def refuse(env):
        raise SpaceTooLargeError("too large")

    monkeypatch.setattr("anabranch.evaluation.affordable.state_graph", refuse)
    found = measured(env, policy, settings=ab.MetricSettings(mode_threshold=1.0))
    assert found.pearson.value == pytest.approx(1.0, abs=1e-4)
    assert 0.9 < found.pearson.low < found.pearson.high <= 1.0
    assert found.flow_consistency.value < 1e-4
    assert found.test_set.startswith(f"{found.spearman.objects} ends of random walks, log p ± ")
    assert 15 < found.spearman.objects <= graph.objects.size, "each object once"
    assert found.reward_gap is found.modes.total is found.modes.perfect_curve is found.top_log_reward.perfect is None
    drawn = ab.sample(env, policy, 2000, seed=0, log_reward=graded)
    assert found.top_log_reward.value == pytest.approx(ab.top_k(drawn.objects, drawn.log_reward).log_reward, abs=1e-6)
    assert found.modes.found.value == ab.modes_found(drawn.objects, drawn.log_reward, threshold=1.0).found
    assert measured(env, policy).modes is None, "no threshold is stated, and none is known"


def test_a_policy_is_judged_on_objects_that_it_never_draws(subset):
    """A collapsed sampler looks right among its own draws; the walks see the rest of the space."""
    env, graph, _ = subset
    log_reward = ab.log_rewards(graph, graded)
    few = np.array([graph.decode(int(x))[0] for x in graph.objects])
    collapsed = exact_policy(exact_flows(graph, np.where(few, log_reward, log_reward - 8.0)))
    states = sample_states(env, collapsed, 500, key=jax.random.key(0))
    assert np.asarray(states)[:, 0].mean() > 0.99
    options = {"backward": None, "settings": None, "distance": None, "seed": 0}
    found = metrics_of_drawn(env, collapsed, graded, states, **options)
    assert found.pearson.high < 0.9
    assert found.flow_consistency.value > 0.15


class Bags(Slots):
    """Slots whose order does not matter: several states are one object."""

    merges_objects = True

    def decode(self, state):
        return tuple(sorted(int(value) for value in np.asarray(state)))


def test_states_that_are_one_object_are_counted_once(subset):
    """26 subsets, of which those of one size are taken for one object: four objects of 1, 5, 10 and 10 states."""
    _, graph, _ = subset
    group = np.asarray(graph.states).sum(1)[graph.objects]
    log_reward = 0.8 * group.astype(float)
    weights = [count * math.exp(0.8 * size) for size, count in enumerate((1, 5, 10, 10))]
    target = np.array(weights) / sum(weights)
    laws = {"log_reward": log_reward, "log_target": log_reward, "target": target, "model": target}
    drawn = np.array([0, 3, 3, 2, 1])
    found = metrics_of_listed(graph, drawn, group, **laws, settings=None, distance=None, seed=0)
    assert found.test_set == "all 4 objects"
    assert found.pearson.value == pytest.approx(1.0)
    assert found.top_log_reward.objects == 4
    assert found.top_log_reward.value == pytest.approx(math.log(sum(weights) / 4))
    bags = Bags(3, 2)
    numbers, first = numbered(bags, np.array([[1, 2, 1], [2, 2, 1], [1, 1, 2], [1, 1, 1]]))
    assert (numbers.tolist(), first.tolist()) == ([0, 1, 0, 2], [0, 1, 3])
    assert numbered(Slots(3, 2), np.array([[1, 2, 1], [1, 1, 2], [1, 2, 1]]))[0].tolist() == [0, 1, 0]


def test_numbers_of_objects_fit_their_states(subset):
    _, graph, policy = subset
    law = ab.exact_law(graph, policy, graded)
    numbers = law.numbers_of(take(graph.states, graph.objects[::3]))
    assert numbers.tolist() == list(range(0, graph.objects.size, 3))


@pytest.fixture
def opened(subset, monkeypatch):
    """A run, as if read from a directory, whose policy samples in proportion to the root of the reward."""
    env, graph, _ = subset
    setup = ab.setup(env, graded, objective="tb", steps=1, batch=1)
    flat = exact_policy(exact_flows(graph, ab.log_rewards(graph, graded) / 2))
    config = {"task": "subset", "objective": {"name": "tb"}, "backward": "uniform", "seed": 0}
    run = ab.Run(flat, [], config, None, setup, steps=1, seconds=1.0)
    task = ab.Task(env, graded, distance=lambda a, b: 0.25 * (a != b))
    monkeypatch.setattr("anabranch.cli.evaluating.open_run", lambda given: (run, task))


def test_the_command_line_takes_the_settings_of_metrics(opened):
    flags = ("--metrics.top_k", 5, "--metrics.mode_threshold", 1.0, "--metrics.subset_size", 26, "--samples", 2000)
    code, out, err = answer("evaluate", "here", "--json", *flags)
    assert code == 0, err
    found, exact = json.loads(out)["metrics"], json.loads(out)["total_variation"]
    assert set(found) == {"test_set", *METRICS}
    assert found["top_log_reward"]["objects"] == 5
    assert found["diversity"]["value"] == 0.25, "by the distance of the task"
    assert found["modes"]["threshold"] == 1.0
    assert found["spearman"]["low"] is None
    assert found["flow_consistency"]["value"] == pytest.approx(exact, abs=1e-6), "a set of all objects"
    assert exact > 0.1


def test_the_table_shows_each_metric_beside_a_perfect_sampler(opened):
    code, out, err = answer("evaluate", "here", "--samples", 2000)
    assert code == 0, err
    for words in ("objects drawn", "their mean distance", "modes, log R >= 2.59", "E[R] / target's E[R]", "Spearman",
                  "Pearson", "flow consistency, sets of 8"):  # fmt: skip
        (line,) = [line for line in out.splitlines() if words in line]
        assert "a perfect sampler: " in line
    assert "of 2,000" in out


@pytest.mark.parametrize("flags", [("--metrics.top_k", 0), ("--metrics.subset_size", 1)])
def test_impossible_settings_are_refused(opened, flags):
    code, _, err = answer("evaluate", "here", *flags)
    assert code == 2
    assert "Metrics need top_k >= 1, subset_size >= 2 and mode_separation >= 0" in err
