"""Objectives whose optimum is not R / Z are held against what it is: a prior's law times R^beta, the law of data."""

import json
import shutil

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.cli import main
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.evaluation.exact_law import law_against
from anabranch.evaluation.flows import exact_flows, exact_policy
from anabranch.evaluation.targets import TabulatedReward, log_target

ENV = Hypergrid(dim=2, side=4)
REWARD = HypergridReward(env=ENV, r0=0.1)
QUIET = {"callback": lambda row: None}


@pytest.fixture(scope="module")
def graph():
    return ab.state_graph(ENV)


@pytest.fixture(scope="module")
def lopsided(graph):
    """A prior that likes objects late in the list, and the log-probability of each."""
    weights = np.linspace(-2.0, 1.0, graph.objects.size)
    return exact_policy(exact_flows(graph, weights)), weights - np.logaddexp.reduce(weights)


@pytest.fixture(scope="module")
def posterior(graph, lopsided):
    """A run of relative balance from that prior, on R^2."""
    prior, _ = lopsided
    settings = {"policy": ab.Tabular(), "optimizer": ab.Adam(learning_rate=0.05), "steps": 600, "batch": 64}
    rtb = ab.RelativeTrajectoryBalance(beta=2.0)
    return ab.train(ENV, REWARD, objective=rtb, prior=prior, **settings, **QUIET)


def aim_of(graph, lopsided, beta=2.0):
    return lopsided[1] + beta * ab.log_rewards(graph, REWARD)


def measured(run, **sources):
    return ab.evaluate(ENV, run.policy, REWARD, objective=run.setup.objective, samples=2000, **sources)


@pytest.mark.thorough
def test_relative_balance_reaches_the_posterior_and_is_held_against_it(graph, lopsided, posterior):
    """Within .02 of prior R^2; the same policy is .2 and more away from R / Z, from R^2 / Z, and from the prior."""
    aim = aim_of(graph, lopsided)
    assert posterior.history[-1]["total_variation"] < 0.02
    for other in (ab.log_rewards(graph, REWARD), aim - lopsided[1], lopsided[1]):
        assert law_against(graph, posterior.policy, other).total_variation > 0.2
    found = measured(posterior, **posterior.setup.beside_reward)
    assert found.total_variation == pytest.approx(posterior.history[-1]["total_variation"], abs=1e-6)
    truth = float(np.logaddexp.reduce(aim))
    assert found.log_z_exact == pytest.approx(truth)
    assert found.log_z == pytest.approx(truth, abs=0.05)
    assert found.estimates.log_z.value == pytest.approx(truth, abs=0.05)
    assert found.metrics.spearman.value > 0.95


@pytest.mark.thorough
def test_without_its_prior_nothing_is_held_against_a_posterior(posterior):
    found = measured(posterior)
    assert not found.exact
    assert found.total_variation is None
    assert found.log_z_exact is None


@pytest.mark.thorough
def test_maximum_likelihood_is_held_against_its_data():
    """Ten objects, one three times: the law of the data, far from R / Z."""
    data = [(0, 0), (1, 2), (2, 1), (3, 3), (3, 3), (3, 3), (0, 3), (1, 1), (2, 0), (3, 1)]
    settings = {"policy": ab.Tabular(), "optimizer": ab.Adam(learning_rate=0.05), "steps": 600, "batch": 64}
    run = ab.train(ENV, REWARD, objective="ml", data=data, **settings, **QUIET)
    assert run.history[-1]["total_variation"] < 0.05
    found = measured(run, **run.setup.beside_reward)
    assert found.total_variation == pytest.approx(run.history[-1]["total_variation"], abs=1e-6)
    assert found.log_z_exact == pytest.approx(0.0, abs=1e-9)
    assert ab.total_variation(ab.state_graph(ENV), run.policy, REWARD) > 0.2


def test_the_reward_is_the_target_of_every_other_objective(graph, lopsided):
    values = ab.log_rewards(graph, REWARD)
    assert log_target(graph, values, ab.TrajectoryBalance(), prior=lopsided[0]) is values
    flat = log_target(graph, values, ab.RelativeTrajectoryBalance(beta=0.0), prior=lopsided[0])
    assert flat == pytest.approx(lopsided[1], abs=1e-5)


def test_a_negative_beta_needs_positive_rewards(graph, lopsided):
    values = ab.log_rewards(graph, REWARD).copy()
    rtb = ab.RelativeTrajectoryBalance(beta=-1.0)
    assert log_target(graph, values, rtb, prior=lopsided[0]) == pytest.approx(lopsided[1] - values, abs=1e-5)
    values[3] = -np.inf
    with pytest.raises(ab.ConfigError, match="infinite where R = 0"):
        log_target(graph, values, rtb, prior=lopsided[0])


def test_a_table_of_weights_is_a_reward(graph):
    values = np.log(np.arange(1.0, graph.objects.size + 1))
    assert ab.log_rewards(graph, TabulatedReward.of(graph, values)) == pytest.approx(values, rel=1e-6)
    assert jnp.isneginf(TabulatedReward.of(graph, np.full(values.size, -np.inf))(ENV.initial()))


@pytest.mark.thorough
def test_a_run_keeps_its_prior_and_data_and_where_they_are_lost_they_are_asked_for(tmp_path, capsys):
    """`evaluate` measures the distance; without them it says what is missing, and measures once they are given."""
    small = ["hypergrid", "--env.dim", "2", "--env.side", "4", "--steps", "40", "--batch", "16"]
    (tmp_path / "data.jsonl").write_text("[0, 0]\n[1, 2]\n[3, 3]\n")
    data = ["--data", str(tmp_path / "data.jsonl")]
    assert main(["train", *small, "--out", str(tmp_path / "first")]) == 0
    prior = ["--prior", str(tmp_path / "first")]
    for objective, source, said in (("rtb", prior, "--prior RUN"), ("ml", data, "--data FILE")):
        run = str(tmp_path / objective)
        assert main(["train", *small, "--objective", objective, *source, "--out", run]) == 0
        assert said not in capsys.readouterr().out
        assert main(["evaluate", run, "--samples", "500", "--json"]) == 0
        distance = json.loads(capsys.readouterr().out)["total_variation"]
        assert 0.0 < distance < 1.0
        shutil.rmtree(tmp_path / objective / "given")
        assert main(["evaluate", run, "--samples", "500"]) == 0
        assert said in capsys.readouterr().out
        assert main(["evaluate", run, "--samples", "500", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["total_variation"] is None
        assert main(["evaluate", run, "--samples", "500", "--json", *source]) == 0
        assert json.loads(capsys.readouterr().out)["total_variation"] == distance
