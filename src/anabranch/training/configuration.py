"""What a run directory keeps of a run: its resolved configuration, its parameters, what it took."""

import dataclasses
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import equinox as eqx
import jax
import numpy as np

from anabranch.ground.fields import to_json
from anabranch.objectives import OBJECTIVES
from anabranch.policies.backward import BACKWARDS, backward_policy
from anabranch.policies.heads import Policy
from anabranch.policies.recipes import POLICIES
from anabranch.storage.directory import RunDirectory
from anabranch.storage.own_parts import described
from anabranch.training.optimizer import Adam
from anabranch.training.setup import Trainer


def configuration(setup: Trainer, *, seed: int, name: str | None) -> dict[str, Any]:
    """The resolved configuration of a run, as run.json keeps it."""
    return {
        "task": name,
        "env": {"class": type(setup.env).__name__, **to_json(setup.env)},
        "reward": to_json(setup.log_reward) if dataclasses.is_dataclass(setup.log_reward) else {},
        "objective": described(setup.objective, setup.objective.name, own=_is_own(setup.objective, OBJECTIVES)),
        "backward": _backward(setup),
        "explore": to_json(setup.explore),
        "policy": described(setup.policy, type(setup.policy).__name__.lower(), own=_is_own(setup.policy, POLICIES)),
        "optimizer": _optimizer(setup),
        "log_z_rate": setup.log_z_rate,
        "steps": setup.steps,
        "batch": setup.batch,
        "level": setup.level,
        "zero_floor": setup.zero_floor,
        "anneal": None if setup.anneal is None else to_json(setup.anneal),
        "replay": None if setup.replay is None else to_json(setup.replay),
        "search": None if setup.search is None else to_json(setup.search),
        "data": None if setup.data is None else setup.data.size,
        "prior": setup.prior is not None,
        "seed": seed,
        "seeds": setup.seeds,
        "versions": {package: version(package) for package in ("anabranch", "jax", "equinox", "optax")},
    }


def _is_own(part: Any, known: Mapping[str, type[Any]]) -> bool:
    return type(part) not in known.values()


def _backward(setup: Trainer) -> str | dict[str, Any] | None:
    backward = setup.backward
    if backward is None:
        return None
    name = backward.name
    ours = name in BACKWARDS and type(backward_policy(name, setup.env)) is type(backward)
    return name if ours else described(backward, name, own=True)


def _optimizer(setup: Trainer) -> dict[str, Any]:
    optimizer = setup.optimizer
    if not isinstance(optimizer, Adam):
        return {"name": "optax"}
    return described(optimizer, "adam", own=type(optimizer) is not Adam)


def write_result(
    directory: RunDirectory, config: dict[str, Any], policy: Policy, *, steps: int, seconds: float, interrupted: bool
) -> None:
    """Write the final parameters, and the configuration with what the run took."""
    directory.write_arrays(steps, arrays_of(policy))
    directory.write_config({**config, "result": {"steps": steps, "seconds": seconds, "interrupted": interrupted}})


def arrays_of(policy: Policy) -> dict[str, np.ndarray]:
    """The parameters of a policy by their place in it."""
    leaves = jax.tree_util.tree_leaves_with_path(eqx.filter(policy, eqx.is_inexact_array))
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
