"""How right a policy is: exactly where the space can be enumerated, with the truth beside each estimate."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.arguments import require_whole
from anabranch.backward import BackwardPolicy
from anabranch.drawing import reading_for, sample_states
from anabranch.environment import Environment, initial_state, take
from anabranch.estimates import Estimates, estimate
from anabranch.exact.affordable import Exact, graph_beside_samples
from anabranch.exact.enumeration import state_keys
from anabranch.exact.flows import EdgeLaw, edge_law, terminal_distribution
from anabranch.exact.graph import StateGraph
from anabranch.exact.metrics import (
    jensen_shannon_divergence,
    kl_divergence,
    log_partition,
    perfect_sampler_floor,
    target_distribution,
    total_variation_distance,
)
from anabranch.measures import metrics_of_drawn, metrics_of_listed
from anabranch.metrics.distances import Distance
from anabranch.metrics.settings import MetricSettings
from anabranch.metrics.summary import SampleMetrics
from anabranch.objectives import Objective, objective_named
from anabranch.policy import Policy
from anabranch.rewards import LogReward, log_rewards
from anabranch.scoring import Reading, look
from anabranch.streams import Stream, generator_of, key_of
from anabranch.targets import TabulatedReward, log_target


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fact:
    """The probability of an event among finished objects, conditional on another where `given` is set."""

    event: Callable[[Any], Bool[Array, ""]]
    given: Callable[[Any], Bool[Array, ""]] | None = None

    def indicators(self, states: Any) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Event-and-condition, and condition, of each state of a batch, as 0 and 1."""
        event = np.asarray(jax.vmap(self.event)(states), np.float64)
        given = np.ones_like(event) if self.given is None else np.asarray(jax.vmap(self.given)(states), np.float64)
        return event * given, given


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ExactLaw:
    """The exact law of a policy on an enumerated space, beside the target."""

    graph: StateGraph
    law: EdgeLaw
    log_reward: Float[np.ndarray, " X"]
    log_target: Float[np.ndarray, " X"]
    """Log weights in proportion to which objects should be drawn: log R, where the objective has no other aim."""
    target: Float[np.ndarray, " X"]
    model: Float[np.ndarray, " X"]
    group: np.ndarray
    """The number of each object; differs from 0..X-1 where several states are one object."""

    @property
    def merged(self) -> tuple[np.ndarray, np.ndarray]:
        """Target and model over decoded objects."""
        return np.bincount(self.group, self.target), np.bincount(self.group, self.model)

    @property
    def total_variation(self) -> float:
        """Half the L1 distance to the target."""
        return total_variation_distance(*self.merged)

    @property
    def kl(self) -> float:
        """KL(target || model) in nats."""
        return kl_divergence(*self.merged)

    @property
    def jsd(self) -> float:
        """Jensen-Shannon divergence in nats."""
        return jensen_shannon_divergence(*self.merged)

    @property
    def log_z(self) -> float:
        """The true log Z: of the reward, or of what is the target in its place."""
        return log_partition(self.log_target)

    @property
    def floored(self) -> float:
        """The probability of drawing an object whose reward is zero."""
        return float(self.model[np.isneginf(self.log_reward)].sum())

    def numbers_of(self, states: Any) -> Int[np.ndarray, " n"]:
        """The number of the object of each finished state of a batch."""
        place = np.full(self.graph.num_states, -1)
        place[self.graph.objects] = self.group
        return place[[self.graph.index[key] for key in state_keys(states)]]

    def fact(self, fact: Fact) -> float | None:
        """The exact probability of a fact under the policy; None where its condition never holds."""
        event, given = fact.indicators(self.graph.object_states)
        among = float(self.model @ given)
        return float(self.model @ event) / among if among > 0 else None


def exact_law(graph: StateGraph, policy: Policy, log_reward: LogReward, *, reading: Reading | None = None) -> ExactLaw:
    """Evaluate a policy on every state of a graph. Raises RewardError for a reward that is not one."""
    return law_against(graph, policy, log_rewards(graph, log_reward), reading=reading)


def law_against(
    graph: StateGraph,
    policy: Policy,
    log_reward: Float[np.ndarray, " X"],
    *,
    log_target: Float[np.ndarray, " X"] | None = None,
    reading: Reading | None = None,
) -> ExactLaw:
    """The same with the log-rewards of `graph.objects` at hand, and the target's log weights where they are others."""
    aim = log_reward if log_target is None else log_target
    law = edge_law(graph, policy, reading or reading_for(graph.env, None))
    group = np.arange(graph.objects.size)
    if graph.env.merges_objects:
        numbers: dict[Any, int] = {}
        group = np.array([numbers.setdefault(graph.decode(int(x)), len(numbers)) for x in graph.objects])
    return ExactLaw(
        graph=graph,
        law=law,
        log_reward=log_reward,
        log_target=aim,
        target=target_distribution(aim),
        model=terminal_distribution(graph, law),
        group=group,
    )


def total_variation(graph: StateGraph, policy: Policy, log_reward: LogReward) -> float:
    """Exact total variation between the policy's law and R / Z, zeros as zeros."""
    return exact_law(graph, policy, log_reward).total_variation


