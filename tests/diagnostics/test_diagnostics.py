"""Diagnoses in words: collapse is seen with and without the exact answer, and what covers is left in peace."""

import dataclasses
import json
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.diagnostics import diagnose as door
from anabranch.diagnostics.walks import ReferenceObjects, walked
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.evaluation.flows import exact_flows, exact_policy
from anabranch.evaluation.sample_metrics import metrics_of_listed
from anabranch.graph.enumeration import state_keys
from anabranch.runs.run import Run
from support.tiny import answer

ENV = Hypergrid(dim=2, side=16)
REWARD = HypergridReward(env=ENV, r0=1e-4)
CORNERS = [(x, y) for x in (2, 3, 12, 13) for y in (2, 3, 12, 13)]
"""The objects of the highest reward, four in each corner."""


@pytest.fixture(scope="module")
def graph():
    return ab.state_graph(ENV)


@pytest.fixture(scope="module")
def samplers(graph):
    """One that is right, one too flat that still covers, one that knows one corner of four, one that knows two."""
    log_reward = ab.log_rewards(graph, REWARD)
    upper = np.asarray(graph.states)[graph.objects] >= 8
    targets = {
        "right": log_reward,
        "flat": 0.8 * log_reward,
        "collapsed": np.where(upper.any(1), log_reward - 20, log_reward),
        "halved": np.where(upper[:, 0] != upper[:, 1], log_reward - 20, log_reward),
    }
    return {name: exact_policy(exact_flows(graph, values), level=0.0) for name, values in targets.items()}


@pytest.fixture(scope="module")
def evaluations(graph, samplers):
    return {name: measured(ab.exact_law(graph, policy, REWARD), policy) for name, policy in samplers.items()}


def measured(law, policy):
    """What `evaluate` finds of a policy that is balanced: each trajectory gives its log Z."""
    chance = law.model / law.model.sum()
    log_z, drawn = policy.level + float(policy.log_z), np.random.default_rng(0).choice(chance.size, 1024, p=chance)
    laws = {name: getattr(law, name) for name in ("log_reward", "log_target", "target", "model")}
    estimate = ab.Estimate(value=log_z, error=0.001)
    numbers = {"eubo": None, "effective_samples": 1e3, "zero_share": 0.0, "rows": 10.0}
    mean = ab.Estimate(value=float(law.log_reward[drawn].mean()), error=0.02)
    return ab.Evaluation(
        states=law.graph.num_states,
        exact=True,
        total_variation=law.total_variation,
        kl=law.kl,
        jsd=law.jsd,
        log_z=log_z,
        log_z_exact=law.log_z,
        floored=0.0,
        facts={},
        samples=1024,
        sampled_total_variation=0.5,
        perfect_sampler_floor=0.1,
        estimates=ab.Estimates(samples=1024, elbo=estimate, log_z=estimate, log_reward=mean, **numbers),
        metrics=metrics_of_listed(law.graph, drawn, law.group, **laws, settings=None, distance=None, seed=0),
    )


@pytest.fixture
def found(samplers, evaluations):
    def ask(name, changes=None, **options):
        evaluation = dataclasses.replace(evaluations[name], **changes or {})
        findings = ab.diagnose_policy(ENV, samplers[name], REWARD, evaluation=evaluation, **options)
        return {finding.what: finding for finding in findings}

    return ask


@pytest.fixture
def no_walks(monkeypatch):
    monkeypatch.setattr(door, "walked", lambda *given, **options: [])


def test_collapse_is_seen_exactly(found):
    (finding,) = (one for what, one in found("collapsed", loss=0.003).items() if what == "collapse")
    assert finding.evidence.startswith("75 % of the target's mass")
    assert "the last loss, 0.003, does not show it" in finding.evidence
    assert "explore.per trajectory" in finding.advice


def test_a_sampler_that_covers_is_left_in_peace_exactly(found):
    assert found("right") == {}
    assert not {"collapse", "coverage"} & set(found("flat")), "wrong, but it covers"


@pytest.mark.parametrize("name", ["collapsed", "halved"])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.thorough)])
def test_collapse_is_seen_without_the_exact_answer(found, evaluations, name, seed):
    """Its own draws do not show it: the sampler is balanced (each gives the same log Z), its rewards are right."""
    rewards = [evaluations[which].estimates.log_reward.value for which in (name, "right")]
    assert abs(rewards[0] - rewards[1]) < 0.1
    finding = found(name, exact=False, seed=seed)["collapse"]
    assert "random walks" in finding.evidence
    assert "exact" not in finding.evidence


