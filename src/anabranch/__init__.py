"""GFlowNets: define a space in ten lines, train a sampler in proportion to a reward, see exactly how right it is."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anabranch.anneal import Anneal
    from anabranch.backward import (
        BackwardPolicy,
        LearnedBackward,
        MaximumEntropyBackward,
        PessimisticBackward,
        TrajectoryLikelihoodBackward,
        UniformBackward,
    )
    from anabranch.diagnostics.diagnose import diagnose, diagnose_policy
    from anabranch.diagnostics.subject import Finding
    from anabranch.drawing import Samples, sample, sample_backward, sample_trajectories, score_trajectories
    from anabranch.environment import Environment
    from anabranch.errors import ConfigError, Error, LawError, RewardError, RunError, SpaceTooLargeError
    from anabranch.estimates import Estimates, estimate, log_prob
    from anabranch.evaluation import Evaluation, ExactLaw, Fact, evaluate, exact_law, total_variation
    from anabranch.exact.flows import Flows, exact_flows, exact_policy
    from anabranch.exact.graph import StateGraph, state_graph
    from anabranch.exact.metrics import perfect_sampler_floor, target_distribution
    from anabranch.exact.tabulate import tabulate
    from anabranch.explore import Explore
    from anabranch.laws.check import CheckReport, check
    from anabranch.local_search import LocalSearch
    from anabranch.metrics.correlation import Correlation, Interval, pearson, spearman
    from anabranch.metrics.distances import edit_distance, hamming_distance, mean_pairwise_distance, object_distance
    from anabranch.metrics.effective_samples import effective_sample_size
    from anabranch.metrics.flow_consistency import flow_consistency
    from anabranch.metrics.means import Estimate
    from anabranch.metrics.modes import ModesFound, modes_found
    from anabranch.metrics.perfect import PerfectSampler, Reference
    from anabranch.metrics.reward_gap import reward_gap
    from anabranch.metrics.settings import MetricSettings
    from anabranch.metrics.summary import SampleMetrics
    from anabranch.metrics.top_k import TopK, top_k
    from anabranch.objectives import (
        BalanceObjective,
        DetailedBalance,
        FlowMatching,
        ForwardLookingDetailedBalance,
        ForwardLookingSubTrajectoryBalance,
        MaximumLikelihood,
        ModifiedDetailedBalance,
        Objective,
        PathConsistency,
        PolicyGradient,
        RelativeTrajectoryBalance,
        SoftDQN,
        SoftPolicyGradient,
        SubTrajectoryBalance,
        TrajectoryBalance,
        VarGrad,
    )
    from anabranch.observation import observer
    from anabranch.policy import MLP, Heads, Policy, PolicyRecipe, Tabular
    from anabranch.replay import Replay
    from anabranch.rewards import log_rewards
    from anabranch.runs.load import load
    from anabranch.tasks import Settings, Task, make, task_names
    from anabranch.training.optimizer import Adam
    from anabranch.training.step import TrainState, advance, init, step
    from anabranch.training.sweep import Swept, sweep
    from anabranch.training.train import Run, train
    from anabranch.training.trainer import Trainer, trainer
    from anabranch.trajectories import Scores, Trajectories

_PUBLIC = {
    "backward": (
        "BackwardPolicy",
        "LearnedBackward",
        "MaximumEntropyBackward",
        "PessimisticBackward",
        "TrajectoryLikelihoodBackward",
        "UniformBackward",
    ),
    "laws.check": ("CheckReport", "check"),
    "diagnostics.diagnose": ("diagnose", "diagnose_policy"),
    "diagnostics.subject": ("Finding",),
    "drawing": ("Samples", "sample", "sample_backward", "sample_trajectories", "score_trajectories"),
    "environment": ("Environment",),
    "errors": ("ConfigError", "Error", "LawError", "RewardError", "RunError", "SpaceTooLargeError"),
    "estimates": ("Estimates", "estimate", "log_prob"),
    "evaluation": ("Evaluation", "ExactLaw", "Fact", "evaluate", "exact_law", "total_variation"),
    "exact.flows": ("Flows", "exact_flows", "exact_policy"),
    "exact.graph": ("StateGraph", "state_graph"),
    "exact.metrics": ("perfect_sampler_floor", "target_distribution"),
    "exact.tabulate": ("tabulate",),
    "anneal": ("Anneal",),
    "explore": ("Explore",),
    "local_search": ("LocalSearch",),
    "metrics.correlation": ("Correlation", "Interval", "pearson", "spearman"),
    "metrics.distances": ("edit_distance", "hamming_distance", "mean_pairwise_distance", "object_distance"),
    "metrics.effective_samples": ("effective_sample_size",),
    "metrics.flow_consistency": ("flow_consistency",),
    "metrics.means": ("Estimate",),
    "metrics.modes": ("ModesFound", "modes_found"),
    "metrics.perfect": ("PerfectSampler", "Reference"),
    "metrics.reward_gap": ("reward_gap",),
    "metrics.settings": ("MetricSettings",),
    "metrics.summary": ("SampleMetrics",),
    "metrics.top_k": ("TopK", "top_k"),
    "objectives": (
        "BalanceObjective",
        "DetailedBalance",
        "FlowMatching",
        "ForwardLookingDetailedBalance",
        "ForwardLookingSubTrajectoryBalance",
        "MaximumLikelihood",
        "ModifiedDetailedBalance",
        "Objective",
        "PathConsistency",
        "PolicyGradient",
        "RelativeTrajectoryBalance",
        "SoftDQN",
        "SoftPolicyGradient",
        "SubTrajectoryBalance",
        "TrajectoryBalance",
        "VarGrad",
    ),
    "observation": ("observer",),
    "policy": ("MLP", "Heads", "Policy", "PolicyRecipe", "Tabular"),
    "replay": ("Replay",),
    "rewards": ("log_rewards",),
    "runs.load": ("load",),
    "tasks": ("Settings", "Task", "make", "task_names"),
    "training.optimizer": ("Adam",),
    "training.train": ("Run", "train"),
    "training.step": ("TrainState", "advance", "init", "step"),
    "training.sweep": ("Swept", "sweep"),
    "training.trainer": ("Trainer", "trainer"),
    "trajectories": ("Scores", "Trajectories"),
}
"""The room of each public name. Names are imported on first use, so that the command line starts without JAX."""

_ROOM = {name: room for room, names in _PUBLIC.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _ROOM:
        raise AttributeError(f"anabranch has no public name {name!r}")
    value = getattr(importlib.import_module(f"anabranch.{_ROOM[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM})
