"""From the arguments of a training to its `Setup`: names, defaults and estimates resolved."""

import copy
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import optax
from jaxtyping import Array, Float

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment
from anabranch.ground.arguments import require_instance, require_objects, require_record
from anabranch.ground.errors import ConfigError, did_you_mean, named
from anabranch.ground.tables import imported
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import BalanceObjective, Objective
from anabranch.objectives.named import objective_named
from anabranch.policies.backward import BACKWARDS
from anabranch.policies.backward.named import backward_policy
from anabranch.policies.conditioned import Conditioned, conditioned
from anabranch.policies.heads import Policy, PolicyRecipe, require_policy
from anabranch.policies.observation import Observer, observer
from anabranch.policies.recipes import POLICIES
from anabranch.rewards.anneal import Anneal
from anabranch.rewards.conditions.base import Condition
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, require_level, require_zero_floor, usable_log_reward
from anabranch.rewards.under import under_condition, without_condition
from anabranch.sampling.data_set import DataSet
from anabranch.sampling.reference_level import median_reward, reference_level, survey_of
from anabranch.sampling.replay import Replay
from anabranch.training.conditioning import condition_of
from anabranch.training.optimizer import Adam
from anabranch.training.optimizers import OPTIMIZERS
from anabranch.training.own_parts import require_name
from anabranch.training.setting import REQUIRED
from anabranch.training.settings import SETTINGS, Prior, Setup


def setup(env: Environment, log_reward: LogReward, **settings: Any) -> Setup:
    """Resolve names and defaults into a Setup, which `init`, `step` and `advance` take.

    Whether the parts fit together is asked by `init`, before anything is compiled.

    Arguments:
        env: the space.
        log_reward: log R(x) in nats, a JAX function of one state; or a `PythonReward`.
        settings: those of `train` (see `Setup`), and `chunk`, the rows of a gradient chunk.

    Returns:
        A frozen, hashable record; equal ones share one compilation.

    Raises:
        ConfigError: for an unknown setting, and one out of range or of the wrong type.
        RewardError: where the reward is no JAX function of one state, or spans more than float32 holds.
    """
    choice = _completed(settings)
    objective = objective_named(choice["objective"])
    require_name(objective, OBJECTIVES, "objective")
    level = choice.pop("level")
    if level is not None:
        level = require_level(level)
    values = {
        name: one.number(choice[name]) for name, one in SETTINGS.items() if one.kind == "number" and name in choice
    }
    values |= {name: _record(name, choice[name]) for name, one in SETTINGS.items() if one.kind == "record"}
    if not objective.has_backward and choice["backward"] not in (None, "uniform"):
        raise ConfigError(
            f"The objective {objective.name} has no backward policy; leave out backward={choice['backward']!r}."
        )
    if not 0.0 < values["log_z_rate"] < float("inf"):
        raise ConfigError(f"log_z_rate must be positive and finite; given {values['log_z_rate']}.")
    require_zero_floor(values["zero_floor"])
    condition = None if choice["condition"] is None else condition_of(choice["condition"])
    measured = env, log_reward = _under(env, log_reward, condition)
    if condition is not None and condition.tempers:
        measured = env.unconditioned, without_condition(log_reward)
    recipe = _recipe(choice["policy"])
    observing = _observing(env, log_reward, recipe)
    if level is None:
        level = reference_level(*measured)
        if isinstance(log_reward, PythonReward):
            floor = values["zero_floor"] * math.exp(median_reward(*measured) - level)  # pyright: ignore[reportArgumentType]
            values["zero_floor"] = max(LEAST_FLOOR, floor)
    values["level"] = level
    _require_sources(data=choice["data"], prior=choice["prior"])
    aims = {"zero_floor": values["zero_floor"], "level": values["level"]}
    data = None if choice["data"] is None else DataSet.of(env, log_reward, choice["data"], **aims)
    values["anneal"] = _annealing(values["anneal"], env, log_reward, objective, values["steps"])
    values["replay"] = _replay_for(values["replay"], data, objective)
    for name in ("search", "teacher", "thompson"):
        values[name] = values[name] if values[name].share > 0.0 else None
    backward = backward_policy(choice["backward"] or "uniform", env) if objective.has_backward else None
    if backward is not None:
        require_name(backward, BACKWARDS, "backward policy")
    return Setup(
        env=env,
        log_reward=log_reward,
        observer=observing,
        objective=objective,
        backward=backward,
        policy=recipe,
        optimizer=_optimizer(choice["optimizer"]),
        data=data,
        condition=condition,
        prior=None if choice["prior"] is None else Prior(choice["prior"]),
        vectorised=jax.default_backend() != "cpu",
        **values,
    )


