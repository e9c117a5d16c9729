"""A training that is steered: one step after another, and between them what a user chooses. No files, no clock."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from anabranch.continuous.contract import is_continuous
from anabranch.envs.tasks import Task
from anabranch.evaluation.exact_law import ExactLaw
from anabranch.evaluation.targets import TabulatedReward
from anabranch.graph.state_graph import StateGraph, state_graph
from anabranch.ground.errors import ConfigError, RewardError
from anabranch.ground.streams import Stream, key_of
from anabranch.objectives.named import objective_named
from anabranch.policies.heads import Policy
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.log_reward import log_rewards
from anabranch.runs.given import policy_shape
from anabranch.sampling.explore import Explore
from anabranch.sampling.reference_level import reference_level
from anabranch.sampling.replay import Replay
from anabranch.storage.checkpoints import Saved
from anabranch.studio.choices import Choices
from anabranch.training.growth import Growth
from anabranch.training.optimizer import Adam
from anabranch.training.saved_state import POLICY, is_of_policy, state_from, tree_from
from anabranch.training.settings import Setup
from anabranch.training.setup import setup
from anabranch.training.step import advance, init_lanes
from anabranch.training.truth import Truth

STEPS = 1_000_000_000
"""A training to play with has no end."""
SHAKEN, LEAST_SPREAD = 0.3, 0.1
"""The size of the noise of a shake, as a share of the spread of each parameter, or of what counts as one."""
REWARD, RATE, LOG_Z_RATE, EPSILON = "log_reward.log_weight", "optimizer.learning_rate", "log_z_rate", "explore.epsilon"
"""The traced values of a session, by their place in `Setup`."""


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """What a session keeps of its space."""

    task: Task
    graph: StateGraph
    usual: Float[np.ndarray, " X"]
    """log R of each object by the task's own settings."""
    objects_of: dict[str, list[int]]
    """The objects whose R each field of the reward is, by its name."""
    level: float

    @classmethod
    def of(cls, task: Task) -> "Space":
        """List the space of a task. Raises ConfigError, SpaceTooLargeError, RewardError where that cannot be done."""
        if is_continuous(task.env):
            raise ConfigError(
                f"{task.name} is continuous, and the studio steers the rewards of single objects, which cannot be "
                f"listed there: train it with anabranch train {task.name} --out RUN, and open anabranch studio RUN."
            )
        graph = state_graph(task.env)
        level = reference_level(task.env, task.log_reward)
        return cls(task, graph, log_rewards(graph, task.log_reward), _objects_of_fields(task, graph), level)

    def log_reward(self, choices: Choices) -> Float[np.ndarray, " X"]:
        """log R of each object, as it was chosen."""
        return choices.reward.log_values(self.usual, self.objects_of)


PROBE = 7.25
"""A reward that no task has by itself."""


def _objects_of_fields(task: Task, graph: StateGraph) -> dict[str, list[int]]:
    """The objects whose R is a field of the reward: where the field is set to a strange number, it is theirs."""
    reward: Any = task.log_reward
    found = {}
    for one in dataclasses.fields(reward) if dataclasses.is_dataclass(reward) else ():
        if one.type in (float, "float"):
            try:
                probed = log_rewards(graph, dataclasses.replace(reward, **{one.name: PROBE}))  # pyright: ignore
            except (ConfigError, RewardError):
                continue
            objects = np.nonzero(np.isclose(np.exp(probed), PROBE))[0]
            if objects.size:
                found[one.name] = objects.tolist()
    return found


@jax.jit
def _shaken(policy: Policy, key: PRNGKeyArray) -> Policy:
    """The same with noise on every parameter."""
    leaves, tree = jax.tree.flatten(policy)
    noisy = [_noisy(leaf, jax.random.fold_in(key, number)) for number, leaf in enumerate(leaves)]
    return jax.tree.unflatten(tree, noisy)


def _noisy(leaf: Any, key: PRNGKeyArray) -> Any:
    if not jnp.issubdtype(leaf.dtype, jnp.inexact):
        return leaf
    return leaf + SHAKEN * jnp.maximum(jnp.std(leaf), LEAST_SPREAD) * jax.random.normal(key, leaf.shape)


