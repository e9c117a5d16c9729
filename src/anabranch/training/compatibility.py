"""What an objective, a backward policy and a space ask of each other; each refusal is a sentence before compiling."""

from typing import Any

import jax
import numpy as np

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, initial_state
from anabranch.graph.longest import rows_of
from anabranch.graph.state_graph import small_state_graph
from anabranch.ground.errors import ConfigError
from anabranch.ground.streams import Stream, key_of
from anabranch.laws.walked import walk_ahead
from anabranch.objectives.base import Objective
from anabranch.policies.backward import BACKWARDS
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.policies.backward.maxent import CountedPathsBackward
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import has_energies
from anabranch.sampling.explore import require_on_policy
from anabranch.training.conditioning import require_conditionable
from anabranch.training.own_parts import require_own_parts
from anabranch.training.pathwise import require_pathwise
from anabranch.training.peers import Peers
from anabranch.training.settings import Setup

WALKS = 64


def require_compatible(setup: Setup) -> None:
    """Raise ConfigError where the parts of a training do not fit together."""
    goal = setup.objective
    name = f"The objective {goal.name}"
    regrows = setup.replay is not None or setup.search is not None
    if setup.condition is not None:
        require_conditionable(setup)
    if goal.on_policy:
        require_on_policy(setup.explore, type(goal).__name__)
        if regrows:
            raise ConfigError(f"{name} is valid on-policy only: leave out replay, data and local search.")
    for guide in ("teacher", "thompson"):
        _require_guide(setup, guide, name)
    if goal.needs_data:
        if setup.data is None:
            raise ConfigError(f"{name} learns from a data set: give data=[object, ...] (--data FILE).")
        if setup.search is not None:
            raise ConfigError(f"{name} learns from its data set alone: leave out local search.")
        if setup.replay is not None and setup.replay.priority != "uniform":
            raise ConfigError(f"{name} learns from its data set as it is: replay.priority must be uniform.")
    elif setup.parts[0] < 1:
        raise ConfigError(
            f"{_others(setup)} take the whole batch of {setup.batch}: at least one trajectory of each batch "
            "must be drawn anew; lower their shares or raise the batch."
        )
    if setup.data is not None and setup.replay is not None and setup.data.size > setup.replay.capacity:
        raise ConfigError(
            f"The data set has {setup.data.size:,} objects; replay.capacity={setup.replay.capacity:,} is too small."
        )
    _require_continuous(setup, name)
    has_energy = has_energies(setup.env) or callable(getattr(setup.log_reward, "energy", None))
    if "energy" in goal.needs and not has_energy:
        kind = type(setup.log_reward).__name__
        raise ConfigError(
            f"{name} needs the energy of partial objects: give the reward {kind} a method energy(state), with "
            "energy(x) = -log R(x) at objects, or choose another objective."
        )
    if "log_reward_at" in goal.needs and not every_state_stops(setup.env):
        raise ConfigError(
            f"{name} needs a space in which every state is a finished object; {type(setup.env).__name__} has states "
            "that may not stop. Choose db, tb or subtb."
        )
    if "log_prior" in goal.needs and setup.prior is None:
        raise ConfigError(f"{name} needs the sampler that it starts from: give prior=policy (--prior RUN).")
    if regrows and setup.backward is None:
        raise ConfigError(f"{name} has no P_B, by which replay and local search regrow trajectories: leave them out.")
    if isinstance(setup.log_reward, PythonReward):
        _require_python_reward(setup, setup.log_reward, name)
    require_own_parts(setup)
    if setup.backward is not None:
        _require_trained(setup, goal, setup.backward)


def _require_continuous(setup: Setup, name: str) -> None:
    """Raise ConfigError where a training asks for what a space of labels alone has, or draws alone."""
    if setup.objective.pathwise:
        require_pathwise(setup)
    if not isinstance(setup.env, ContinuousEnvironment):
        return
    space = f"{type(setup.env.unconditioned).__name__} is continuous"
    if setup.objective.outflow or "log_inflow" in setup.objective.needs or setup.objective.name in LABELS_ALONE:
        raise ConfigError(f"{name} adds up over labels, and {space}: choose tb, db, subtb or vargrad.")
    for guide in ("teacher", "thompson"):
        if getattr(setup, guide) is not None:
            raise ConfigError(f"{guide} draws labels, and {space}: replay, or explore with epsilon.")
    backward = setup.backward
    if backward is not None and (backward.from_memory or backward.name not in ("uniform", "learned", "tlm")):
        raise ConfigError(f"The backward policy {backward.name} is one of labels, and {space}: uniform or learned.")
    if backward is not None and backward.learned and not setup.env.backward_numbers:
        raise ConfigError(
            f"{type(setup.env.unconditioned).__name__} has no P_B to learn (backward_numbers is 0): uniform."
        )


