"""Tasks: named pairs of an environment and a reward, with facts to report and settings that work."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from anabranch.ground.errors import ConfigError, did_you_mean
from anabranch.ground.fields import replaced
from anabranch.ground.installed import installed, loaded

if TYPE_CHECKING:
    from anabranch.environment import Environment
    from anabranch.evaluation.facts import Fact
    from anabranch.objectives.base import Objective
    from anabranch.policies.drift import Drift
    from anabranch.policies.mlp import MLP
    from anabranch.policies.tabular import Tabular
    from anabranch.rewards.anneal import Anneal
    from anabranch.sampling.explore import Explore
    from anabranch.sampling.local_search import LocalSearch
    from anabranch.sampling.replay import Replay
    from anabranch.sampling.teacher import Teacher
    from anabranch.sampling.thompson import Thompson
    from anabranch.training.optimizer import Adam

BUILT_IN = {
    "faces": "anabranch.envs.faces",
    "hypergrid": "anabranch.envs.hypergrid",
    "hypergrid-standard": "anabranch.envs.hypergrid",
    "hypergrid-hard": "anabranch.envs.hypergrid",
    "hypergrid-cosine": "anabranch.envs.hypergrid_rewards",
    "hypergrid-sparse": "anabranch.envs.hypergrid_rewards",
    "hypergrid-deceptive": "anabranch.envs.hypergrid_rewards",
    "hypergrid-xor": "anabranch.envs.hypergrid_parity",
    "hypergrid-coprime": "anabranch.envs.hypergrid_coprime",
    "hypergrid-multiscale": "anabranch.envs.hypergrid_digits",
    "bits": "anabranch.envs.bits",
    "bits-120": "anabranch.envs.bits",
    "bits-left": "anabranch.envs.bits_ordered",
    "bits-ends": "anabranch.envs.bits_ordered",
    "sets": "anabranch.envs.sets",
    "subsets": "anabranch.envs.sets",
    "sequences": "anabranch.envs.sequences",
    "permutations": "anabranch.envs.permutations",
    "tree": "anabranch.envs.tree",
    "ising": "anabranch.envs.ising",
    "ising-9": "anabranch.envs.ising",
    "tfbind8": "anabranch.envs.tfbind8",
    "dags": "anabranch.envs.dags",
    "dags-5": "anabranch.envs.dags",
    "phylogeny": "anabranch.envs.phylogeny",
    "phylogeny-likelihood": "anabranch.envs.likelihood",
    "potts": "anabranch.envs.energies",
    "molecules": "anabranch.envs.molecules",
    "fragments": "anabranch.envs.molecules",
    "rna": "anabranch.envs.rna",
    "tfbind8-model": "anabranch.envs.binding_model",
    "independent-sets": "anabranch.envs.independent_sets",
    "knapsack": "anabranch.envs.knapsack",
    "tours": "anabranch.envs.tours",
    "job-orders": "anabranch.envs.job_orders",
    "line": "anabranch.envs.continuous_tasks",
    "box": "anabranch.envs.continuous_tasks",
    "cube": "anabranch.envs.continuous_tasks",
    "torus": "anabranch.envs.continuous_tasks",
    "kinds-and-points": "anabranch.envs.continuous_tasks",
    "gaussians-2": "anabranch.envs.continuous_tasks",
    "gaussians-25": "anabranch.envs.continuous_tasks",
    "gaussians-40": "anabranch.envs.continuous_tasks",
    "funnel": "anabranch.envs.continuous_tasks",
    "many-well": "anabranch.envs.continuous_tasks",
    "many-well-32": "anabranch.envs.continuous_tasks",
    "logistic-regression": "anabranch.envs.continuous_tasks",
    "lennard-jones": "anabranch.envs.continuous_tasks",
}
"""The module of each built-in task; it is imported when the task is used."""

ENTRY_POINTS = "anabranch.tasks"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The arguments of `train` that suit a task; None leaves the default of `train`.

    A task holds a function from an objective to its settings, because objectives want different exploration and
    learning rates. `settings.arguments()` gives them as keyword arguments.

    Example:
        settings = anabranch.make("faces").settings("tb")
        run = anabranch.train(env, log_reward, objective="tb", **settings.arguments())
    """

    steps: int = 5_000
    """Gradient steps."""
    batch: int = 16
    """Trajectories a step."""
    explore: "Explore | None" = None
    """How the sampler departs from its policy."""
    policy: "MLP | Tabular | Drift | None" = None
    """The network."""
    optimizer: "Adam | None" = None
    """The optimiser of the network."""
    log_z_rate: float = 0.1
    """Learning rate of log Z."""
    zero_floor: float = 1e-4
    """What stands for a reward of 0, as a share of a typical reward."""
    anneal: "Anneal | None" = None
    """How the exponent of the reward rises to 1."""
    replay: "Replay | None" = None
    """The share of each batch that was seen before."""
    search: "LocalSearch | None" = None
    """The share of each batch that is improved."""
    teacher: "Teacher | None" = None
    """The share of each batch that a teacher draws."""
    thompson: "Thompson | None" = None
    """The share of each batch that an ensemble draws."""

    def arguments(self) -> dict[str, Any]:
        """As keyword arguments of `train`."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def usual_settings(
    *,
    steps: int = 5_000,
    batch: int = 16,
    epsilon: float = 0.05,
    learning_rate: float = 1e-3,
    width: int | None = None,
) -> Callable[["Objective"], Settings]:
    """A network of that width or the usual one, with some exploration where the objective allows it."""

    def settings(objective: "Objective") -> Settings:
        from anabranch.policies.mlp import MLP
        from anabranch.sampling.explore import Explore
        from anabranch.training.optimizer import Adam

        explore = None if objective.on_policy else Explore(epsilon=epsilon)
        optimizer, policy = Adam(learning_rate=learning_rate), None if width is None else MLP(width=width)
        return Settings(steps=steps, batch=batch, optimizer=optimizer, explore=explore, policy=policy)

    return settings


@dataclasses.dataclass(frozen=True)
class SettingsFor:
    """The settings of a task as a function of an objective, or of its name."""

    choose: Callable[["Objective"], Settings]

    def __call__(self, objective: "str | Objective") -> Settings:
        """The settings for an objective. Raises ConfigError for an unknown name."""
        from anabranch.objectives.named import objective_named

        return self.choose(objective_named(objective))


def _default_settings(objective: "Objective") -> Settings:
    del objective
    return Settings()


@dataclasses.dataclass(frozen=True)
class Task:
    """An environment and a log-reward on its finished objects, with facts to report and settings that suit it.

    A task of your own is trained and evaluated like a built-in one, from Python and by FILE.py:NAME on the command
    line. Its reward must be hashable: a function, or a frozen dataclass with `__call__`, whose fields become flags.

    Raises:
        ConfigError: where the environment is a class, or the reward is no function or is not hashable.

    Example:
        task = anabranch.Task(env=env, log_reward=lambda state: jnp.array(0.0), name="even", summary="all alike")
        run = anabranch.train(task, objective="tb", steps=100)
    """

    env: "Environment"
    """The space."""
    log_reward: Callable[[Any], Any]
    """log R(x) in nats, a JAX function of one finished state."""
    name: str = "task"
    """By which runs remember it."""
    summary: str = ""
    """What it is, in a line."""
    facts: Mapping[str, "Fact"] = dataclasses.field(default_factory=dict)
    """Events whose probability is reported, by name; one with a method `about(reward)` is taken from the reward."""
    settings: Callable[..., Settings] = _default_settings
    """From an objective to its settings; called with a name, it takes the objective of that name."""
    distance: Callable[[Any, Any], float] | None = None
    """Between two decoded objects, for diversity and modes; None: Hamming's, or the edit distance."""

    def __post_init__(self) -> None:
        from anabranch.environment import require_environment
        from anabranch.ground.arguments import require_function

        require_environment(self.env)
        require_function(self.log_reward, argument="log_reward", expected="a function of one state")
        require_function(self.settings, argument="settings", expected="a function from an objective to Settings")
        if not isinstance(self.settings, SettingsFor):
            object.__setattr__(self, "settings", SettingsFor(self.settings))
        object.__setattr__(self, "facts", _facts_about(self.facts, self.log_reward))
        try:
            hash(self.log_reward)
        except TypeError as error:
            kind = type(self.log_reward).__name__
            raise ConfigError(f"The reward {kind} is not hashable: write @dataclass(frozen=True).") from error

    def with_settings(self, env: Mapping[str, Any], reward: Mapping[str, Any], *, where: str) -> "Task":
        """The task with settings of its environment and its reward replaced.

        Raises ConfigError that names the place and the nearest known setting.
        """
        space = replaced(self.env, env, where=f"{where}: env")
        score = rebound(self.log_reward, space)
        if reward:
            if not dataclasses.is_dataclass(score):
                raise ConfigError(f"{where}: the reward has no settings; given {', '.join(reward)}.")
            score = replaced(score, reward, where=f"{where}: reward")
        return dataclasses.replace(self, env=space, log_reward=score)


