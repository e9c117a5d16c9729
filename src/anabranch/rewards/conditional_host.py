"""A reward in plain Python under conditions: evaluated once for an object, and judged under each condition."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from anabranch.rewards.conditional import Frozen, relative_to
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.judging import Judged, columns_of, judged
from anabranch.rewards.outcomes import Outcome


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConditionalPythonReward(PythonReward):
    """log R(x | c) from a function in plain Python, whose answers know nothing of conditions.

    Where the condition takes columns, the function returns a row of them; else it returns R.
    """

    condition: Any
    """The `Condition`."""
    value: Frozen | None = None
    """The one condition under which states of the space are judged; None: states carry their own."""

    @classmethod
    def under(cls, condition: Any, reward: PythonReward, env: Any) -> "ConditionalPythonReward":
        """A reward of the space `env` under a condition, whose answers it keeps where the reward kept them."""
        fields = {field.name: getattr(reward, field.name) for field in dataclasses.fields(PythonReward)}
        return cls(**{**fields, "env": env}, condition=condition)

    def at(self, value: Any) -> "ConditionalPythonReward":
        """The reward under one condition, of states of the space; what was evaluated stays known."""
        return self._sharing(env=self.env.unconditioned, value=Frozen.of(value))

    @property
    def plain(self) -> PythonReward:
        """The reward without conditions; what was evaluated stays known."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(PythonReward)}
        found = PythonReward(**{**fields, "env": self.env.unconditioned})
        found.__dict__["service"] = self.service
        return found

    def _sharing(self, **changes: Any) -> "ConditionalPythonReward":
        found = dataclasses.replace(self, **changes)
        found.__dict__["service"] = self.service
        return found

    def conditions_of(self, states: Any) -> Any:
        if self.value is None:
            return jax.tree.map(np.asarray, states.condition)
        count = jax.tree.leaves(states)[0].shape[0]
        return jax.tree.map(lambda leaf: np.broadcast_to(np.asarray(leaf), (count, *leaf.shape)), self.value.thawed)

    def judged(
        self, outcomes: Sequence[Outcome], log_copies: Float[np.ndarray, " n"], conditions: Any = None
    ) -> Judged:
        count = self.condition.columns
        if count is None:
            found = judged(self.recipe, outcomes, np.zeros(len(outcomes)))
            worth, problems = found.log_reward, found.problems
        else:
            worth, problems = columns_of(count, outcomes)
        if conditions is None:
            return Judged(worth if count is None else worth.mean(1), problems, worth)
        log_reward = self._under(worth, conditions, level=0.0) - log_copies
        return Judged(log_reward, problems, worth, conditions)

    def relative(self, judged: Judged, *, level: float) -> Float[np.ndarray, " n"]:
        copies = self._under(judged.worth, judged.conditions, level=0.0) - judged.log_reward
        return self._under(judged.worth, judged.conditions, level=level) - np.where(np.isnan(copies), 0.0, copies)

    def _under(self, worth: Any, conditions: Any, *, level: float) -> Float[np.ndarray, " n"]:
        if self.condition.tempers:  # in float64, of which float32 would keep seven digits
            worth, level = worth - level, 0.0
        found = np.asarray(relative_to(self.condition, worth, conditions, level=level), np.float64)
        missing = np.isnan(worth.reshape(worth.shape[0], -1)).any(1)
        return np.where(missing, np.nan, found)
