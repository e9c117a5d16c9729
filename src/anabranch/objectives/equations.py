"""The equations of a balance condition, one by one: both sides of each in nats, for people to read."""

import dataclasses
from collections.abc import Iterable
from typing import Any, SupportsFloat

import jax
import numpy as np
from jaxtyping import Array, Float

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


def one_trajectory(scores: Scores, number: int = 0) -> Scores:
    """The real rows of one trajectory of a batch, in NumPy's float64 and without the axis of the batch."""
    length = int(scores.length[number])

    def column(leaf: Any) -> Float[np.ndarray, " rows"]:
        whole = np.asarray(leaf, np.float64)
        return whole[:length, number] if whole.ndim == 2 else whole[number] if whole.ndim == 1 else whole

    return jax.tree.map(column, scores)


def pieces(
    one: Scores, spans: Iterable[tuple[int, int]], *, flow_ahead: Float[Array, " rows"] | None = None
) -> list[Equation]:
    """F(s_i) prod P_F = F(s_j) prod P_B for each span (i, j) of one trajectory, with R(x) for the flow behind STOP.

    `flow_ahead` are the log flows of the right side, where these are not those of the left.
    """
    length = one.log_pf.shape[0]
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
