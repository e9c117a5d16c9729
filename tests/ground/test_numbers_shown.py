"""Numbers as people and programs read them: no digits that are noise, no error of what is exact."""

import json
import math

import numpy as np
import pytest

from anabranch.cli.reward_digits import reward_numbers, reward_text
from anabranch.evaluation.metrics.summary import Judged, Listed, summarise
from anabranch.ground.means import Estimate, number
from support.tiny import answer, train_faces


@pytest.mark.parametrize("reward", [2.0, 0.6, 2.6, 1e-4, 12.0, 1e30, 3e-38])
def test_a_reward_has_the_digits_that_float32_left_to_its_logarithm(reward):
    log_reward = float(np.float32(math.log(reward)))
    found = reward_numbers(log_reward)
    assert found["reward"] == pytest.approx(reward, rel=4e-7 * max(1.0, abs(log_reward)))
    assert np.float32(found["log_reward"]) == np.float32(log_reward)
    assert len(f"{found['log_reward']!r}".strip("-")) <= 12
    if reward in (2.0, 0.6, 2.6):
        assert found["reward"] == reward, "2.0, not 2.0000000038"


@pytest.mark.parametrize("log_reward, numbers, text", [
    (-math.inf, {"reward": 0.0, "log_reward": None}, "0"),
    (1e6, {"reward": None, "log_reward": 1e6}, "exp(1000000)"),
    (-1e4, {"reward": None, "log_reward": -1e4}, "exp(-10000)"),
    (float(np.float32(-3041.3)), {"reward": None, "log_reward": -3041.3}, "exp(-3041.3)"),
    (-3041.2999999, {"reward": None, "log_reward": -3041.2999999}, "exp(-3041.3)"),
    (0.0, {"reward": 1.0, "log_reward": 0.0}, "1"),
])  # fmt: skip
def test_a_reward_beyond_floats_is_null_and_never_an_overflow(log_reward, numbers, text):
    assert reward_numbers(log_reward) == numbers
    assert json.loads(json.dumps(numbers, allow_nan=False)) == numbers
    assert reward_text(log_reward) == text


@pytest.mark.parametrize("value, error, text", [
    (2.4849066, 1.2e-15, "2.4849"),
    (2.4849066, 0.0, "2.4849"),
    (2.4849066, 4.2e-6, "2.4849 ± 4e-06"),
    (2.4849066, 0.0023, "2.4849 ± 0.0023"),
    (-10_000.0, 2e-12, "-10000.0000"),
    (-math.inf, math.nan, "-inf"),
])  # fmt: skip
def test_an_exact_number_has_no_error_and_a_small_one_is_not_called_zero(value, error, text):
    assert str(Estimate(value=value, error=error)) == text


def test_what_is_not_defined_is_a_dash():
    assert [number(value) for value in (None, math.nan, 0.5)] == ["-", "-", "0.5000"]


NINE = np.log(np.array([2.0, 2.0, 1.0, 1.0, 1.0, 1.0]))


def metrics_of(log_prob):
    """Metrics of a sampler that drew each of six objects and two of reward 0, with these log-probabilities."""
    log_reward = np.r_[NINE, -np.inf, -np.inf]
    judged = Judged(np.r_[log_prob, -20.0, -20.0], log_reward, "all 8 objects", True)
    target = np.exp(log_reward) / np.exp(log_reward).sum()
    listed = Listed(log_reward, lambda at: format(at, "03b"), target)
    return summarise(np.tile(np.arange(8), 50), listed, judged)


def test_a_sampler_with_small_errors_has_the_coefficient_of_a_perfect_one_and_ties_are_said():
    noise = 1e-3 * np.random.default_rng(0).normal(size=6)
    found = metrics_of(NINE - math.log(8.0) + noise)
    assert found.spearman.value == 1.0
    rows = {name: (value, beside) for name, value, beside in found.rows}
    assert rows["Spearman, log p with log R"] == (
        "1.0000",
        "a perfect sampler: 1; all 8 objects, without 2 of R = 0, 6 in ties of R",
    )
    assert rows["Pearson, log p with log R"][1] == "a perfect sampler: 1; all 8 objects, without 2 of R = 0"


def test_rewards_that_differ_by_the_rounding_of_float32_are_tied():
    noise = 3e-8 * np.random.default_rng(1).normal(size=6)
    log_reward = NINE + noise - 5_000.0
    judged = Judged(NINE, log_reward, "", True)
    assert np.unique(judged.ranked_reward).size == 2
    assert np.abs(judged.ranked_reward - log_reward).max() < 1e-3


def test_objects_of_reward_zero_are_not_among_the_best():
    """All eight were drawn: the perfect sampler's best six are compared with six, not with eight."""
    found = metrics_of(NINE)
    assert found.top_log_reward.objects == 6
    assert found.top_log_reward.value == pytest.approx(math.log(8 / 6))
    assert found.top_log_reward.value == pytest.approx(found.top_log_reward.perfect.mean)
    rows = [name for name, *_ in found.rows]
    assert "log mean R of the best 6 objects drawn" in rows


@pytest.mark.thorough
def test_reports_say_exact_where_a_number_is(tmp_path):
    train_faces(out=tmp_path / "run", seeds=2)
    code, out, _ = answer("evaluate", tmp_path / "run", "--samples", "64")
    assert code == 0
    (row,) = [line for line in out.splitlines() if "log Z (exact)" in line]
    assert "exact" in row.replace("log z exact", "")
    assert "±" not in row
    _, text, _ = answer("evaluate", tmp_path / "run", "--samples", "64", "--json")
    assert json.loads(text)["interval"]["log_z_exact"] is None
    _, text, _ = answer("sample", tmp_path / "run", "--n", "5", "--json")
    rewards = {json.loads(line)["reward"] for line in text.splitlines()}
    assert rewards <= {0.0, 1.0, 2.0}
    assert rewards & {1.0, 2.0}
