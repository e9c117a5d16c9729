"""Rewards that became 0 only because float32 ends near exp(-103)."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from anabranch.ground.errors import RewardError

TRIED = 256
"""Most objects that are evaluated a second time."""


def require_no_underflow(log_reward: Callable[[Any], Any], states: Any) -> None:
    """Evaluate once more, in float64, objects that all have log R = -inf in float32.

    Raises RewardError where float64 gives a finite log R to some of them: R underflowed. A reward that cannot be
    evaluated in float64 is left alone.
    """
    first = jax.tree.map(lambda leaf: np.asarray(leaf[:TRIED]), states)
    try:
        with jax.enable_x64(True):
            values = np.asarray(jax.jit(jax.vmap(lambda state: log_reward(state)))(first))
    except Exception:
        return
    finite = values[np.isfinite(values)]
    if finite.size:
        raise RewardError(
            f"log R is -inf for all of {values.size:,} objects in float32, but {finite[0]:.6g} for one of them in "
            "float64: R underflowed, since the least number of float32 is near exp(-103). Compute log R in log space: "
            "the logarithm of 1e-50 x is -115.129 + log x."
        )
