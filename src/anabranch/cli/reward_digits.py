"""Rewards as text and JSON, with the digits that their logarithms carry, which are in float32."""

import math
import sys

LARGEST, LEAST = math.log(sys.float_info.max), math.log(sys.float_info.min)
"""Logarithms between which a reward is a float64 of full precision."""
FLOAT32_EPS = 2.0**-23


def reward_numbers(log_reward: float) -> dict[str, float | None]:
    """`reward` and `log_reward` for JSON: null where a number is infinite, or beyond what a float holds."""
    if math.isinf(log_reward) and log_reward < 0:
        return {"reward": 0.0, "log_reward": None}
    readable = LEAST <= log_reward <= LARGEST
    reward = float(f"{math.exp(log_reward):.{_digits(log_reward)}g}") if readable else None
    return {"reward": reward, "log_reward": _shortest(log_reward)}


def reward_text(log_reward: float) -> str:
    """A reward as a column of text: exp(...) where it is beyond what a float holds."""
    if LEAST <= log_reward <= LARGEST:
        return f"{math.exp(log_reward):.{min(4, _digits(log_reward))}g}"
    return "0" if math.isinf(log_reward) and log_reward < 0 else f"exp({log_reward:.7g})"


def _digits(log_reward: float) -> int:
    """The significant digits of exp(v) where v is in float32: its relative error is the error of v."""
    return max(1, math.floor(-math.log10(FLOAT32_EPS * max(1.0, abs(log_reward)))))


def _shortest(log_reward: float) -> float:
    """A number of float32 in as few digits as tell it from its neighbours; one in float64 as it is."""
    import numpy as np

    single = np.float32(log_reward)
    return float(str(single)) if float(single) == log_reward else log_reward
