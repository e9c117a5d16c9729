"""What the settings of a reward in plain Python may be."""

import math
from typing import Any

from anabranch.ground.errors import ConfigError

OFF, RAY = "off", "ray"
"""A cache that is none; workers on a Ray cluster."""
LEAST_SURVEY = 32
"""The fewest random objects of a survey."""


def require_numbers(reward: Any) -> None:
    """Raise ConfigError where a number is out of range."""
    least = {"batch_size": 1, "retries": 0, "inflight": 1, "survey": LEAST_SURVEY, "recycle": 1, "max_evaluations": 1}
    for name, lowest in least.items():
        value = getattr(reward, name)
        if value is not None and value < lowest:
            raise ConfigError(f"python_reward: {name} must be at least {lowest}; given {value}.")
    for name in ("timeout", "memory", "exponent"):
        value = getattr(reward, name)
        if value is not None and not 0.0 < value < math.inf:
            raise ConfigError(f"python_reward: {name} must be positive and finite; given {value}.")
    if not all(map(math.isfinite, reward.weights)):
        raise ConfigError(f"python_reward: weights must be finite; given {reward.weights}.")


def require_pairs(reward: Any) -> None:
    """Raise ConfigError where two settings exclude each other, and where there are no such workers."""
    if reward.timeout is not None and reward.workers == "0":
        raise ConfigError(
            f"python_reward: timeout={reward.timeout:g} needs a process that can be killed: workers=1 or more."
        )
    if reward.noisy and reward.cache not in (None, OFF):
        raise ConfigError("python_reward: a noisy reward is asked anew each time, and has no cache: leave cache out.")
    text = reward.workers
    if not (text.isdecimal() or text == RAY or ":" in text):
        raise ConfigError(
            f"python_reward: workers takes a number of processes, ray, or the address of a Ray cluster; given {text!r}."
        )
