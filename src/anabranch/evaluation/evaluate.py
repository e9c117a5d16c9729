"""How right a policy is: exactly where the space can be enumerated, with the truth beside each estimate."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from anabranch.continuous.contract import is_continuous
from anabranch.environment import Environment, require_environment, take
from anabranch.evaluation.affordable import Exact, draws_for, graph_beside_samples
from anabranch.evaluation.conditional import Conditions, measured_under
from anabranch.evaluation.continuous import Answers, answers_for
from anabranch.evaluation.divergences import perfect_sampler_floor, total_variation_distance
from anabranch.evaluation.estimates import Estimates, drawn_states, estimate
from anabranch.evaluation.exact_law import ExactLaw, law_against
from anabranch.evaluation.facts import Fact
from anabranch.evaluation.learned import learned_log_z
from anabranch.evaluation.metrics.base import Metric
from anabranch.evaluation.metrics.distances import Distance
from anabranch.evaluation.metrics.settings import MetricSettings
from anabranch.evaluation.metrics.summary import SampleMetrics, require_metrics
from anabranch.evaluation.sample_metrics import metrics_of_drawn, metrics_of_listed
from anabranch.evaluation.targets import TabulatedReward, log_target
from anabranch.ground.arguments import require_function, require_whole
from anabranch.ground.streams import Stream, generator_of, key_of
from anabranch.objectives.base import Objective
from anabranch.objectives.named import objective_named
from anabranch.policies.at_condition import held_at_its_level, require_conditioned, space_of
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy, require_policy
from anabranch.rewards.log_reward import LogReward, log_rewards, usable_log_reward
from anabranch.rewards.under import under_condition
from anabranch.sampling.draw import reading_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All measured numbers about one policy; None where unknown."""

    states: int | None
    """All states of the space, where it was listed."""
    exact: bool
    """Whether the target is known exactly; not so where the space is too large, or a prior or data are missing."""
    total_variation: float | None
    """Exact, between the policy's law and its target."""
    kl: float | None
    """KL(target || model) in nats."""
    jsd: float | None
    """Jensen-Shannon divergence in nats."""
    log_z: float | None
    """As the policy has learned it, in nats."""
    log_z_exact: float | None
    """As it is, in nats."""
    floored: float
    """Probability (exact, or share of the samples) of an object whose reward is zero."""
    facts: dict[str, float | None]
    """Probability of each fact, by its name."""
    samples: int
    """Fresh objects drawn."""
    sampled_total_variation: float | None
    """Total variation of the samples' frequencies; compare with `perfect_sampler_floor`."""
    perfect_sampler_floor: float | None
    """The expected total variation of as many perfect samples."""
    estimates: Estimates
    """What trajectories say where nothing is listed, with standard errors."""
    metrics: SampleMetrics
    """What the field measures on samples, each beside a perfect sampler's value."""
    quadrature: str | None = None
    """In a continuous space what the exact numbers rest on, or why there are none."""
    conditions: Conditions | None = None
    """Under each of a grid of conditions, where the policy has them; the other numbers are of the middle one."""


class Evaluable(abc.ABC):
    """What knows its own space, policy and reward: a run."""

    @abc.abstractmethod
    def evaluate(self, **options: Any) -> Evaluation:
        """The evaluation with these options, and with its own where they are not given."""


