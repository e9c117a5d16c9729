"""Collects all findings about a run (`diagnose`), or about any policy (`diagnose_policy`)."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from anabranch.continuous.contract import is_continuous
from anabranch.diagnostics.causes import far_log_z, inaccurate, wide_rewards
from anabranch.diagnostics.conditions import ignored_condition
from anabranch.diagnostics.coverage import exact_coverage
from anabranch.diagnostics.narrow import narrow_backward
from anabranch.diagnostics.reference_objects import UNTESTED, sampled_coverage
from anabranch.diagnostics.signs import at_sampling_floor, epsilon_for_horizon, floored_share, log_z_lag
from anabranch.diagnostics.subject import Finding, Subject
from anabranch.diagnostics.walks import ReferenceObjects, walked
from anabranch.environment import Environment
from anabranch.evaluation.evaluate import Evaluation, evaluate
from anabranch.evaluation.exact_law import ExactLaw, exact_law
from anabranch.graph.state_graph import state_graph
from anabranch.ground.errors import ConfigError
from anabranch.ground.streams import Stream, key_of
from anabranch.objectives.base import Objective
from anabranch.objectives.named import objective_named
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.backward.named import backward_policy
from anabranch.policies.heads import Policy
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.log_reward import LogReward, usable_log_reward
from anabranch.sampling.data_set import DataSet
from anabranch.sampling.draw import sample_states
from anabranch.sampling.explore import ON_POLICY, Exploration
from anabranch.training.run import Trained
from anabranch.training.settings import SETTINGS

OTHER_DRAWS = 128
"""How many objects are drawn from each of the other seeds."""


def diagnose(
    run: Trained,
    *,
    data: Sequence[Any] | None = None,
    evaluations: Sequence[Evaluation] | None = None,
    samples: int | None = None,
    seed: int = 0,
    exact: bool | None = None,
) -> list[Finding]:
    """What may be wrong with a trained sampler, in words; an empty list where nothing was found.

    The cause stands before what comes of it. Asks whether the rewards span too many nats, whether the learned log Z
    lags, whether the sampler covers its target (collapse), how many rewards are floored, whether epsilon suits the
    horizon, whether a learned P_B has become narrow, and whether a sampled total variation is at its floor. Coverage
    is exact where the space can be enumerated. Elsewhere log p is held against log R on objects that the sampler did
    not choose: random walks, a search from them, `data`, and objects of the other seeds of the run.

    Arguments:
        run: a run of one seed or of several.
        data: more finished objects, in plain Python, on which coverage is tested.
        evaluations: one `Evaluation` for each seed, which saves evaluating again.
        samples: how many objects each seed draws; None: as `evaluate` does.
        seed: the seed of the draws.
        exact: False asks without the exact law in any case, True raises instead; None takes it where there is one.

    Returns:
        Findings, each with its evidence and its advice; of several seeds each has its own, in their order.

    Raises:
        ConfigError: where there are not as many evaluations as seeds.
        SpaceTooLargeError: where `exact=True` asks for a space that cannot be enumerated.

    Example:
        for finding in anabranch.diagnose(run, samples=1_000):
            print(finding.what, finding.advice)
    """
    conditional, runs = run.each(), [one.in_the_middle() for one in run.each()]
    setup = runs[0].setup
    if evaluations is not None and len(evaluations) != len(runs):
        raise ConfigError(f"The run has {len(runs)} seeds; given are {len(evaluations)} evaluations.")
    learned_from = [] if setup.data is None else [("the data it was trained on", setup.data.states)]
    choices = {"objective": setup.objective, "backward": setup.backward, "samples": samples, "seed": seed}
    found: list[Finding] = []
    if run.setup.condition is not None:
        known = [None] * len(runs) if evaluations is None else [one.conditions for one in evaluations]
        pairs = zip(conditional, known, strict=True)
        ignored = [ignored_condition(one, measured=measured, seed=seed) for one, measured in pairs]
        found += [finding for finding in ignored if finding is not None]
    for number, one in enumerate(runs):
        others = [other.policy for at, other in enumerate(runs) if at != number]
        subject = (setup.env, one.policy, setup.log_reward)
        measured = evaluate(*subject, **choices, **setup.beside_reward) if evaluations is None else evaluations[number]
        findings = diagnose_policy(
            *subject,
            **choices,
            explore=setup.explore,
            anneal=setup.anneal,
            zero_floor=setup.zero_floor,
            data=data,
            known=learned_from,
            others=others,
            loss=one.history[-1]["loss"] if one.history else None,
            evaluation=measured,
            exact=exact,
        )
        found += [dataclasses.replace(finding, seed=one.config["seed"]) for finding in findings]
    return found


def diagnose_policy(
    env: Environment,
    policy: Policy,
    log_reward: LogReward,
    *,
    objective: str | Objective = "tb",
    backward: str | BackwardPolicy | None = "uniform",
    explore: Exploration = ON_POLICY,
    anneal: Anneal | None = None,
    zero_floor: float = SETTINGS["zero_floor"].default,
    data: Sequence[Any] | None = None,
    known: Sequence[tuple[str, Any]] = (),
    others: Sequence[Policy] = (),
    loss: float | None = None,
    evaluation: Evaluation | None = None,
    samples: int | None = None,
    seed: int = 0,
    exact: bool | None = None,
) -> list[Finding]:
    """What may be wrong with any policy, without a run: as `diagnose`, with what a run would bring as arguments.

    Arguments:
        env: the space.
        policy: the sampler, such as run.policy.
        log_reward: log R(x) in nats, a JAX function of one state.
        objective, backward, explore, anneal, zero_floor: how it was trained.
        data: finished objects in plain Python, on which coverage is tested.
        known: more of them, as pairs of a name and a batch of states.
        others: further samplers of the same target.
        loss: the last loss of the training, in squared nats.
        evaluation: the `Evaluation` of the policy, which saves evaluating again.
        samples, seed: how many objects are drawn, and with which seed.
        exact: as in `diagnose`.

    Returns:
        Findings, the cause before what comes of it.
    """
    goal, log_reward = objective_named(objective), usable_log_reward(env, log_reward)
    chosen = backward_policy(backward, env) if backward is not None and goal.has_backward else None
    choices = {"objective": goal, "backward": chosen}
    measured = evaluation or evaluate(env, policy, log_reward, **choices, samples=samples, seed=seed)
    listed = exact or (measured.exact and exact is None)
    graph = state_graph(env) if listed and not is_continuous(env) else None
    law = None if graph is None else exact_law(graph, policy, log_reward)
    subject = Subject(
        env=env,
        policy=policy,
        log_reward=log_reward,
        explore=explore,
        anneal=anneal,
        zero_floor=zero_floor,
        evaluation=measured if law is not None else without_truth(measured),
        loss=loss,
        seed=seed,
        **choices,
    )
    findings = [epsilon_for_horizon(subject, law), narrow_backward(subject), floored_share(subject, law)]
    if subject.aims_at_reward:
        if law is not None:
            coverage = exact_coverage(subject, law)
        else:
            batches = []
            if data is not None:
                held = DataSet.of(env, log_reward, data, zero_floor=zero_floor, level=policy.level)
                batches = [("the data", held.states)]
            drawn = [_drawn(env, other, seed, number) for number, other in enumerate(others)]
            coverage = sampled_coverage(subject, _reference_objects(subject, [*batches, *known], drawn))
        findings = [*_causes_first(subject, law, coverage), *findings, at_sampling_floor(subject)]
    return [finding for finding in findings if finding is not None]


def _causes_first(subject: Subject, law: ExactLaw | None, coverage: Finding | None) -> list[Finding]:
    """All findings about a sampler, causes before their consequences."""
    lag = log_z_lag(subject)
    wrong = [lag, coverage] if far_log_z(subject) else [coverage, lag]
    findings = [finding for finding in wrong if finding is not None]
    if coverage is None and (blurred := inaccurate(subject)) is not None:
        findings.append(blurred)
    wide = wide_rewards(subject, law) if any(finding.what != UNTESTED for finding in findings) else None
    return findings if wide is None else [wide, *findings]


def _reference_objects(subject: Subject, known: Sequence[tuple[str, Any]], drawn: list[Any]) -> list[ReferenceObjects]:
    """Objects that the sampler did not choose, by where they come from."""
    reward = subject.log_reward
    groups = walked(subject.env, reward, zero_floor=subject.zero_floor, level=subject.policy.level, seed=subject.seed)
    groups += [ReferenceObjects.of(source, states, reward) for source, states in known]
    if drawn:
        joined = jax.tree.map(lambda *leaves: np.concatenate(leaves), *drawn)
        groups.append(ReferenceObjects.of("the other seeds", joined, reward))
    return groups


def _drawn(env: Environment, policy: Policy, seed: int, number: int) -> Any:
    return sample_states(env, policy, OTHER_DRAWS, key=jax.random.fold_in(key_of(seed, Stream.OTHER_SEEDS), number))


def without_truth(evaluation: Evaluation) -> Evaluation:
    """An evaluation as it would be where the space cannot be enumerated."""
    names = ("total_variation", "kl", "jsd", "log_z_exact", "sampled_total_variation", "perfect_sampler_floor")
    unknown = dict.fromkeys((*names, "states"))
    estimates = dataclasses.replace(evaluation.estimates, eubo=None)
    return dataclasses.replace(evaluation, exact=False, floored=estimates.zero_share, estimates=estimates, **unknown)