def task_names() -> list[str]:
    """All tasks known by name: those built in, and those of installed packages.

    A package adds its own by entry points of the group `anabranch.tasks`, each of which names a `Task`.

    Returns:
        Names, sorted.
    """
    return sorted({*BUILT_IN, *installed(ENTRY_POINTS)})


def require_task_name(name: str) -> None:
    """Raise ConfigError, with the nearest name, where there is no such task; imports nothing heavy."""
    if name not in BUILT_IN and name not in task_names():
        raise ConfigError(f"There is no task {name!r}{did_you_mean(name, task_names())}")


def make(name: str, *, env: Mapping[str, Any] | None = None, reward: Mapping[str, Any] | None = None) -> Task:
    """The task of that name, with settings of its environment and its reward replaced.

    Arguments:
        name: one of `task_names()`, such as "faces".
        env: fields of its environment, by name.
        reward: fields of its reward, by name.

    Returns:
        A `Task`: an environment, a log-reward, facts to report and settings that work.

    Raises:
        ConfigError: for an unknown name or setting, with the nearest one.

    Example:
        anabranch.make("hypergrid", env={"dim": 3}, reward={"r0": 0.01})
    """
    require_task_name(name)
    return _declared(name).with_settings(env or {}, reward or {}, where=name)


def _declared(name: str) -> Task:
    if name in BUILT_IN:
        return importlib.import_module(BUILT_IN[name]).TASKS[name]
    task = loaded(installed(ENTRY_POINTS)[name])
    if not isinstance(task, Task):
        raise ConfigError(
            f"The entry point {name!r} of {ENTRY_POINTS} is not an anabranch.Task but {type(task).__name__}."
        )
    return task


def _facts_about(facts: "Mapping[str, Fact]", log_reward: Callable[[Any], Any]) -> "dict[str, Fact]":
    """The facts, their events taken from the reward where they say how; without those that cannot be told of it."""
    found = {}
    for name, fact in facts.items():
        about = getattr(fact.event, "about", None)
        event = fact.event if about is None else about(log_reward)
        if event is not None:
            found[name] = fact if event == fact.event else dataclasses.replace(fact, event=event)
    return found


def rebound(log_reward: Callable[[Any], Any], env: "Environment") -> Callable[[Any], Any]:
    """The reward for another configuration of its environment: its field `env` replaced, or what its `fitted` gives."""
    record: Any = log_reward
    if hasattr(record, "fitted"):
        return record.fitted(env)
    holds_env = dataclasses.is_dataclass(record) and not isinstance(record, type)
    if holds_env and any(field.name == "env" for field in dataclasses.fields(record)):
        return dataclasses.replace(record, env=env)  # pyright: ignore[reportArgumentType]
    return log_reward