def _observing(env: Environment, log_reward: LogReward, recipe: PolicyRecipe) -> Observer:
    """What the network sees of a state; of a recipe that follows the reward, its gradient too."""
    if not getattr(recipe, "follows_reward", False):
        return observer(env)
    name = type(recipe).__name__
    if isinstance(log_reward, PythonReward):
        raise ConfigError(f"{name} follows the gradient of the reward; {log_reward.name} is plain Python: MLP.")
    if isinstance(env, Conditioned):
        raise ConfigError(f"{name} follows the gradient of one reward, and not of one for each condition: MLP.")
    if not isinstance(env, ContinuousEnvironment):
        raise ConfigError(f"{name} is for spaces whose steps have a drift, such as Diffusion: MLP.")
    return dataclasses.replace(observer(env), target=log_reward)


def _under(env: Environment, log_reward: Any, condition: Condition | None) -> tuple[Environment, LogReward]:
    """The space and the reward of a training, under its condition where there is one."""
    if condition is None:
        return env, usable_log_reward(env, log_reward)
    space = conditioned(env, condition)
    reward = under_condition(env, log_reward, condition)
    return space, reward.on(space) if isinstance(reward, PythonReward) else reward


def _completed(settings: dict[str, Any]) -> dict[str, Any]:
    """All settings, with defaults for those that are not given.

    Raises ConfigError for an unknown name, with the nearest one, and for a setting that must be given.
    """
    for name in settings:
        if name not in SETTINGS:
            raise ConfigError(f"A training has no setting {name!r}{did_you_mean(name, SETTINGS)}")
    missing = [name for name, one in SETTINGS.items() if one.default is REQUIRED and name not in settings]
    if missing:
        raise ConfigError(f"A training needs {', '.join(f'{name}=' for name in missing)}.")
    return {name: settings.get(name, one.default) for name, one in SETTINGS.items()}


LEAST_FLOOR = 1e-35
"""Of what stands for a reward of 0, relative to the level: float32 holds it."""


def _record(name: str, value: Any) -> Any:
    """A record, or the one that stands for None."""
    one = SETTINGS[name]
    require_record(value, imported(one.base), argument=name, example=one.example)
    return one.record() if value is None else value


def _require_sources(*, data: Any, prior: Any) -> None:
    if data is not None:
        require_objects(data, argument="data")
    if prior is not None:
        require_policy(prior, argument="prior")


def _annealing(
    anneal: Anneal, env: Environment, log_reward: LogReward, objective: Objective, steps: int
) -> Anneal | None:
    """How the exponent of the reward rises, where it has anything to do with the loss."""
    if anneal.open and not isinstance(objective, BalanceObjective):
        return None
    return anneal.fitted(survey_of(env, log_reward).span if anneal.open else 0.0, steps)


def _replay_for(replay: Replay, data: DataSet | None, objective: Objective) -> Replay | None:
    """The replay that was asked for, or one that holds a data set."""
    if replay.share > 0.0:
        return replay
    if data is None:
        return None
    share, least = (1.0, 1) if objective.needs_data else (0.5, Replay().capacity)
    return Replay(share=share, capacity=max(data.size, least))


def _recipe(policy: Any) -> PolicyRecipe:
    if policy is None or isinstance(policy, str):
        return named("mlp" if policy is None else policy, POLICIES, "policy")()
    trained = isinstance(policy, Policy)
    hint = " (a trained policy is given as start=)" if trained else ""
    expected = f'a recipe such as MLP(width=64), or a name such as "mlp"{hint}'
    if not trained and isinstance(policy, eqx.Module) and not hasattr(policy, "build"):
        raise ConfigError(
            f"policy takes a recipe; given {type(policy).__name__}: a network from an observation to raw logits is "
            "wrapped, policy=Network(network)."
        )
    require_instance(policy, PolicyRecipe, argument="policy", expected=expected)
    recipe: Any = policy
    return recipe


def _optimizer(choice: Any) -> Adam | optax.GradientTransformation:
    if choice is None or isinstance(choice, str):
        return named("adam" if choice is None else choice, OPTIMIZERS, "optimizer")()
    expected = 'Adam(learning_rate=0.001), "adam", or an optax transformation'
    require_instance(choice, (Adam, optax.GradientTransformation), argument="optimizer", expected=expected)
    return choice


def with_values(setup: Setup, values: Mapping[str, Float[Array, ""]]) -> Setup:
    """The setup with some of `traced_settings()` replaced by traced numbers, which are not checked again."""
    for path, value in values.items():
        *groups, name = path.split(".")
        record = setup if not groups else getattr(setup, groups[0])
        changed = _with_field(record, name, value)
        setup = changed if not groups else _with_field(setup, groups[0], changed)
    return setup


def _with_field(record: Any, name: str, value: Any) -> Any:
    fresh = copy.copy(record)
    object.__setattr__(fresh, name, value)
    return fresh
