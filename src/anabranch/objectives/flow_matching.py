"""Flow matching: what flows into a state flows out of it."""

import dataclasses
from typing import ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import BalanceObjective
from anabranch.objectives.equations import Equation, one_trajectory
from anabranch.trajectories import Scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlowMatching(BalanceObjective):
    """Flow matching: log outflow - log inflow of each state but the first, and log F(x -> STOP) - log R(x), in nats.

    The forward head holds the log flow of each edge, STOP included, and P_F is its softmax; there is no P_B. Each
    residual needs the flows out of all parents of a state, which costs as many network calls as there are parents.

    `form="linear"` compares the flows themselves instead of their logarithms, as the first tutorials do; there R(x)
    stands for the flow of a STOP that is forced. In this form small flows hardly move, unless the residual that holds
    R(x) weighs more (`terminal_weight`).

    Paper: Bengio et al. 2021, arXiv:2106.04399.

    Example:
        run = anabranch.train("faces", objective=anabranch.FlowMatching(terminal_weight=2.0))
    """

    name: ClassVar[str] = "fm"
    has_backward: ClassVar[bool] = False
    outflow: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"log_inflow"})
    sides: ClassVar[tuple[str, str]] = ("flow out, STOP included", "flow in")
    form: Literal["log", "linear"] = "log"
    """Compare logarithms of flows, or flows themselves."""
    terminal_weight: float | None = None
    """Weight of the residual that holds R(x), beside 1 for the others; none: 1 in log form, 30 in linear form."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.terminal_weight is not None and not 0.0 < self.terminal_weight < float("inf"):
            raise ConfigError(f"terminal_weight must be positive and finite; given {self.terminal_weight}.")

    def residual(self, scores: Scores) -> tuple[Float[Array, "states B"], Float[Array, "states B"]]:
        assert scores.log_inflow is not None
        inner = scores.mask.at[0].set(False)
        at_object = scores.mask & ~scores.moves
        scale = jnp.exp if self.form == "linear" else lambda log_flow: log_flow
        outflow, reward = scale(scores.log_flow), scale(scores.log_reward)
        stop_flow = scale(jnp.sum(jnp.where(at_object, scores.log_flow + scores.log_pf, 0.0), axis=0))
        terminal_weight = self.terminal_weight or (30.0 if self.form == "linear" else 1.0)
        stop_weight = jnp.full(reward.shape, terminal_weight)
        inner_weight = inner.astype(reward.dtype)
        if self.form == "linear":
            forced = at_object & (scores.log_stop == 0.0)
            outflow = jnp.where(forced, reward, outflow)
            inner_weight = jnp.where(forced, terminal_weight * inner_weight, inner_weight)
            stop_weight = jnp.where(forced.any(0), 0.0, stop_weight)
        states = jnp.where(inner, outflow - scale(scores.log_inflow), 0.0)
        residuals = jnp.concatenate([states, (stop_flow - reward)[None, :]])
        return residuals, jnp.concatenate([inner_weight, stop_weight[None, :]])

    def trajectory_residual(self, scores: Scores) -> Float[Array, " B"]:
        """That of the P_B which the flows imply: an edge's flow over the inflow of the state that it leads to."""
        assert scores.log_inflow is not None
        at_object, flow = scores.mask & ~scores.moves, scores.log_flow
        if self.form == "linear":
            flow = jnp.where(at_object & (scores.log_stop == 0.0), scores.log_reward, flow)
        # The flows of the edges are in P_F and in P_B, and cancel.
        inner = jnp.where(scores.mask.at[0].set(False), scores.log_inflow - flow, 0.0)
        return jnp.sum(inner + jnp.where(at_object, flow + scores.log_pf, 0.0), axis=0) - scores.log_reward

    def equations(self, scores: Scores) -> list[Equation]:
        """What flows out of each state and into it, and the flow of STOP beside R(x): in nats in either form."""
        one = one_trajectory(scores)
        assert one.log_inflow is not None
        last = one.length - 1
        outflow, forced = one.log_flow.copy(), self.form == "linear" and one.log_stop[last] == 0.0
        if forced:
            outflow[last] = one.log_reward
        found = [Equation.of(str(row), outflow[row], one.log_inflow[row]) for row in range(1, last + 1)]
        if forced:
            return found
        return [*found, Equation.of("STOP, R(x)", one.log_flow[last] + one.log_pf[last], one.log_reward)]