class Session:
    """A training on its way, and what was chosen for it."""

    def __init__(self, space: Space, choices: Choices) -> None:
        self.space, self.choices = space, choices
        self.log_reward = space.log_reward(choices)
        self.setup = self._setup()
        state = init_lanes(self.setup, jnp.asarray(choices.seed), self._values())
        self.growth = Growth(self.setup, state)
        self.prepared: set[Setup] = set()
        """What is compiled."""

    @property
    def ready(self) -> bool:
        """Whether the next step begins at once."""
        return self.setup in self.prepared

    def prepare(self) -> None:
        """Compile a step of the present setup, which takes seconds."""
        jax.block_until_ready(advance(self.setup, self.growth.state, jnp.array(0)))
        self.prepared.add(self.setup)

    def _setup(self) -> Setup:
        """The setup of the present choices; what is traced has a value that is never used."""
        space, choices = self.space, self.choices
        objective = objective_named(choices.objective)
        settings = space.task.settings(objective)
        off_policy = not objective.on_policy
        blank = TabulatedReward.of(space.graph, np.zeros(space.graph.objects.size))
        return setup(
            space.task.env,
            blank,
            objective=objective,
            backward="uniform" if objective.has_backward else None,
            explore=Explore(epsilon=0.5) if off_policy else Explore(epsilon=0.0),
            replay=Replay(share=choices.replay) if off_policy and choices.replay > 0.0 else None,
            policy=settings.policy,
            optimizer=Adam(decay="none"),
            steps=STEPS,
            batch=settings.batch,
            level=space.level,
            zero_floor=settings.zero_floor,
            anneal=Anneal(steps=0),
        )

    def _values(self) -> dict[str, Float[Array, "..."]]:
        choices = self.choices
        table = np.full(self.space.graph.num_states, -np.inf)
        table[self.space.graph.objects] = self.log_reward
        values = {REWARD: table, RATE: choices.learning_rate, LOG_Z_RATE: choices.log_z_rate}
        if not self.setup.objective.on_policy:
            values[EPSILON] = choices.epsilon
        return {name: jnp.asarray(value, float) for name, value in values.items()}

    def chosen(self, name: str, value: Any) -> None:
        """Another choice from here on; the parameters stay.

        Raises ConfigError, RewardError for a value that is none; then nothing has changed.
        """
        choices = self.choices.changed(name, value)
        log_reward = self.space.log_reward(choices)
        self.choices, self.log_reward = choices, log_reward
        self.setup = self._setup()
        if name in ("objective", "replay"):
            self._begin(self.growth.state.policy)
        state = dataclasses.replace(self.growth.state, values=self._values())
        if name == "reward":  # what the buffer holds are rewards of before
            fresh = init_lanes(self.setup, jnp.asarray(choices.seed), self._values(), start=state.policy)
            state = dataclasses.replace(state, sources=fresh.sources)
        self.growth = dataclasses.replace(self.growth, setup=self.setup, state=state)

    def restore(self, choices: Choices, saved: Saved, path: Path) -> None:
        """Go on from a checkpoint that was written under these choices. Raises RunError where it does not fit."""
        self.choices, self.log_reward = choices, self.space.log_reward(choices)
        self.setup = self._setup()
        learned = {name: array for name, array in saved.arrays.items() if is_of_policy(name)}
        policy = tree_from(policy_shape(self.setup, learned), learned, POLICY, path)
        fresh = init_lanes(self.setup, jnp.asarray(choices.seed), self._values(), start=policy)
        state = state_from(self.setup, fresh, saved.arrays, path)
        self.growth = Growth.restored(self.setup, state, saved.progress, path)

    def reset(self) -> None:
        """Fresh parameters of the chosen seed; the steps are counted on."""
        self._begin(None)

    def shake(self) -> None:
        """Noise on every parameter."""
        state = self.growth.state
        key = jax.random.fold_in(key_of(self.choices.seed, Stream.SHAKE), self.growth.done)
        shaken = dataclasses.replace(state, policy=_shaken(state.policy, key))
        self.growth = dataclasses.replace(self.growth, state=shaken)

    def _begin(self, policy: Policy | None) -> None:
        """A fresh optimiser, and fresh sources, at this step."""
        seed = jnp.asarray(self.choices.seed)
        state = init_lanes(self.setup, seed, self._values(), start=policy)
        state = dataclasses.replace(state, step=jnp.asarray(self.growth.done, jnp.int32))
        self.growth = dataclasses.replace(self.growth, setup=self.setup, state=state)

    def advance(self, count: int) -> None:
        """So many steps. Raises StoppedError at a fault, with the state before it."""
        self.growth = self.growth.advanced(count)

    def truth(self) -> Truth:
        """The graph with the rewards as they were chosen."""
        return Truth(self.space.graph, self.log_reward, log_reward=self.log_reward)

    def law(self) -> ExactLaw:
        """The exact law of the policy, beside its target."""
        (law,) = self.truth().laws(self.setup, self.growth.policy)
        return law