@pytest.mark.parametrize("name", ["right", "flat"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_sampler_that_covers_is_left_in_peace_without_it(found, name, seed):
    assert found(name, exact=False, seed=seed) == {}


def test_data_and_other_seeds_show_a_collapse_that_walks_miss(found, samplers, no_walks):
    assert "Of 16 objects from the data, 75 %" in found("collapsed", exact=False, data=CORNERS)["collapse"].evidence
    assert found("right", exact=False, data=CORNERS) == {}
    seeds = found("collapsed", exact=False, others=[samplers["right"]])
    assert "from the other seeds" in seeds["collapse"].evidence
    assert set(found("collapsed", exact=False, others=[samplers["collapsed"]])) == set(), "seeds that agree see nothing"
    assert found("right", exact=False, others=[samplers["collapsed"]]) == {}


def wide(state):
    return 400.0 * REWARD(state)


@pytest.mark.parametrize("exact", [True, False])
def test_the_cause_stands_before_what_comes_of_it(graph, samplers, evaluations, exact):
    far = {"log_z": -2000.0, "log_z_exact": -1.0 if exact else None, "total_variation": 0.75}
    evaluation = dataclasses.replace(evaluations["collapsed"], **far)
    options = {"evaluation": evaluation, "exact": exact, "objective": "tb"}
    first, *others = ab.diagnose_policy(ENV, samplers["collapsed"], wide, **options)
    assert first.what == "wide rewards"
    assert re.search(r"span 4,\d{3} nats: log R of (all|256 random) objects lies between -\d", first.evidence)
    assert "anneal (anneal.steps, half of the training)" in first.advice
    assert (others[0].what, "it is a cause" in others[0].advice) == ("log Z lags", True)
    (again, *_) = ab.diagnose_policy(
        ENV, samplers["collapsed"], wide, anneal=ab.Anneal(start=0.01, steps=70), **options
    )
    assert "anneal longer or from a smaller beta (now 0.01, over 70 steps)" in again.advice


def test_wide_rewards_are_no_finding_where_they_are_learned(graph):
    right = exact_policy(exact_flows(graph, ab.log_rewards(graph, wide)), level=0.0)
    found = ab.diagnose_policy(ENV, right, wide, evaluation=measured(ab.exact_law(graph, right, wide), right))
    assert "wide rewards" not in {finding.what for finding in found}


def test_what_neglects_nothing_and_is_wrong_has_its_word(found):
    finding = found("flat", {"total_variation": 0.3}, loss=0.01)["inaccurate"]
    assert "exact total variation is 0.3" in finding.evidence


def test_that_coverage_could_not_be_tested_is_said(found, no_walks):
    (finding,) = found("right", exact=False).values()
    assert finding.what == "coverage untested"
    poor = [(x, 7) for x in range(16)]
    assert set(found("collapsed", exact=False, data=poor)) == {"coverage untested"}, "nobody needs to cover these"


def test_walks_and_the_search_find_the_target_without_the_sampler(graph):
    """Each corner holds a quarter. The weights of 1,024 walks scatter: over ten seeds log Z is right to about a nat."""
    log_z = np.logaddexp.reduce(ab.log_rewards(graph, REWARD))
    walks, search = walked(ENV, REWARD, zero_floor=1e-4, level=1.0, seed=0)
    assert abs(walks.log_mass - log_z) < 1.0
    for one in (walks, search):
        assert one.log_reward.size == 256
        upper = np.asarray(one.states) >= 8
        share = np.bincount(upper[:, 0] * 2 + upper[:, 1], minlength=4) / 256
        assert (share > 0.03).all(), one.source
        assert np.mean(one.log_reward > -1) > 0.95, "1e-4 elsewhere"
    zeros = ReferenceObjects.of("zeros", np.zeros((3, 2), int), lambda state: jnp.where(state[0] > 0, 0.0, -jnp.inf))
    assert zeros.log_reward.size == len(state_keys(zeros.states)) == 0


def test_a_log_z_that_lags(found, evaluations):
    log_z = evaluations["right"].log_z
    assert "log Z lags" not in found("right", changes={"log_z": log_z - 0.09})
    for exact in (None, False):
        finding = found("right", changes={"log_z": log_z - 0.5}, exact=exact)["log Z lags"]
        assert "off by -0.5" in finding.evidence
        assert "raise log_z_rate" in finding.advice
    settled = dataclasses.replace(evaluations["right"].estimates, elbo=ab.Estimate(value=log_z - 0.5, error=0.01))
    changes = {"log_z": log_z - 0.5, "estimates": settled}
    assert "below log Z by a KL" in found("right", changes=changes)["log Z lags"].advice
    noisy = dataclasses.replace(settled, log_z=ab.Estimate(value=log_z, error=0.2))
    assert "log Z lags" not in found("right", changes={**changes, "estimates": noisy}, exact=False)
    collapsed = found("collapsed")["log Z lags"]
    assert "see to coverage first" in collapsed.advice


def test_floored_rewards(graph, samplers, evaluations):
    @dataclasses.dataclass(frozen=True)
    class Corner:
        """A reward of 1 in one corner, and 0 elsewhere."""

        def __call__(self, state):
            return jnp.where((state < 4).all(), 0.0, -jnp.inf)

    for floor, advice in ((1e-4, "Train longer."), (1.0, "Lower zero_floor.")):
        options = {"zero_floor": floor, "evaluation": dataclasses.replace(evaluations["right"], floored=0.75)}
        findings = ab.diagnose_policy(ENV, samplers["right"], Corner(), **options)
        (finding,) = (one for one in findings if one.what == "floored rewards")
        assert finding.advice == advice
        assert finding.evidence.startswith("75 % of what is drawn")
        assert "240 such objects" in finding.evidence


@pytest.mark.parametrize("explore, seen", [
    (ab.Explore(epsilon=0.3), True),
    (ab.Explore(epsilon=0.01), False),
    (ab.Explore(epsilon=0.3, anneal=100), False),
    (ab.Explore(epsilon=0.3, per="trajectory"), False),
])  # fmt: skip
def test_epsilon_and_the_horizon(found, explore, seen):
    finding = found("right", explore=explore).get("epsilon too high")
    assert (finding is not None) == seen
    assert finding is None or "0.0016 % of the longest, 31" in finding.evidence, finding.evidence


def test_a_sampled_distance_at_its_floor(found):
    numbers = {"perfect_sampler_floor": 0.3, "total_variation": 0.01}
    assert "at the sampling floor" in found("right", changes={**numbers, "sampled_total_variation": 0.31})
    assert "at the sampling floor" not in found("right", changes={**numbers, "sampled_total_variation": 0.5})


def test_a_learned_backward_policy_that_became_narrow(found, samplers, evaluations):
    policy = samplers["right"]
    for scale, seen in ((0.0, False), (8.0, True)):
        bent = dataclasses.replace(policy, backward=scale * jnp.arange(2.0) * jnp.ones_like(policy.backward))
        options = {"backward": "learned", "evaluation": evaluations["right"]}
        findings = {one.what for one in ab.diagnose_policy(ENV, bent, REWARD, **options)}
        assert ("narrow backward policy" in findings) == seen


def test_objectives_with_another_target_are_not_held_against_the_reward(found):
    assert found("collapsed", objective="rtb") == {}


@pytest.fixture
def run(samplers):
    """A run of two seeds, of which the second collapsed."""
    setup = ab.setup(ENV, REWARD, objective="tb", steps=10, batch=4, seeds=2)
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), samplers["right"], samplers["collapsed"])
    config = {"task": "grid", "objective": {"name": "tb"}, "backward": "uniform", "seed": 4, "seeds": 2}
    return Run(both, [{"step": 10, "loss": [0.001, 0.002]}], config, None, setup, 10, 1.0)


