"""What a run directory keeps of a run: its resolved configuration, its parameters, what it took."""

import dataclasses
import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import jax
import optax

from anabranch.ground.fields import to_json
from anabranch.ground.tables import imported
from anabranch.policies.backward import BACKWARDS
from anabranch.policies.backward.base import BackwardPolicy
from anabranch.policies.backward.named import backward_policy
from anabranch.rewards.under import without_condition
from anabranch.sampling.data_set import DataSet
from anabranch.storage.own_parts import described
from anabranch.training.checkpoint import OFF, Checkpoint
from anabranch.training.settings import SETTINGS, Setting, Setup


def configuration(setup: Setup, *, seed: int, name: str | None, checkpoint: Checkpoint | None = None) -> dict[str, Any]:
    """The resolved configuration of a run, as run.json keeps it."""
    reward = without_condition(setup.log_reward)
    return {
        "task": name,
        "env": {"class": type(setup.env.unconditioned).__name__, **to_json(setup.env.unconditioned)},
        "reward": to_json(reward) if dataclasses.is_dataclass(reward) else {},
        **{name: _written(one, getattr(setup, name), setup) for name, one in SETTINGS.items() if one.kept},
        "seed": seed,
        "checkpoint": OFF if checkpoint is None else to_json(checkpoint),
        **surroundings(),
    }


def surroundings() -> dict[str, Any]:
    """What a run was trained with and on: where both are the same, it goes on bit for bit."""
    return {
        "versions": {package: version(package) for package in ("anabranch", "jax", "equinox", "optax")},
        "machine": {
            "device": jax.local_devices()[0].device_kind,
            "devices": len(jax.devices()),
            "processes": jax.process_count(),
            "cores": os.cpu_count(),
        },
    }


def changed_surroundings(config: Mapping[str, Any]) -> list[str]:
    """What is another now than when a run was trained, in words."""
    now = surroundings()
    kept = {part: config.get(part) for part in now}
    return [
        f"{name} {old[name]} -> {value}"
        for part, old in kept.items()
        if isinstance(old, dict)
        for name, value in now[part].items()
        if name in old and old[name] != value
    ]


def _written(setting: Setting, value: Any, setup: Setup) -> Any:
    if setting.kind == "source":
        return value.size if isinstance(value, DataSet) else value is not None if setting.mark is bool else None
    if setting.kind == "number" or value is None:
        return value
    if setting.kind == "record":
        ours = type(value) is imported(setting.home)
        return to_json(value) if ours else described(value, type(value).__name__.lower(), own=True)
    if isinstance(value, BackwardPolicy):
        return _backward(value, setup)
    if isinstance(value, optax.GradientTransformation):
        return {"name": "optax"}
    name = next((name for name, kind in setting.table.items() if type(value) is kind), None)
    own = getattr(value, "name", type(value).__name__.lower())
    return described(value, name or own, own=name is None)


def _backward(backward: BackwardPolicy, setup: Setup) -> str | dict[str, Any]:
    name = backward.name
    ours = name in BACKWARDS and type(backward_policy(name, setup.env)) is type(backward)
    return name if ours else described(backward, name, own=True)
