"""A metric of the library is a file and a row; one of the user's own is measured beside them."""

import dataclasses
import json

import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.tasks import make
from anabranch.evaluation.metrics import METRICS
from anabranch.ground.streams import Stream, key_of
from anabranch.rewards.log_reward import log_reward_values
from anabranch.sampling.draw import sample_states
from support import my_parts
from support.my_parts import ShareOfBest
from support.tiny import answer, fine, train_faces

MY_PARTS = my_parts.__file__


@pytest.fixture(scope="module")
def run():
    return train_faces(steps=20)


def evaluated(run, *metrics):
    task = make("faces")
    return ab.evaluate(task.env, run.policy, task.log_reward, objective="tb", samples=500, metrics=metrics).metrics


def test_every_row_is_measured_under_its_own_name(run):
    metrics = evaluated(run)
    assert list(metrics) == list(METRICS)
    assert [metric.name for metric in metrics.metrics] == list(METRICS)
    assert metrics.spearman is metrics["spearman"]
    assert len(metrics) == len(METRICS)
    assert metrics.numbers["pearson"] == metrics.pearson.value
    with pytest.raises(AttributeError, match="There is no metric 'spaerman'"):
        _ = metrics.spaerman


def test_a_metric_of_ones_own_stands_beside_them_with_a_perfect_samplers_value(run):
    metrics = evaluated(run, ShareOfBest(within=0.1))
    share = metrics["share-of-best"]
    drawn = sample_states(make("faces").env, run.policy, 500, key=key_of(0, Stream.METRICS))
    log_reward = log_reward_values(make("faces").log_reward, drawn)
    assert share.value == pytest.approx(np.mean(log_reward >= np.log(2.0) - 0.1))
    assert 0.3 < share.perfect.mean < 0.7
    assert metrics.rows[-1][0] == "share-of-best"
    assert metrics.plain["share-of-best"]["value"] == share.value


def test_a_new_row_reaches_the_evaluation_the_list_and_the_page(run, monkeypatch):
    """The promise of CONTRIBUTING: one file, one row."""
    monkeypatch.setitem(METRICS.rows, "share-of-best", "support.my_parts:ShareOfBest")
    assert evaluated(run)["share-of-best"].value > 0
    assert "share-of-best" in fine(answer("list"))
    assert "| `share-of-best` | The share of draws" in fine(answer("list", "--markdown"))


def test_the_command_line_measures_it_too(tmp_path):
    train_faces(steps=20, out=tmp_path / "run")
    code, out, err = answer("evaluate", tmp_path / "run", "--json", "--metric", f"{MY_PARTS}:ShareOfBest")
    assert code == 0, err
    assert json.loads(out)["metrics"]["share-of-best"]["value"] > 0


@dataclasses.dataclass(frozen=True)
class Nameless(ab.Metric):
    def measure(self, sample):
        return None


@dataclasses.dataclass(frozen=True)
class Wordy(ShareOfBest):
    name = "wordy"

    def measure(self, sample):
        return "a lot"


class Taken(ShareOfBest):
    name = "spearman"


class Shadow(ShareOfBest):
    name = "rows"


@pytest.mark.parametrize("metric, sentence", [
    (Nameless(), "Nameless has no name: write name = '...' in the class."),
    (Wordy(), "Wordy.measure returns a record with a field value, a number, or None; it returned 'a lot'."),
    (Taken(), "There is a metric named 'spearman' already"),
    (Shadow(), "There is a metric named 'rows' already"),
])  # fmt: skip
def test_what_is_no_metric_is_refused_in_words(run, metric, sentence):
    with pytest.raises(ab.ConfigError) as caught:
        evaluated(run, metric)
    assert sentence in str(caught.value)
