"""The input of a diagnosis (`Subject`: a policy and what was measured of it) and its output (`Finding`)."""

import dataclasses

from anabranch.environment import Environment
from anabranch.evaluation.evaluate import Evaluation
from anabranch.graph.longest import rows_of
from anabranch.objectives.base import Objective
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.heads import Policy
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.log_reward import LogReward
from anabranch.sampling.explore import Exploration, Explore

TENTH, THOUSANDTH = 0.1, 0.001
"""An object is neglected where its probability is below a tenth of the target's, missed where below a thousandth."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a sampler, or with how it is measured: what, the evidence, and what to do."""

    what: str
    """Its name in a word or two, such as "collapse"."""
    evidence: str
    """What was measured, in a sentence with the numbers."""
    advice: str
    """What to do, in a sentence."""
    seed: int | None = None
    """The seed of the run that it is about; None for a policy without a run."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A policy, how it was trained, and what `evaluate` has measured."""

    env: Environment
    policy: Policy
    log_reward: LogReward
    objective: Objective
    backward: BackwardPolicy | None
    explore: Exploration
    anneal: Anneal | None
    zero_floor: float
    evaluation: Evaluation
    loss: float | None
    """The last loss of its training; None where unknown."""
    seed: int

    @property
    def aims_at_reward(self) -> bool:
        """Whether R / Z is what the objective is meant to reach: not with a prior, nor with data alone."""
        return "log_prior" not in self.objective.needs and not self.objective.needs_data

    @property
    def untouched(self) -> float:
        """The share of the longest trajectories that exploration at each step leaves as the policy draws them."""
        return unperturbed(self.explore, float(rows_of(self.env)))

    def beside_the_loss(self) -> str:
        """The end of a sentence: that the loss does not show it."""
        return "" if self.loss is None else f"; the last loss, {self.loss:.2g}, does not show it"


def unperturbed(explore: Exploration, rows: float) -> float:
    """The share of trajectories of so many rows in which exploration at each step changed no action."""
    if not isinstance(explore, Explore) or explore.per != "step" or explore.anneal:
        return 1.0
    return (1.0 - explore.epsilon) ** rows


def share(value: float) -> str:
    """A share in words: per cent, with two digits that count."""
    return f"{100 * value:.2g} %" if value < 0.995 else f"{100 * value:.4g} %"


def recovery(subject: Subject) -> str:
    """What to do where a sampler leaves out what the target holds."""
    objective, explore = subject.objective, subject.explore
    if objective.on_policy:
        aim = "" if objective.name != "pg" else " (this one maximises E[R], and ends among the best objects only)"
        return f"Policy gradients see only what they draw{aim}: use tb, db or subtb, with exploration."
    steps = []
    if not isinstance(explore, Explore):
        steps.append(f"let {type(explore).__name__} explore more widely")
    elif explore.per == "trajectory" and explore.epsilon > 0.0:
        steps.append("Raise the share of trajectories that explore (explore.epsilon), train longer")
    elif explore.epsilon > 0.0:
        left = f"epsilon {explore.epsilon:g} a step leaves {share(subject.untouched)} of the longest ones untouched"
        why = "" if explore.anneal else f" ({left})"
        steps.append(f"Explore whole trajectories, not single steps{why}: explore.per trajectory, explore.epsilon 0.5")
    else:
        steps.append("Explore: explore.per trajectory, explore.epsilon 0.5")
    if objective.name in ("tb", "vargrad"):
        steps.append("take db or subtb, which explore more by themselves")
    steps.append("replay objects that are known to be good (data)")
    return f"{'; or '.join(steps)}."
