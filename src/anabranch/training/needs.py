"""What objectives and backward policies read beside the policy's own scores: one function for each field of `Scores`.

An objective or a backward policy names the fields that it reads, in `needs`. `log_inflow` and `log_paths` come with the
scores, because a gradient flows through them; the others stand in the table below, and none flows into them.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.policies.heads import Policy
from anabranch.rewards.log_reward import energies, rewarded
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from anabranch.training.settings import Setup
from anabranch.trajectories import Scores, Trajectories

Rows = Float[Array, "rows B"]


def filled(
    setup: Setup, trajectories: Trajectories, *, lagged: Policy | None, prior: Policy | None
) -> dict[str, Float[Array, "rows B"]]:
    """The optional fields of `Scores` that the objective and the backward policy need."""
    needs = setup.objective.needs | (frozenset() if setup.backward is None else setup.backward.needs)
    others = Others(setup, trajectories, lagged, prior)
    found = {name: NEEDS[name](others) for name in sorted(needs & NEEDS.keys())}
    return {name: jax.lax.stop_gradient(rows) for name, rows in found.items() if rows is not None}


class Others:
    """The trajectories of a step, and the other samplers that may look at them."""

    def __init__(self, setup: Setup, trajectories: Trajectories, lagged: Policy | None, prior: Policy | None) -> None:
        self.setup, self.trajectories, self.lagged, self.prior = setup, trajectories, lagged, prior
        self._scores_of_lagged: Scores | None = None

    @property
    def nothing(self) -> Float[Array, " B"]:
        """Zeros for the rewards, where only log-probabilities are read."""
        return jnp.zeros(self.trajectories.length.shape)

    @property
    def scores_of_lagged(self) -> Scores | None:
        """What the lagged copy says; scored once."""
        if self._scores_of_lagged is None and self.lagged is not None:
            self._scores_of_lagged = score(self.lagged, self.setup.reading, self.trajectories, self.nothing)
        return self._scores_of_lagged

    def on_rows(self, function: Callable[[Any], Float[Array, " N"]]) -> Rows:
        """A function of a batch of states at every row; 0 on padding."""
        flat = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), self.trajectories.states)
        return jnp.where(self.trajectories.mask, function(flat).reshape(self.trajectories.actions.shape), 0.0)


def _log_reward_at(others: Others) -> Rows | None:
    setup = others.setup
    aims = {"zero_floor": setup.zero_floor, "level": setup.level}
    return others.on_rows(lambda states: rewarded(setup.log_reward, states, **aims).log_reward)


def _energy(others: Others) -> Rows | None:
    setup = others.setup
    aims = {"zero_floor": setup.zero_floor, "level": setup.level}
    return others.on_rows(lambda states: energies(setup.env, setup.log_reward, states, **aims))


def _log_prior(others: Others) -> Rows | None:
    if others.prior is None:
        return None
    reading = Reading(others.setup.env, None, chunk=others.setup.chunk, axis=others.setup.reading.axis)
    return score(others.prior, reading, others.trajectories, others.nothing).log_pf


def _lagged_log_flow(others: Others) -> Rows | None:
    scores = others.scores_of_lagged
    return None if scores is None else scores.log_flow


def _lagged_log_pb(others: Others) -> Rows | None:
    scores = others.scores_of_lagged
    return None if scores is None else scores.log_pb


NEEDS: dict[str, Callable[[Others], Rows | None]] = {
    "log_reward_at": _log_reward_at,
    "energy": _energy,
    "log_prior": _log_prior,
    "lagged_log_flow": _lagged_log_flow,
    "lagged_log_pb": _lagged_log_pb,
}
WITH_THE_SCORES = frozenset({"log_inflow", "log_paths"})
