"""Orders of jobs on one machine, worth less the later the jobs are."""

import dataclasses
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.envs.instances import (
    IsBest,
    OrderReward,
    StepsOfOrder,
    require_instance_seed,
    require_positive,
    uniforms,
)
from anabranch.envs.orders import Orders
from anabranch.envs.tasks import Task, usual_settings
from anabranch.evaluation.facts import Fact

LONGEST, WEIGHTIEST, TIGHTNESS = 10, 5, 0.6
"""The longest time and the largest weight that are drawn; due dates are drawn up to this share of all times."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class WeightedTardiness(OrderReward):
    """log R = -`beta` * total weighted tardiness, in nats: 1 || sum w T of the scheduling literature.

    A job that ends at C counts weight * max(0, C - due). Times are whole numbers from 1 to 10, weights from 1 to 5, due
    dates from 1 to .6 of all times, drawn from `seed`. For the task, log Z is -0.337202 and the least tardiness 99.
    """

    env: Orders
    """Position in the order -> job."""
    seed: int = 0
    """Draws times, weights and due dates."""
    beta: float = 0.05
    """Nats for each unit of weighted tardiness."""

    def __post_init__(self) -> None:
        require_instance_seed(self.seed)
        require_positive(beta=self.beta)

    @cached_property
    def jobs(self) -> Int[np.ndarray, "3 n"]:
        """The times, weights and due dates."""
        drawn = uniforms(self.seed, 3 * self.env.n).reshape(3, -1)
        times, weights = 1 + np.floor(drawn[0] * LONGEST), 1 + np.floor(drawn[1] * WEIGHTIEST)
        due = 1 + np.floor(drawn[2] * TIGHTNESS * times.sum())
        return np.stack([times, weights, due]).astype(int)

    def __call__(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """log R of one order."""
        return -self.energy(state)

    def energy(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """beta times the weighted tardiness so far."""
        times, weights, due = jnp.where(state >= 0, jnp.asarray(self.jobs)[:, state], 0)
        return self.beta * jnp.sum(weights * jnp.maximum(jnp.cumsum(times) - due, 0))

    def steps_of_order(self) -> StepsOfOrder:
        """Minus beta times the weighted tardiness of each job, which depends on the jobs before it."""
        times, weights, due = self.jobs
        n = times.size

        def following(done: int) -> Float[np.ndarray, "n n"]:
            ends = times[(done >> np.arange(n)) & 1 == 1].sum() + times
            return np.broadcast_to(-self.beta * weights * np.maximum(ends - due, 0), (n, n))

        return StepsOfOrder(following(0)[0], following, np.zeros(n))


ENV = Orders(n=7)
REWARD = WeightedTardiness(env=ENV)

TASKS = {
    "job-orders": Task(
        env=ENV,
        log_reward=REWARD,
        name="job-orders",
        summary="orders of 7 jobs on one machine, worth less the later the jobs are",
        facts={"best": Fact(event=IsBest(REWARD))},
        settings=usual_settings(steps=3_000, batch=32, learning_rate=3e-3),
    )
}