LABELS_ALONE = ("soft-dqn",)
"""Objectives whose targets are sums over all labels of a state."""


def _others(setup: Setup) -> str:
    """The sources beside the policy, as the subject of a sentence."""
    if not any(setup.guided):
        return "Replay and local search"
    return "Replay, local search, teacher and thompson"


def _require_guide(setup: Setup, guide: str, name: str) -> None:
    """Raise ConfigError where a training can do nothing with another sampler."""
    record = getattr(setup, guide)
    if record is None:
        return
    if setup.objective.on_policy:
        raise ConfigError(f"{name} is valid on-policy only: leave out {guide}.")
    if setup.objective.needs_data:
        raise ConfigError(f"{name} learns from its data set alone: leave out {guide}.")
    if not round(setup.batch * record.share):
        raise ConfigError(
            f"{guide}.share={record.share} of batch={setup.batch} is less than one trajectory: raise either, or leave "
            f"{guide} out."
        )


def _require_python_reward(setup: Setup, reward: PythonReward, name: str) -> None:
    """Raise ConfigError where a training needs rewards inside of its compiled step, or of several lanes."""
    asks = f"The reward {reward.name} is plain Python"
    if setup.search is not None:
        raise ConfigError(f"{asks}, and local search evaluates inside of a compiled step: replay instead.")
    if "log_reward_at" in setup.objective.needs:
        raise ConfigError(
            f"{asks}, and {name[0].lower()}{name[1:]} needs the reward of every state on the way: tb, db."
        )
    if setup.seeds is not None:
        raise ConfigError(f"{asks}: train its seeds one after another; with cache=FILE they share what was evaluated.")
    if Peers().several:
        raise ConfigError(f"{asks}, which one process evaluates: train without launch, with more workers.")
    if setup.objective.on_policy and reward.inflight > 1:
        raise ConfigError(f"{name} is valid on-policy only: inflight must be 1; given {reward.inflight}.")


def supported(objective: type[Objective], backward: type[BackwardPolicy]) -> bool:
    """Whether an objective goes with a backward policy (the table of pairs)."""
    if not objective.has_backward or (objective.on_policy and backward.from_memory):
        return False
    if backward is LearnedBackward:
        return objective.trains_backward
    return not (objective.needs_data and backward.has_own_loss and "log_paths" not in backward.needs)


def _require_trained(setup: Setup, goal: Objective, backward: BackwardPolicy) -> None:
    kind = type(backward)
    if not supported(type(goal), kind):
        fitting = [n for n, known in BACKWARDS.items() if supported(type(goal), known)]
        raise ConfigError(
            f"The objective {goal.name} gives the backward policy {backward.name} nothing to learn from: "
            f"choose one of {', '.join(fitting)}."
        )
    if kind.from_memory:
        _require_memory(setup, f"The backward policy {backward.name} learns from replay")
    if kind is CountedPathsBackward and setup.env.num_actions == 0:
        raise ConfigError("A space without moves has no paths to count.")


def _require_memory(setup: Setup, what: str) -> None:
    """Raise ConfigError where replay does not keep every trajectory that was drawn."""
    wanted = "replay=Replay(deduplicate=False) (--replay.share 0.5 --replay.deduplicate false)"
    if setup.replay is None:
        raise ConfigError(f"{what}: give {wanted}.")
    if setup.replay.deduplicate:
        raise ConfigError(f"{what}, where one trajectory an object would make it deterministic: give {wanted}.")
    if setup.data is not None and setup.data.size == setup.replay.capacity:
        raise ConfigError(f"{what}, which the data set fills: raise replay.capacity above {setup.data.size:,}.")


def every_state_stops(env: Environment) -> bool:
    """Whether every state is a finished object: of all states of a small space, of some random walks in others."""
    if isinstance(env, ContinuousEnvironment):
        return bool(env.can_stop(initial_state(env)))
    graph = small_state_graph(env)
    if graph is not None:
        return bool(graph.can_stop.all())
    luck = jax.random.uniform(key_of(0, Stream.STOPPING), (WALKS, rows_of(env)))
    states: Any = walk_ahead(env, luck)[0]
    return bool(np.asarray(jax.jit(jax.vmap(jax.vmap(env.can_stop)))(states)).all())
