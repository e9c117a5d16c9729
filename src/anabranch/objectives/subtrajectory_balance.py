"""Sub-trajectory balance: the balance of every piece of a trajectory, longer pieces weighted by lambda."""

import dataclasses
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory, pieces
from anabranch.trajectories import Scores


def node_potentials(scores: Scores) -> Float[Array, "nodes B"]:
    """c of the nodes s_0 .. x and the sink, centred; 0 beyond the sink. At a flow all are equal."""
    # Running sums: with them the residual of any piece is a difference of two entries.
    walked = jnp.cumsum(scores.log_pf - scores.log_pb, axis=0)
    before = jnp.concatenate([jnp.zeros_like(walked[:1]), walked[:-1]])
    at_states = jnp.where(scores.mask, scores.log_flow - before, 0.0)
    sink = scores.log_reward - walked[-1]
    nodes = jnp.arange(at_states.shape[0] + 1)[:, None]
    padded = jnp.concatenate([at_states, jnp.zeros_like(at_states[:1])])
    # Only differences enter. Around 0 they keep the digits that float32 would lose among thousands of nats.
    centre = jax.lax.stop_gradient(sink)
    return jnp.where(nodes == scores.length, sink - centre, jnp.where(nodes < scores.length, padded - centre, 0.0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SubTrajectoryBalance(BalanceObjective):
    """Sub-trajectory balance: the residual of every piece of a trajectory, in nats, with weight lam^length.

    The residual of the piece from node i to node j is c_i - c_j with c_t = log F(s_t) - sum_{k<t} (log P_F - log P_B).
    The nodes are s_0 .. x and the sink, where c is log R(x) less the sum over all rows. A small `lam` is close to
    detailed balance, a large one to trajectory balance.

    `normalise` says over what the weighted mean is taken: "batch" (the paper), "trajectory" (within each trajectory,
    then over the batch), or "length" (over the pieces of each length, then over lengths). Squared penalties cost
    O(rows), but by length, and with other penalties, O(rows^2).

    Paper: Madan et al. 2023, arXiv:2209.12782.

    Example:
        run = anabranch.train("faces", objective=anabranch.SubTrajectoryBalance(lam=0.8))
    """

    name: ClassVar[str] = "subtb"
    has_state_flow: ClassVar[bool] = True
    sides: ClassVar[tuple[str, str]] = ("F(s) prod P_F", "F(t) prod P_B")
    lam: float = 0.9
    """Weight of a piece is lam to the power of its moves."""
    normalise: Literal["batch", "trajectory", "length"] = "batch"
    """Over what the weighted mean is taken."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.lam < float("inf"):
            raise ConfigError(f"lam must be positive and finite; given {self.lam}.")

    def potentials(self, scores: Scores) -> Float[Array, "nodes B"]:
        """What the pieces compare."""
        return node_potentials(scores)

    def residual(self, scores: Scores) -> tuple[Float[Array, "pairs B"], Float[Array, "pairs B"]]:
        potential = self.potentials(scores)
        early, late = np.triu_indices(potential.shape[0], 1)
        real = jnp.asarray(late)[:, None] <= scores.length[None, :]
        weights = self._weights(self._log_weight(late - early, scores.length), real)
        return potential[early] - potential[late], weights

    def equations(self, scores: Scores) -> list[Equation]:
        """The balance of every piece."""
        one = one_trajectory(scores)
        nodes = one.length + 1
        return pieces(one, ((first, last) for first in range(nodes) for last in range(first + 1, nodes)))

    def loss(self, scores: Scores) -> Float[Array, ""]:
        """The weighted mean over all pairs, without forming the pairs."""
        if self.penalty == "squared" and self.normalise != "length":
            mean, log_total = self._squares_ending_at(self.potentials(scores))
            nodes = jnp.arange(1, mean.shape[0] + 1)[:, None]
            return jnp.sum(self._weights(log_total, nodes <= scores.length) * mean)
        potential = self.potentials(scores)
        lags = np.arange(1, potential.shape[0])
        pairs = jnp.maximum(scores.length[None, :] + 1 - lags[:, None], 0)
        weights = self._weights(self._log_weight(lags, scores.length), pairs)

        def add(loss: Array, entry: tuple[Array, Array]) -> tuple[Array, None]:
            lag, weight = entry
            real = jnp.arange(potential.shape[0])[:, None] + lag <= scores.length
            # `roll` wraps around; pairs that reach beyond the sink are masked.
            penalty = self.penalise(potential - jnp.roll(potential, -lag, axis=0))
            return loss + jnp.sum(weight * jnp.where(real, penalty, 0.0)), None

        # One distance at a time: memory for the nodes, not for all their pairs.
        return jax.lax.scan(add, jnp.zeros(()), (jnp.asarray(lags), weights))[0]

    def _log_weight(self, lag: np.ndarray, length: Int[Array, " B"]) -> Float[Array, " K"]:
        """log of the weight of a piece of so many moves, before all weights are made to sum to 1."""
        log_weight = jnp.asarray(lag * np.log(self.lam), float)
        if self.normalise != "length":
            return log_weight
        pieces = jnp.maximum(length[None, :] + 1 - lag[:, None], 0).sum(1)
        return log_weight - jnp.log(jnp.maximum(pieces, 1))

    def _weights(
        self, log_weight: np.ndarray | Array, times: Bool[Array, "K B"] | Int[Array, "K B"]
    ) -> Float[Array, "K B"]:
        """The weight of one term of each row, if row k has `times` terms of the given log-weight and all sum to 1."""
        axes = 0 if self.normalise == "trajectory" else (0, 1)
        # Relative to the largest weight: lam to the power of a hundred moves is 0 in float32.
        shifted = jnp.where(times > 0, jnp.asarray(log_weight, float)[:, None], -jnp.inf)
        weight = jnp.exp(shifted - shifted.max(axes, keepdims=True))
        weight = weight / jnp.sum(weight * times, axes, keepdims=True)
        return weight / times.shape[1] if self.normalise == "trajectory" else weight

    def _squares_ending_at(self, potential: Float[Array, "nodes B"]) -> tuple[Float[Array, "rows B"], np.ndarray]:
        """For each node j > 0 the weighted mean of (c_i - c_j)^2 over i < j, and log sum of lam^(j-i).

        Welford's recursion on the weighted mean and variance of the earlier nodes: nothing cancels, and
        no power of lam is ever formed.
        """
        # In NumPy's float64, while the step is traced: it depends on lam and the number of rows alone.
        log_total = np.logaddexp.accumulate(np.log(self.lam) * np.arange(1, potential.shape[0]))
        # The share of node j among the nodes 0..j, each weighted by lam^(j - i).
        share = np.exp(-np.logaddexp(0.0, log_total))

        def earlier(carry: tuple[Array, Array], entry: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
            mean, variance = carry
            value, portion = entry
            delta = value - mean
            update = mean + portion * delta, (1.0 - portion) * (variance + portion * delta**2)
            return update, delta**2 + variance

        start = potential[0], jnp.zeros_like(potential[0])
        entries = potential[1:], jnp.asarray(share, potential.dtype)
        return jax.lax.scan(earlier, start, entries)[1], log_total