def test_each_seed_of_a_run_has_its_findings(run, evaluations):
    pair = [evaluations["right"], evaluations["collapsed"]]
    found = [one for one in ab.diagnose(run, evaluations=pair, exact=False) if one.what == "collapse"]
    assert len(found) == 1
    assert found[0].seed == 5
    assert found[0].evidence.startswith("Of ")
    assert "the last loss, 0.002," in found[0].evidence
    with pytest.raises(ab.ConfigError, match="The run has 2 seeds; given are 1 evaluations"):
        ab.diagnose(run, evaluations=pair[:1])


def test_without_an_evaluation_one_is_made(samplers, evaluations, monkeypatch):
    asked = []

    def evaluate(*given, **options):
        asked.append((given, options))
        return evaluations["collapsed"]

    monkeypatch.setattr(door, "evaluate", evaluate)
    findings = ab.diagnose_policy(ENV, samplers["collapsed"], REWARD, objective="db", samples=7, seed=3)
    assert findings[0].what == "collapse"
    (((env, policy, reward), options),) = asked
    assert (env, reward, policy is samplers["collapsed"]) == (ENV, REWARD, True)
    choices = {"objective": ab.DetailedBalance(), "backward": ab.UniformBackward()}
    assert options == {**choices, "samples": 7, "seed": 3}


def test_the_command_line_says_it_below_the_table_and_in_json(run, evaluations, monkeypatch):
    results = {0.001: evaluations["right"], 0.002: evaluations["collapsed"]}
    monkeypatch.setattr("anabranch.cli.evaluating.open_run", lambda given: (run, ab.Task(ENV, REWARD)))
    monkeypatch.setattr(
        "anabranch.cli.report.evaluation_of", lambda one, task, **options: results[one.history[-1]["loss"]]
    )
    code, out, err = answer("evaluate", "here")
    assert code == 0, err
    (line,) = [line for line in out.splitlines() if line.startswith("collapse")]
    assert line.startswith("collapse (1 of 2 seeds: 5; here seed 5): 75 % of the target's mass"), line
    code, out, err = answer("evaluate", "here", "--json")
    assert code == 0, err
    right, collapsed = (part["findings"] for part in json.loads(out)["runs"])
    assert "collapse" not in [one["what"] for one in right]
    assert collapsed[0]["what"] == "collapse"
    assert set(collapsed[0]) == {"what", "evidence", "advice", "seed"}
