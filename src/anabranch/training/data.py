"""A data set of objects as a training uses it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from anabranch.environment import Environment
from anabranch.errors import ConfigError
from anabranch.rewards import LogReward, bad_reward, rewarded


@dataclasses.dataclass(frozen=True, eq=False)
class DataSet:
    """Finished objects and their log-rewards, zeros at their floor; compared by identity."""

    states: Any
    log_reward: Float[np.ndarray, " n"]

    @property
    def size(self) -> int:
        """How many objects there are."""
        return self.log_reward.shape[0]

    @classmethod
    def of(cls, env: Environment, log_reward: LogReward, objects: Sequence[Any], *, zero_floor: float) -> "DataSet":
        """Encode plain-Python objects. Raises ConfigError and RewardError that name the object."""
        if not env.overrides("encode"):
            raise ConfigError(f"{type(env).__name__} does not define encode(object), which a data set needs.")
        if not len(objects):
            raise ConfigError("The data set is empty: give at least one object.")
        try:
            encoded = [jax.tree.map(jnp.asarray, env.encode(item)) for item in objects]
        except (TypeError, ValueError, IndexError, KeyError) as error:
            raise ConfigError(f"The data set holds what {type(env).__name__} cannot encode: {error}.") from error
        states = jax.tree.map(lambda *leaves: jnp.stack(leaves), *encoded)
        finished = np.asarray(jax.vmap(env.can_stop)(states))
        if not finished.all():
            raise ConfigError(f"{objects[int(np.argmin(finished))]!r} of the data set is not a finished object.")
        found = rewarded(log_reward, states, zero_floor=zero_floor)
        if bool(found.bad.any()):
            culprit = objects[int(np.argmax(np.asarray(found.bad)))]
            raise bad_reward(repr(culprit), float("nan"))
        return cls(jax.tree.map(np.asarray, states), np.asarray(found.log_reward))