def learned_log_z(policy: Policy, objective: Objective, env: Environment) -> float | None:
    """The log Z that a policy has learned: its leaf, or the outflow of the source; None where there is none."""
    if not objective.has_log_z:
        return None
    level = float(objective.log_target(np.array([policy.level]), np.zeros(1))[0])
    if not objective.outflow:
        return level + float(policy.log_z)
    return level + float(look(policy, reading_for(env, None, outflow=True), initial_state(env))[0].log_flow)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All measured numbers about one policy; None where unknown."""

    states: int | None
    exact: bool
    """Whether the target is known exactly; not so where the space is too large, or a prior or data are missing."""
    total_variation: float | None
    kl: float | None
    jsd: float | None
    log_z: float | None
    log_z_exact: float | None
    floored: float
    """Probability (exact, or share of the samples) of an object whose reward is zero."""
    facts: dict[str, float | None]
    samples: int
    sampled_total_variation: float | None
    """Total variation of the samples' frequencies; compare with `perfect_sampler_floor`."""
    perfect_sampler_floor: float | None
    """The expected total variation of as many perfect samples."""
    estimates: Estimates
    metrics: SampleMetrics
    """What the field measures on samples, each beside a perfect sampler's value."""


def evaluate(
    env: Environment,
    policy: Policy,
    log_reward: LogReward,
    *,
    objective: str | Objective,
    backward: str | BackwardPolicy | None = None,
    prior: Policy | None = None,
    data: Any = None,
    facts: Mapping[str, Fact] | None = None,
    samples: int = 10_000,
    seed: int = 0,
    settings: MetricSettings | None = None,
    distance: Distance | None = None,
    exact: Exact = "auto",
) -> Evaluation:
    """Everything at once: the exact law where the space can be enumerated, and fresh samples beside it.

    The target is R / Z; with relative balance the `prior`'s law times R^beta, with maximum likelihood the law of
    `data`, a batch of finished states, and without these nothing is held against it. Where the target is not R / Z,
    Z and the estimates are those of its weights. `exact` asks for the exact law (True, or SpaceTooLargeError), leaves
    it out (False), or takes it where the rewards of all objects cost little or are fewer than the samples ("auto").
    `settings` and `distance` (between decoded objects; Hamming's or the edit distance by default) are for the metrics.
    """
    require_whole(samples=samples)
    law = _law_of(env, policy, log_reward, objective_named(objective), prior, data, exact=exact, samples=samples)
    targets = None if law is None else _target_states(law, samples, seed)
    choices = {"backward": backward, "samples": samples, "seed": seed}
    aim = log_reward
    if law is not None and law.log_target is not law.log_reward:
        aim = TabulatedReward.of(law.graph, law.log_target)
    estimates = estimate(env, policy, aim, target_states=targets, **choices)
    wanted = {"settings": settings, "distance": distance, "seed": seed}
    drawn = sample_states(env, policy, samples, key=key_of(seed, Stream.METRICS))
    sampled = floor = None
    if law is None:
        shares = {name: _share(*fact.indicators(drawn)) for name, fact in (facts or {}).items()}
        metrics = metrics_of_drawn(env, policy, log_reward, drawn, backward=backward, **wanted)
    else:
        shares = {name: law.fact(fact) for name, fact in (facts or {}).items()}
        sampled, floor, metrics = _beside_law(law, drawn, **wanted)
    return Evaluation(
        states=None if law is None else law.graph.num_states,
        exact=law is not None,
        total_variation=None if law is None else law.total_variation,
        kl=None if law is None else law.kl,
        jsd=None if law is None else law.jsd,
        log_z=learned_log_z(policy, objective_named(objective), env),
        log_z_exact=None if law is None else law.log_z,
        floored=estimates.zero_share if law is None else law.floored,
        facts=shares,
        samples=samples,
        sampled_total_variation=sampled,
        perfect_sampler_floor=floor,
        estimates=estimates,
        metrics=metrics,
    )


def _beside_law(law: ExactLaw, drawn: Any, **wanted: Any) -> tuple[float, float, SampleMetrics]:
    """The total variation of drawn objects, what a perfect sampler's would be, and the metrics of both."""
    numbers, (target, model) = law.numbers_of(drawn), law.merged
    sampled = total_variation_distance(target, np.bincount(numbers, minlength=target.size) / numbers.size)
    laws = {"log_reward": law.log_reward, "log_target": law.log_target, "target": target, "model": model}
    metrics = metrics_of_listed(law.graph, numbers, law.group, **laws, **wanted)
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
    law = _law_of(env, policy, log_reward, objective, prior, data, exact=exact)
    return {
        "total_variation": None if law is None else law.total_variation,
        "kl": None if law is None else law.kl,
        "log_z": learned_log_z(policy, objective, env),
        "log_z_exact": None if law is None else law.log_z,
        "facts": {name: None if law is None else law.fact(fact) for name, fact in facts.items()},
    }


def _share(event: np.ndarray, given: np.ndarray) -> float | None:
    return float(event.sum() / given.sum()) if given.sum() > 0 else None


def _target_states(law: ExactLaw, samples: int, seed: int) -> Any:
    chosen = generator_of(seed, Stream.TARGET).choice(law.target.size, size=samples, p=law.target)
    return jax.tree.map(jnp.asarray, take(law.graph.states, law.graph.objects[chosen]))
