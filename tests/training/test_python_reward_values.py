"""Rewards in plain Python that are none, zero, of all sizes, constant or not the same twice: rows 1 to 6 and 11."""

import math
import warnings

import jax
import numpy as np
import pytest

import anabranch as ab
from anabranch.cli.report import report
from anabranch.envs.hypergrid import Hypergrid
from anabranch.ground.errors import RewardError
from anabranch.rewards.cache import RewardWarning
from anabranch.rewards.host_reward import RewardFailureError
from anabranch.rewards.python_reward import python_reward
from support import scores
from support.python_trainings import GRID, SETTINGS, interrupting, objects_of, parameters, trained


def with_value(value, where=3):
    def score(objects):
        return [value if sum(item) == where else 1.0 + sum(item) for item in objects]

    return score


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.nan, "the reward is nan.*NaN often is the logarithm"),
        (math.inf, "the reward is inf.*often is a division by 0"),
        (-1.0, "the reward is -1.0.*return R itself, not its logarithm"),
        (None, "expected one number, or one row of numbers, for an object; got None"),
        ("good", "got 'good'"),
        ([], "got \\[\\]"),
        ([1.0, 2.0], "returned 2 columns|2 columns; weights"),
        (1j, "got 1j"),
        (10**400, "beyond the largest float"),
    ],
    ids=str,
)
def test_a_reward_that_is_none_stops_with_object_value_and_hint(value, words):
    weights = {"weights": (1.0,)} if isinstance(value, list) else {}
    with pytest.raises(RewardFailureError, match=rf"gave none for \(\d, \d\): .*{words}") as caught:
        trained(with_value(value), **weights)
    assert caught.value.exit_code == 3


@pytest.mark.thorough
def test_a_quarantine_drops_objects_and_goes_on_until_its_budget_is_spent():
    run = trained(with_value(math.nan), train={"steps": 30}, on_bad_reward="quarantine")
    assert run.steps == 30
    assert run.history[-1]["failed"] == 4
    drawn = run.sample(50).log_reward
    assert drawn is not None
    assert np.isneginf(drawn).any(), "what is measured counts them as 0"


@pytest.mark.thorough
def test_a_quarantine_goes_on_where_it_was(tmp_path):
    options = {"on_bad_reward": "quarantine", "version": "1"}
    whole = trained(with_value(math.nan), train={"steps": 20}, **options)
    trained(with_value(math.nan), train={"steps": 20, "out": tmp_path / "run", "callback": interrupting(11)}, **options)
    task = ab.Task(GRID, python_reward(with_value(math.nan), **options))
    run = ab.resume(tmp_path / "run", task=task, exact=False)
    assert run.history[-1]["failed"] == whole.history[-1]["failed"] == 4
    assert np.array_equal(parameters(run), parameters(whole))


@pytest.mark.thorough
def test_a_quarantine_ends_where_too_many_objects_have_no_reward():
    def score(objects):
        return [math.nan if x else 1.0 for x, *_ in objects]

    reward = python_reward(score, on_bad_reward="quarantine", survey=32)
    with pytest.raises(RewardFailureError, match=r"\d+ of \d+ objects have no reward, and 100 or 5% may"):
        ab.train(Hypergrid(dim=4, side=8), reward, **{**SETTINGS, "steps": 500}, explore=ab.Explore(epsilon=0.5))


