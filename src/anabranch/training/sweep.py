"""A sweep: every combination of some settings, over several seeds, in as few programs as their shapes allow."""

import dataclasses
import itertools
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment
from anabranch.evaluation.affordable import Exact, require_exact
from anabranch.ground.errors import ConfigError, did_you_mean
from anabranch.ground.fields import replaced
from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import LogReward
from anabranch.training.compatibility import require_compatible
from anabranch.training.fault import fault_error
from anabranch.training.settings import SETTINGS, Setup, traced_settings
from anabranch.training.setup import setup
from anabranch.training.step import TrainState, advance, init_lanes
from anabranch.training.truth import Truth

PLAIN = tuple(name for name, one in SETTINGS.items() if one.swept and one.kind != "record")
RECORDS = tuple(name for name, one in SETTINGS.items() if one.swept and one.kind in ("record", "part"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Swept:
    """One combination of settings, and what each seed ended with."""

    settings: dict[str, Any]
    """The values of this combination."""
    loss: list[float]
    """Mean over the last tenth of the steps."""
    total_variation: list[float] | None
    """Exact, of the final parameters; None where the space is too large."""
    diverged: int
    """Seeds whose parameters are no longer finite."""
    setup: Setup
    """All that this combination was trained with."""
    policy: Policy
    """The trained policies, with a leading axis of seeds."""
    row: dict[str, Any]
    """One row of history, as a run has them, about the last tenth of the steps."""

    @property
    def mean_loss(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.loss)


def sweep(
    env: Environment,
    log_reward: LogReward,
    *,
    over: Mapping[str, Sequence[Any]],
    seeds: int = 1,
    seed: int = 0,
    exact: Exact = "auto",
    callback: Callable[[Swept], None] | None = None,
    **settings: Any,
) -> list[Swept]:
    """Train every combination of the settings in `over`.

    Learning rates, epsilon and temperature share one program, each combination and seed a lane of it;
    what changes a shape or the program (batch, width, objective settings) has a program of its own.
    Choose by the loss, or on seeds that are not reported.

    Arguments:
        env: the space.
        log_reward: log R(x) in nats, a JAX function of one state.
        over: values to try by setting, such as {"explore.epsilon": [0.0, 0.1], "batch": [16, 64]}.
        seeds: how many seeds each combination is trained with.
        seed: the first of them.
        exact: whether each combination ends with its exact distance, as in `train`.
        callback: gets each combination as it is done.
        settings: the other arguments of `train`; records that `over` names must be among them, as records.

    Returns:
        One `Swept` a combination: its settings, losses, exact distances, how many seeds diverged, setup and policies.

    Raises:
        ConfigError: for an unknown setting, with the nearest one, and for parts that do not go together.

    Example:
        over = {"explore.epsilon": [0.0, 0.1], "log_z_rate": [0.03, 0.1]}
        settings = {"objective": "tb", "explore": anabranch.Explore(), "steps": 20, "batch": 16}
        table = anabranch.sweep(env, log_reward, over=over, seeds=2, **settings)
    """
    if not over or seeds < 1:
        raise ConfigError(
            f"A sweep needs settings to vary and a positive number of seeds; given {dict(over)}, {seeds}."
        )
    require_exact(exact)
    for path, values in over.items():
        _require_setting(path, values, settings)
    traced = [path for path in over if path in traced_settings()]
    shaped = [path for path in over if path not in traced]
    found = []
    for shape in itertools.product(*(over[path] for path in shaped)):
        fixed = dict(zip(shaped, shape, strict=True))
        lanes = [dict(zip(traced, lane, strict=True)) for lane in itertools.product(*(over[path] for path in traced))]
        setups = [setup(env, log_reward, **_with(settings, {**fixed, **lane}), seeds=seeds) for lane in lanes]
        for one in setups:
            require_compatible(one)
        ready = setup(env, log_reward, **_with(settings, {**fixed, **lanes[0]}), seeds=len(lanes) * seeds)
        trained = _lanes(ready, lanes, seeds, seed, exact)
        for lane, one, (policy, row) in zip(lanes, setups, trained, strict=True):
            swept = _swept(one, {**fixed, **lane}, policy, row)
            found.append(swept)
            if callback is not None:
                callback(swept)
    return found


def combinations(over: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations in the order of the table: those that share a program stand together."""
    traced = [path for path in over if path in traced_settings()]
    names = [*(path for path in over if path not in traced), *traced]
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(over[name] for name in names))]


def _require_setting(path: str, values: Sequence[Any], settings: Mapping[str, Any]) -> None:
    group, _, name = path.rpartition(".")
    if not values or isinstance(values, str):
        raise ConfigError(f"{path} needs a list of values to try; given {values!r}.")
    if not group and name not in PLAIN:
        raise ConfigError(f"A sweep cannot vary {path!r}{did_you_mean(path, (*PLAIN, *traced_settings()))}")
    if group and (group not in RECORDS or not dataclasses.is_dataclass(settings.get(group))):
        raise ConfigError(
            f"To vary {path} give {group}= as a record, such as explore=Explore(); given {settings.get(group)!r}."
        )


def _with(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    changed = dict(settings)
    for path, value in values.items():
        group, _, name = path.rpartition(".")
        changed[group or name] = replaced(changed[group], {name: value}, where=f"over: {group}") if group else value
    return changed


def _lanes(
    setup: Setup, lanes: list[dict[str, Any]], seeds: int, seed: int, exact: Exact
) -> list[tuple[Policy, dict[str, Any]]]:
    """Train all lanes of one program: the policy of each combination, and its row of history, both over the seeds."""
    numbers = seed + jnp.tile(jnp.arange(seeds), len(lanes))
    names = list(lanes[0])
    values = {name: jnp.repeat(jnp.array([float(lane[name]) for lane in lanes]), seeds) for name in names}
    state = init_lanes(setup, numbers, values)
    last = max(1, setup.steps // 10)
    jax.block_until_ready(_advanced(setup, state, 0)[0].policy)  # compiles, so that the clock is of training alone
    began = time.perf_counter()
    if setup.steps > last:
        state = _advanced(setup, state, setup.steps - last)[0]
    state, metrics = _advanced(setup, state, last)
    seconds = time.perf_counter() - began
    truth = Truth.over(setup, exact=exact, seconds=seconds)
    columns = {
        "loss": np.asarray(metrics.loss, float).tolist(),
        "log_reward": (setup.level + np.asarray(metrics.log_reward, float)).tolist(),
        "total_variation": truth.total_variation(setup, state.policy),
    }
    trained = []
    for number in range(len(lanes)):
        mine = slice(number * seeds, (number + 1) * seeds)
        policy = jax.tree.map(lambda leaf, mine=mine: leaf[mine] if eqx.is_array(leaf) else leaf, state.policy)
        row = {key: values[mine] if isinstance(values, list) else None for key, values in columns.items()}
        trained.append((policy, {"step": setup.steps, "seconds": seconds / len(lanes), **row}))
    return trained


def _swept(setup: Setup, settings: dict[str, Any], policy: Policy, row: dict[str, Any]) -> Swept:
    """One combination with its own setup."""
    loss, distance = row["loss"], row["total_variation"]
    diverged = sum(not math.isfinite(value) for value in loss)
    about = {"setup": setup, "policy": policy, "row": row}
    return Swept(settings=settings, loss=loss, total_variation=distance, diverged=diverged, **about)


def _advanced(setup: Setup, state: TrainState, steps: int) -> tuple[TrainState, Any]:
    state, metrics, fault = advance(setup, state, jnp.array(steps))
    error = fault_error(setup, jax.block_until_ready(fault))
    if error is not None:
        raise error
    return state, metrics
