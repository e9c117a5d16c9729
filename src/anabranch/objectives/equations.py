"""The equations of a balance condition, one by one: both sides of each in nats, for people to read."""

import dataclasses
from collections.abc import Iterable
from typing import SupportsFloat

import numpy as np
from jaxtyping import Float

from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Equation:
    """One equation that holds at a flow. All numbers are in nats."""

    name: str
    """The states that it is about, by their rows: "0 -> 1", "3 -> STOP"."""
    left: float | None = None
    """The (Z, F, P_F) side; None where an objective shows its residual alone."""
    right: float | None = None
    """The (R, P_B) side."""
    residual: float

    @classmethod
    def of(cls, name: str, left: SupportsFloat, right: SupportsFloat) -> "Equation":
        """An equation with both sides."""
        return cls(name=name, left=float(left), right=float(right), residual=float(left) - float(right))

    def scaled(self, log_factor: float) -> "Equation":
        """The same equation with both sides multiplied by exp(log_factor)."""
        if self.left is None or self.right is None:
            return self
        return dataclasses.replace(self, left=self.left + log_factor, right=self.right + log_factor)


Rows = Float[np.ndarray, " rows"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class OneTrajectory:
    """The real rows of one trajectory's `Scores`, in NumPy's float64."""

    log_pf: Rows
    log_pb: Rows
    log_flow: Rows
    log_stop: Rows
    log_reward: float
    log_z: float
    log_inflow: Rows | None
    log_reward_at: Rows | None
    log_prior: Rows | None
    lagged_log_flow: Rows | None

    @property
    def length(self) -> int:
        """Real rows, STOP included."""
        return self.log_pf.size


def one_trajectory(scores: Scores, number: int = 0) -> OneTrajectory:
    """One trajectory of a batch."""
    length, found = int(scores.length[number]), {}
    for field in dataclasses.fields(OneTrajectory):
        leaf = getattr(scores, field.name)
        whole = None if leaf is None else np.asarray(leaf, np.float64)
        if whole is not None and whole.ndim < 2:
            found[field.name] = float(whole[number] if whole.ndim else whole)
        else:
            found[field.name] = None if whole is None else whole[:length, number]
    return OneTrajectory(**found)


def pieces(one: OneTrajectory, spans: Iterable[tuple[int, int]], *, flow_ahead: Rows | None = None) -> list[Equation]:
    """F(s_i) prod P_F = F(s_j) prod P_B for each span (i, j) of one trajectory, with R(x) for the flow behind STOP.

    `flow_ahead` are the log flows of the right side, where these are not those of the left.
    """
    length = one.length
    ahead = one.log_flow if flow_ahead is None else flow_ahead
    found = []
    for first, last in spans:
        at_end = one.log_reward if last == length else ahead[last]
        left = one.log_flow[first] + one.log_pf[first:last].sum()
        found.append(Equation.of(span_name(first, last, length), left, at_end + one.log_pb[first:last].sum()))
    return found


def span_name(first: int, last: int, length: int) -> str:
    """How the piece between two rows of a trajectory is called."""
    return f"{first} -> {'STOP' if last == length else last}"