def evaluate(
    env: Environment | Evaluable,
    policy: Policy | None = None,
    log_reward: LogReward | None = None,
    *,
    objective: str | Objective | None = None,
    backward: str | BackwardPolicy | None = None,
    prior: Policy | None = None,
    data: Any = None,
    facts: Mapping[str, Fact] | None = None,
    samples: int | None = None,
    seed: int = 0,
    settings: MetricSettings | None = None,
    distance: Distance | None = None,
    metrics: Sequence[Metric] = (),
    exact: Exact = "auto",
    condition: Any = None,
) -> Evaluation:
    """Evaluate a policy: by the exact law where the space can be enumerated, and by fresh samples beside it.

    The target is R / Z; with relative balance the `prior`'s law times R^beta, with maximum likelihood the law of
    `data`, and without these nothing is held against it. Where the target is not R / Z, Z and the estimates are those
    of its weights.

    Arguments:
        env: the space; or a run, which brings all but the options of measuring.
        policy: the sampler, such as run.policy.
        log_reward: log R(x) in nats, a JAX function of one state.
        objective: what the policy was trained by, which says what its target is and where its log Z stands.
        backward: P_B for the estimates; None: uniform.
        prior: the sampler that relative balance started from.
        data: the batch of finished states that maximum likelihood learned from.
        facts: events whose probability is reported, by name.
        samples: how many objects are drawn; None: 10,000, or 100 where their rewards are in plain Python.
        seed: the seed of the draws.
        settings: the settings of the metrics; None: the defaults.
        distance: a function of two decoded objects; None: Hamming's, or the edit distance.
        metrics: metrics of your own, measured beside the library's.
        exact: asks for the exact law (True, or SpaceTooLargeError), leaves it out (False), or takes it where the
            rewards of all objects cost little or are fewer than the samples ("auto"). In a continuous space of one or
            two real coordinates it is that of a quadrature.
        condition: of a policy that was trained under conditions, the one to measure it at; None: the middle of the
            range, and a grid of others beside it (`Evaluation.conditions`).

    Returns:
        An `Evaluation`, log Z and divergences in nats; None where a number is unknown.

    Raises:
        ConfigError: for counts that are not positive, and settings out of range.
        RewardError: names the object where a reward is NaN or infinite.
        SpaceTooLargeError: where `exact=True` asks for a space that cannot be enumerated.

    Example:
        print(anabranch.evaluate(run, samples=1_000).total_variation)
    """
    if isinstance(env, Evaluable):
        choices = {"objective": objective, "backward": backward, "prior": prior, "data": data, "facts": facts}
        choices |= {"settings": settings, "distance": distance}
        choices |= {"condition": condition}
        chosen = {name: value for name, value in choices.items() if value is not None}
        return env.evaluate(samples=samples, seed=seed, metrics=metrics, exact=exact, **chosen)
    _require_subject(env, policy, log_reward, objective)
    assert policy is not None
    assert log_reward is not None
    assert objective is not None
    if space_of(policy) is not None or condition is not None:
        options = {"backward": backward, "facts": facts, "samples": samples, "seed": seed, "settings": settings}
        options |= {"distance": distance, "metrics": metrics, "exact": exact}
        return _under_conditions(env, policy, log_reward, objective_named(objective), condition, options)
    given, log_reward = log_reward, usable_log_reward(env, log_reward)
    samples = draws_for(log_reward, samples, exact)
    require_whole(samples=samples)
    goal, own = objective_named(objective), require_metrics(metrics)
    listing: Exact = False if is_continuous(env) else exact
    law = _law_of(env, policy, log_reward, goal, prior, data, exact=listing, samples=samples)
    answers = answers_for(env, policy, given, goal, exact=exact, samples=samples, seed=seed)
    targets = answers.states if law is None else _target_states(law, samples, seed)
    choices = {"backward": backward, "samples": samples, "seed": seed}
    aim = log_reward
    if law is not None and law.log_target is not law.log_reward:
        aim = TabulatedReward.of(law.graph, law.log_target)
    estimates = estimate(env, policy, aim, target_states=targets, **choices)
    measuring = {"settings": settings, "distance": distance, "metrics": own, "seed": seed}
    drawn = drawn_states(policy, reading_for(env, backward or "uniform"), samples, key=key_of(seed, Stream.METRICS))
    log_z = learned_log_z(policy, goal, env)
    known = {"facts": facts or {}, "samples": samples, "estimates": estimates, "log_z": log_z}
    if law is None:
        measuring["places"] = answers.places(env, drawn)
        measured = metrics_of_drawn(env, policy, log_reward, drawn, backward=backward, **measuring)
        return _by_samples(drawn, measured, answers, **known)
    return _by_law(law, drawn, measuring, **known)


def _under_conditions(
    env: Environment, policy: Policy, log_reward: Any, objective: Objective, condition: Any, options: dict[str, Any]
) -> Evaluation:
    """A policy at one condition; where none is given, at the middle one, with the others beside it."""
    kind = require_conditioned(policy).condition
    reward: Any = under_condition(env, log_reward, kind)
    value = kind.middle() if condition is None else kind.settled(condition)
    found = evaluate(env, held_at_its_level(policy, value), reward.at(value), objective=objective, **options)
    if condition is not None:
        return found
    measuring = {name: options[name] for name in ("backward", "samples", "seed", "exact")}
    return dataclasses.replace(found, conditions=measured_under(env, policy, reward, objective, **measuring))


def _require_subject(env: Any, policy: Any, log_reward: Any, objective: Any) -> None:
    require_environment(env)
    require_policy(policy)
    require_function(log_reward, argument="log_reward", expected="a JAX function of one state, log R(x)")
    objective_named(objective)


def _by_samples(
    drawn: Any,
    measured: SampleMetrics,
    answers: Answers,
    *,
    facts: Mapping[str, Fact],
    estimates: Estimates,
    **known: Any,
) -> Evaluation:
    """What is known by samples, and by quadrature in a continuous space."""
    return Evaluation(
        states=None,
        **answers.numbers,
        **answers.sampled(drawn),
        floored=estimates.zero_share,
        facts={name: _share(*fact.indicators(drawn)) for name, fact in facts.items()},
        metrics=measured,
        estimates=estimates,
        **known,
    )


def _by_law(
    law: ExactLaw, drawn: Any, measuring: dict[str, Any], *, facts: Mapping[str, Fact], **known: Any
) -> Evaluation:
    """What the exact law says, and drawn objects beside it."""
    sampled, floor, measured = _beside_law(law, drawn, **measuring)
    return Evaluation(
        states=law.graph.num_states,
        exact=True,
        total_variation=law.total_variation,
        kl=law.kl,
        jsd=law.jsd,
        log_z_exact=law.log_z,
        floored=law.floored,
        facts={name: law.fact(fact) for name, fact in facts.items()},
        sampled_total_variation=sampled,
        perfect_sampler_floor=floor,
        metrics=measured,
        **known,
    )


def _beside_law(law: ExactLaw, drawn: Any, **measuring: Any) -> tuple[float, float, SampleMetrics]:
    """The total variation of drawn objects, what a perfect sampler's would be, and the metrics of both."""
    numbers, (target, model) = law.numbers_of(drawn), law.merged
    sampled = total_variation_distance(target, np.bincount(numbers, minlength=target.size) / numbers.size)
    laws = {"log_reward": law.log_reward, "log_target": law.log_target, "target": target, "model": model}
    metrics = metrics_of_listed(law.graph, numbers, law.group, **laws, **measuring)
    return sampled, perfect_sampler_floor(target, numbers.size), metrics


def _law_of(
    env: Environment,
    policy: Policy,
    log_reward: LogReward,
    objective: Objective,
    prior: Policy | None,
    data: Any,
    *,
    exact: Exact,
    samples: int = 0,
) -> ExactLaw | None:
    """The exact law beside the objective's target; None where it is too expensive, or the target not known."""
    graph = graph_beside_samples(env, log_reward, exact, samples)
    if graph is None:
        return None
    values = log_rewards(graph, log_reward)
    aim = log_target(graph, values, objective, prior=prior, data=data)
    return None if aim is None else law_against(graph, policy, values, log_target=aim)


def exact_summary(
    policy: Policy,
    env: Environment,
    log_reward: LogReward,
    *,
    objective: Objective,
    prior: Policy | None = None,
    data: Any = None,
    facts: Mapping[str, Fact],
    exact: Exact = "auto",
) -> dict[str, Any]:
    """The few numbers of a comparison: exact distance, log Z and facts; None where there is no exact answer."""
    law = _law_of(env, policy, log_reward, objective, prior, data, exact=False if is_continuous(env) else exact)
    known = law or answers_for(env, policy, log_reward, objective, exact=exact, samples=1, seed=0)
    return {
        "total_variation": known.total_variation,
        "kl": known.kl,
        "log_z": learned_log_z(policy, objective, env),
        "log_z_exact": known.log_z,
        "facts": {name: None if law is None else law.fact(fact) for name, fact in facts.items()},
    }


def _share(event: np.ndarray, given: np.ndarray) -> float | None:
    return float(event.sum() / given.sum()) if given.sum() > 0 else None


def _target_states(law: ExactLaw, samples: int, seed: int) -> Any:
    chosen = generator_of(seed, Stream.TARGET).choice(law.target.size, size=samples, p=law.target)
    return take(law.graph.states, law.graph.objects[chosen])
