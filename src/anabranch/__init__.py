"""GFlowNets: define a space in ten lines, train a sampler in proportion to a reward, see exactly how right it is."""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anabranch.continuous.box import Box
    from anabranch.continuous.contract import ContinuousEnvironment
    from anabranch.continuous.densities import (
        Categorical,
        Density,
        Normal,
        NormalMixture,
        Perhaps,
        PlateauMixture,
        VonMisesMixture,
    )
    from anabranch.continuous.diffusion import Diffusion
    from anabranch.continuous.kinds import KindsAndPoints
    from anabranch.continuous.line import Line
    from anabranch.continuous.targets.angles import CoupledAngles
    from anabranch.continuous.targets.base import Modes, Target
    from anabranch.continuous.targets.funnel import Funnel
    from anabranch.continuous.targets.gaussians import GaussianGrid, LineGaussians, ScatteredGaussians, TwoGaussians
    from anabranch.continuous.targets.kinds import KindBumps
    from anabranch.continuous.targets.lennard_jones import LennardJones
    from anabranch.continuous.targets.logistic import LogisticRegression
    from anabranch.continuous.targets.many_well import ManyWell
    from anabranch.continuous.targets.unit_box import BoxCorners
    from anabranch.continuous.torus import Torus
    from anabranch.diagnostics.diagnose import diagnose, diagnose_policy
    from anabranch.diagnostics.subject import Finding
    from anabranch.environment import Environment, Graph
    from anabranch.envs.chemistry import write_molecules
    from anabranch.envs.in_turn import Choose, InOrder
    from anabranch.envs.molecule_reward import MoleculeReward
    from anabranch.envs.product import Product
    from anabranch.envs.repeat import Repeat
    from anabranch.envs.sum_of_parts import SumOfParts
    from anabranch.envs.tasks import Settings, Task, make, task_names
    from anabranch.evaluation.conditional import Conditions, FrontFound, UnderOne
    from anabranch.evaluation.divergences import perfect_sampler_floor, target_distribution
    from anabranch.evaluation.estimates import Estimates, estimate, log_prob
    from anabranch.evaluation.evaluate import Evaluation, evaluate
    from anabranch.evaluation.exact_law import ExactLaw, exact_law, total_variation
    from anabranch.evaluation.facts import Fact
    from anabranch.evaluation.flows import Flows, exact_flows, exact_policy
    from anabranch.evaluation.metrics.base import Measurable, Metric
    from anabranch.evaluation.metrics.correlation import Correlation, Interval, pearson, spearman
    from anabranch.evaluation.metrics.distances import (
        edit_distance,
        hamming_distance,
        mean_pairwise_distance,
        object_distance,
    )
    from anabranch.evaluation.metrics.effective_samples import effective_sample_size
    from anabranch.evaluation.metrics.flow_consistency import flow_consistency
    from anabranch.evaluation.metrics.modes import ModesFound, modes_found
    from anabranch.evaluation.metrics.perfect import PerfectSampler, Reference
    from anabranch.evaluation.metrics.reward_gap import reward_gap
    from anabranch.evaluation.metrics.settings import MetricSettings
    from anabranch.evaluation.metrics.summary import SampleMetrics
    from anabranch.evaluation.metrics.top_k import TopK, top_k
    from anabranch.evaluation.pareto import generational_distance, hypervolume, pareto_front, r2_indicator
    from anabranch.graph.state_graph import StateGraph, state_graph
    from anabranch.graph.tabulate import tabulate
    from anabranch.ground.errors import (
        ConfigError,
        Error,
        LawError,
        NoCheckpointError,
        RewardError,
        RunError,
        SpaceTooLargeError,
    )
    from anabranch.ground.means import Estimate
    from anabranch.laws.check import CheckReport, check
    from anabranch.objectives.base import BalanceObjective, Objective
    from anabranch.objectives.detailed_balance import DetailedBalance
    from anabranch.objectives.flow_matching import FlowMatching
    from anabranch.objectives.forward_looking import ForwardLookingDetailedBalance
    from anabranch.objectives.forward_looking_subtb import ForwardLookingSubTrajectoryBalance
    from anabranch.objectives.maximum_likelihood import MaximumLikelihood
    from anabranch.objectives.modified_detailed_balance import ModifiedDetailedBalance
    from anabranch.objectives.path_consistency import PathConsistency
    from anabranch.objectives.policy_gradient import PolicyGradient
    from anabranch.objectives.relative_trajectory_balance import RelativeTrajectoryBalance
    from anabranch.objectives.soft_dqn import SoftDQN
    from anabranch.objectives.soft_policy_gradient import SoftPolicyGradient
    from anabranch.objectives.subtrajectory_balance import SubTrajectoryBalance
    from anabranch.objectives.trajectory_balance import TrajectoryBalance
    from anabranch.objectives.vargrad import VarGrad
    from anabranch.policies.backward.base import BackwardPolicy
    from anabranch.policies.backward.learned import LearnedBackward, PessimisticBackward, TrajectoryLikelihoodBackward
    from anabranch.policies.backward.maxent import MaximumEntropyBackward
    from anabranch.policies.backward.uniform import UniformBackward
    from anabranch.policies.drift import Drift
    from anabranch.policies.graph_network import GraphNetwork
    from anabranch.policies.heads import Heads, Policy, PolicyRecipe
    from anabranch.policies.mlp import MLP
    from anabranch.policies.network import Network
    from anabranch.policies.observation import observer
    from anabranch.policies.tabular import Tabular
    from anabranch.policies.transformer import Transformer
    from anabranch.rewards.anneal import Anneal
    from anabranch.rewards.cache import RewardWarning
    from anabranch.rewards.conditions.base import Condition, within
    from anabranch.rewards.conditions.classes import Classes
    from anabranch.rewards.conditions.goal import Goal
    from anabranch.rewards.conditions.preferences import Preferences
    from anabranch.rewards.conditions.temperature import Temperature
    from anabranch.rewards.host_reward import PythonReward, RewardFailureError
    from anabranch.rewards.log_reward import log_rewards
    from anabranch.rewards.python_reward import python_reward
    from anabranch.runs.load import load
    from anabranch.runs.loggers import Logger, MLflow, TensorBoard, WandB
    from anabranch.runs.resume import resume
    from anabranch.runs.run import Run
    from anabranch.runs.train import train
    from anabranch.sampling.draw import Samples, sample, sample_backward, sample_trajectories, score_trajectories
    from anabranch.sampling.explore import Exploration, Explore
    from anabranch.sampling.local_search import LocalSearch
    from anabranch.sampling.replay import Replay
    from anabranch.sampling.teacher import Teacher
    from anabranch.sampling.thompson import Thompson
    from anabranch.studio.launch import studio
    from anabranch.training.checkpoint import Checkpoint
    from anabranch.training.optimizer import Adam
    from anabranch.training.settings import Setup
    from anabranch.training.setup import setup
    from anabranch.training.step import TrainState, advance, init, step
    from anabranch.training.sweep import Swept, sweep
    from anabranch.trajectories import Scores, Trajectories

_PUBLIC = {
    "continuous.box": ("Box",),
    "continuous.contract": ("ContinuousEnvironment",),
    "continuous.densities": (
        "Categorical",
        "Density",
        "Normal",
        "NormalMixture",
        "Perhaps",
        "PlateauMixture",
        "VonMisesMixture",
    ),
    "continuous.diffusion": ("Diffusion",),
    "continuous.kinds": ("KindsAndPoints",),
    "continuous.line": ("Line",),
    "continuous.targets.angles": ("CoupledAngles",),
    "continuous.targets.base": ("Modes", "Target"),
    "continuous.targets.funnel": ("Funnel",),
    "continuous.targets.gaussians": ("GaussianGrid", "LineGaussians", "ScatteredGaussians", "TwoGaussians"),
    "continuous.targets.kinds": ("KindBumps",),
    "continuous.targets.lennard_jones": ("LennardJones",),
    "continuous.targets.logistic": ("LogisticRegression",),
    "continuous.targets.many_well": ("ManyWell",),
    "continuous.targets.unit_box": ("BoxCorners",),
    "continuous.torus": ("Torus",),
    "policies.backward.base": ("BackwardPolicy",),
    "policies.backward.learned": ("LearnedBackward", "PessimisticBackward", "TrajectoryLikelihoodBackward"),
    "policies.backward.maxent": ("MaximumEntropyBackward",),
    "policies.backward.uniform": ("UniformBackward",),
    "laws.check": ("CheckReport", "check"),
    "diagnostics.diagnose": ("diagnose", "diagnose_policy"),
    "diagnostics.subject": ("Finding",),
    "sampling.draw": ("Samples", "sample", "sample_backward", "sample_trajectories", "score_trajectories"),
    "environment": ("Environment", "Graph"),
    "ground.errors": (
        "ConfigError",
        "Error",
        "LawError",
        "NoCheckpointError",
        "RewardError",
        "RunError",
        "SpaceTooLargeError",
    ),
    "evaluation.estimates": ("Estimates", "estimate", "log_prob"),
    "evaluation.evaluate": ("Evaluation", "evaluate"),
    "evaluation.exact_law": ("ExactLaw", "exact_law", "total_variation"),
    "evaluation.facts": ("Fact",),
    "evaluation.flows": ("Flows", "exact_flows", "exact_policy"),
    "graph.state_graph": ("StateGraph", "state_graph"),
    "evaluation.divergences": ("perfect_sampler_floor", "target_distribution"),
    "graph.tabulate": ("tabulate",),
    "rewards.anneal": ("Anneal",),
    "policies.network": ("Network",),
    "sampling.explore": ("Exploration", "Explore"),
    "sampling.local_search": ("LocalSearch",),
    "evaluation.metrics.base": ("Measurable", "Metric"),
    "evaluation.metrics.correlation": ("Correlation", "Interval", "pearson", "spearman"),
    "evaluation.metrics.distances": ("edit_distance", "hamming_distance", "mean_pairwise_distance", "object_distance"),
    "evaluation.metrics.effective_samples": ("effective_sample_size",),
    "evaluation.metrics.flow_consistency": ("flow_consistency",),
    "ground.means": ("Estimate",),
    "evaluation.metrics.modes": ("ModesFound", "modes_found"),
    "evaluation.metrics.perfect": ("PerfectSampler", "Reference"),
    "evaluation.metrics.reward_gap": ("reward_gap",),
    "evaluation.metrics.settings": ("MetricSettings",),
    "evaluation.metrics.summary": ("SampleMetrics",),
    "evaluation.metrics.top_k": ("TopK", "top_k"),
    "objectives.base": ("BalanceObjective", "Objective"),
    "objectives.detailed_balance": ("DetailedBalance",),
    "objectives.flow_matching": ("FlowMatching",),
    "objectives.forward_looking": ("ForwardLookingDetailedBalance",),
    "objectives.forward_looking_subtb": ("ForwardLookingSubTrajectoryBalance",),
    "objectives.maximum_likelihood": ("MaximumLikelihood",),
    "objectives.modified_detailed_balance": ("ModifiedDetailedBalance",),
    "objectives.path_consistency": ("PathConsistency",),
    "objectives.policy_gradient": ("PolicyGradient",),
    "objectives.relative_trajectory_balance": ("RelativeTrajectoryBalance",),
    "objectives.soft_dqn": ("SoftDQN",),
    "objectives.soft_policy_gradient": ("SoftPolicyGradient",),
    "objectives.subtrajectory_balance": ("SubTrajectoryBalance",),
    "objectives.trajectory_balance": ("TrajectoryBalance",),
    "objectives.vargrad": ("VarGrad",),
    "policies.observation": ("observer",),
    "policies.drift": ("Drift",),
    "policies.mlp": ("MLP",),
    "policies.heads": ("Heads", "Policy", "PolicyRecipe"),
    "policies.tabular": ("Tabular",),
    "policies.graph_network": ("GraphNetwork",),
    "policies.transformer": ("Transformer",),
    "sampling.replay": ("Replay",),
    "sampling.teacher": ("Teacher",),
    "sampling.thompson": ("Thompson",),
    "rewards.cache": ("RewardWarning",),
    "rewards.log_reward": ("log_rewards",),
    "rewards.conditions.base": ("Condition", "within"),
    "rewards.conditions.classes": ("Classes",),
    "rewards.conditions.goal": ("Goal",),
    "rewards.conditions.preferences": ("Preferences",),
    "rewards.conditions.temperature": ("Temperature",),
    "evaluation.conditional": ("Conditions", "FrontFound", "UnderOne"),
    "evaluation.pareto": ("generational_distance", "hypervolume", "pareto_front", "r2_indicator"),
    "rewards.host_reward": ("PythonReward", "RewardFailureError"),
    "rewards.python_reward": ("python_reward",),
    "runs.load": ("load",),
    "runs.loggers": ("Logger", "MLflow", "TensorBoard", "WandB"),
    "runs.resume": ("resume",),
    "runs.run": ("Run",),
    "runs.train": ("train",),
    "envs.chemistry": ("write_molecules",),
    "envs.in_turn": ("Choose", "InOrder"),
    "envs.molecule_reward": ("MoleculeReward",),
    "envs.product": ("Product",),
    "envs.repeat": ("Repeat",),
    "envs.sum_of_parts": ("SumOfParts",),
    "envs.tasks": ("Settings", "Task", "make", "task_names"),
    "training.checkpoint": ("Checkpoint",),
    "training.optimizer": ("Adam",),
    "training.step": ("TrainState", "advance", "init", "step"),
    "training.sweep": ("Swept", "sweep"),
    "training.settings": ("Setup",),
    "training.setup": ("setup",),
    "trajectories": ("Scores", "Trajectories"),
}
"""The module of each public name. Names are imported on first use, so that the command line starts without JAX."""

_ROOM = {name: room for room, names in _PUBLIC.items() for name in names}


_NAMESPACES = ("objectives", "studio")
"""Folders that are public themselves: `anabranch.objectives.tb`, `anabranch.studio(run)`."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("anabranch")
    if name in _NAMESPACES:
        return importlib.import_module(f"anabranch.{name}")
    if name not in _ROOM:
        raise AttributeError(f"anabranch has no public name {name!r}")
    value = getattr(importlib.import_module(f"anabranch.{_ROOM[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM, *_NAMESPACES, "__version__"})