@pytest.mark.thorough
def test_a_dropped_object_leaves_the_others_as_they_are():
    """All of a batch dropped: nothing is learned from it, and the next step comes."""
    reward = python_reward(lambda objects: [math.nan] * len(objects), on_bad_reward="quarantine", survey=32)
    run = ab.train(GRID, reward, **{**SETTINGS, "steps": 4})
    fresh = ab.train(GRID, scores.values, **{**SETTINGS, "steps": 1})
    assert run.steps == 4
    assert np.isfinite(parameters(run)).all()
    assert parameters(run).shape == parameters(fresh).shape


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(
    "returned",
    [
        lambda n: np.full(n, 2.0),
        lambda n: np.full((n, 1), 2.0, np.float32),
        lambda n: tuple([3] * n),
        lambda n: [np.float64(2.0)] * n,
        lambda n: [np.array(2.0)] * n,
        lambda n: [True] * n,
        lambda n: jax.numpy.ones(n),
    ],
    ids=["array", "a column", "integers", "NumPy's", "arrays of no axis", "booleans", "JAX's"],
)
def test_scalars_of_any_library_are_taken(returned):
    run = trained(lambda objects: returned(len(objects)), batch_size=4, version="1")
    assert run.steps == SETTINGS["steps"]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (lambda n: [1.0] * (n + 1), "expected a list of 1 number, one for each object; it returned 2: "),
        (lambda n: None, "it returned None .NoneType."),
        (lambda n: "good", "it returned 'good' .str."),
        (lambda n: {"a": 1.0}, "it returned {'a': 1.0} .dict."),
    ],
    ids=["length", "None", "str", "dict"],
)
def test_an_answer_of_another_kind_says_what_was_expected(returned, words):
    with pytest.raises(RewardFailureError, match=words):
        trained(lambda objects: returned(len(objects)))


@pytest.mark.thorough
def test_zeros_are_floored_below_the_median_and_counted():
    run = trained(with_value(0.0), train={"steps": 40})
    assert max(row["floored"] for row in run.history) > 0.0
    # 1e-4 of the median of the random objects above 0, whatever the level is.
    values = [1.0 + sum(item) for item in np.ndindex(4, 4)]
    floor = run.setup.zero_floor * math.exp(run.setup.level)
    assert 1e-4 * min(values) <= floor <= 1e-4 * max(values)
    assert run.config["zero_floor"] == run.setup.zero_floor
    assert all(math.isfinite(row["loss"]) for row in run.history)
    with pytest.raises(RewardFailureError, match='the reward is 0, and zeros="error" allows none'):
        trained(with_value(0.0), zeros="error")


def test_rewards_of_all_sizes_stay_apart():
    wide = {"zeros": "floor"}
    run = trained(lambda objects: [10.0 ** (100 * sum(item) - 300) for item in objects], **wide)
    graph = ab.state_graph(GRID)
    values = ab.log_rewards(graph, run.setup.log_reward)
    wanted = [(100 * sum(item) - 300) * math.log(10.0) for item in objects_of(graph)]
    assert np.allclose(values, wanted, rtol=1e-12)
    assert math.isfinite(run.history[-1]["loss"])


@pytest.mark.thorough
def test_a_constant_reward_and_one_on_a_single_object_train(capsys):
    for score in (lambda objects: [2.0] * len(objects), lambda objects: [float(item == (2, 1)) for item in objects]):
        run = trained(score)
        assert math.isfinite(run.history[-1]["loss"])
        report(run, ab.Task(GRID, run.setup.log_reward, name="constant"), title="constant", exact=True, json=True)
        printed = capsys.readouterr().out
        assert "earson" in printed
        assert "nan" not in printed.lower(), "an undefined correlation is a dash, or null"


@pytest.mark.thorough
def test_a_function_that_does_not_repeat_itself_is_told_once():
    state = iter(range(10**9))

    def score(objects):
        return [1.0 + next(state) % 7 for _ in objects]

    with pytest.warns(RewardWarning, match="is not deterministic: 1.0, then") as told:
        trained(score, version="1", train={"steps": 3})
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = trained(score, noisy=True, train={"steps": 3})
    service = run.setup.log_reward.service
    assert service.evaluated > len(service.cache.asked), "asked anew each time"


def test_a_reward_that_is_neither_says_what_both_would_be():
    def score(state):
        return float(state.sum())

    words = r"cannot be traced by JAX .*jnp.where. Taken for a plain-Python function .* failed for .*'list' object"
    with pytest.raises(RewardError, match=words):
        ab.train(GRID, score, **SETTINGS)
