"""A reward of a listed space that a user has edited: fields of its own, an exponent, and values of single objects."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from anabranch.ground.errors import RewardError

MOST_REWARD, MOST_EXPONENT = 1e9, 32.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class EditedReward:
    """A reward as the page has edited it: its own fields, an exponent, and values of single objects."""

    fields: Mapping[str, float] = dataclasses.field(default_factory=dict)
    exponent: float = 1.0
    overrides: Mapping[int, float] = dataclasses.field(default_factory=dict)
    """R by the number of the object; the exponent does not touch it."""

    @classmethod
    def of(cls, value: Any) -> "EditedReward":
        """From JSON. Raises RewardError for what is no reward."""
        if not isinstance(value, Mapping) or not set(value) <= {"fields", "exponent", "overrides"}:
            raise RewardError(f"An edited reward has fields, exponent and overrides; given {value!r}.")
        fields, overrides = value.get("fields", {}), value.get("overrides", {})
        if not isinstance(fields, Mapping) or not isinstance(overrides, Mapping):
            raise RewardError("fields and overrides of a reward are JSON objects.")
        exponent = _number("exponent", value.get("exponent", 1.0), most=MOST_EXPONENT)
        try:
            chosen = {int(name): _number(f"object {name}", one) for name, one in overrides.items()}
        except ValueError as error:
            raise RewardError(f"overrides are given by the number of an object: {error}.") from error
        return cls(
            fields={str(name): _number(name, one) for name, one in fields.items()},
            exponent=exponent,
            overrides=chosen,
        )

    def log_values(
        self, usual: Float[np.ndarray, " X"], objects_of: Mapping[str, list[int]]
    ) -> Float[np.ndarray, " X"]:
        """log R of each object, from the log R by the task's own settings and the objects that each field is R of.

        Raises RewardError where every reward is 0, or a name or a number is none of the space.
        """
        values = usual.copy()
        for name, one in self.fields.items():
            if name not in objects_of:
                raise RewardError(f"The reward has no field {name!r}: {', '.join(objects_of) or 'none'}.")
            values[objects_of[name]] = _log(one)
        finite = np.isfinite(values)
        values[finite] *= self.exponent
        for number, one in self.overrides.items():
            if not 0 <= number < values.size:
                raise RewardError(f"There is no object {number}: they are numbered 0 to {values.size - 1}.")
            values[number] = _log(one)
        if not np.isfinite(values).any():
            raise RewardError("Every reward is 0: there is nothing to sample in proportion to. Raise one of them.")
        return values

    def to_json(self) -> dict[str, Any]:
        """As the page and the log write it."""
        overrides = {str(number): value for number, value in self.overrides.items()}
        return {"fields": dict(self.fields), "exponent": self.exponent, "overrides": overrides}


def _number(name: str, value: Any, *, most: float = MOST_REWARD) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= most:
        raise RewardError(f"The reward's {name} must be a number from 0 to {most:g}; given {value!r}.")
    return float(value)


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf
