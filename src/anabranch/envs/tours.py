"""Round tours of cities (the travelling salesman), worth less the longer they are."""

import dataclasses
import itertools
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from anabranch.environment import State
from anabranch.envs.cells import EMPTY, FULL, INK
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


class Tours(Orders):
    """The order in which `n` cities are visited, from city 0 and back to it; label = the next city.

    The n + 1 cities lie in the unit square, at coordinates drawn from `seed`: x and y of city 0, of city 1, and so on.
    Values 0 .. n-1 are the cities 1 .. n.
    """

    n: int = 7
    """Cities besides the first."""
    seed: int = 0
    """Draws the places of the cities."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_instance_seed(self.seed)

    @cached_property
    def places(self) -> Float[np.ndarray, "cities 2"]:
        """x and y of each city."""
        return uniforms(self.seed, 2 * (self.n + 1)).reshape(-1, 2)

    @property
    def distances(self) -> Float[np.ndarray, "cities cities"]:
        """Between each two cities."""
        return np.linalg.norm(self.places[:, None] - self.places, axis=2)

    def draw(self, state: State) -> str:
        """The cities, and each piece of the tour that is known."""
        x, y = (6 + 88 * self.places * [1, -1] + [0, 88]).T
        order = [0, *(None if city < 0 else int(city) + 1 for city in np.asarray(state)), 0]
        known = [(u, v) for u, v in itertools.pairwise(order) if u is not None and v is not None]
        lines = [f'<line x1="{x[u]:.2f}" y1="{y[u]:.2f}" x2="{x[v]:.2f}" y2="{y[v]:.2f}"/>' for u, v in known]
        cities = [
            f'<circle cx="{x[city]:.2f}" cy="{y[city]:.2f}" r="4" fill="{EMPTY if city else FULL}"/>'
            for city in range(self.n + 1)
        ]
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
            f'<g stroke="{INK}" stroke-width="2">{"".join(lines)}{"".join(cities)}</g></svg>'
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TourLength(OrderReward):
    """log R = -`beta` * length of the round tour, in nats.

    Each tour counts twice, once in each direction. For the task, log Z is -15.110821, and the shortest tour 3.204471.
    """

    env: Tours
    beta: float = 6.0
    """Nats for each unit of length."""

    def __post_init__(self) -> None:
        require_positive(beta=self.beta)

    def __call__(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """log R of one tour."""
        return -self.energy(state)

    def energy(self, state: Int[Array, " n"]) -> Float[Array, ""]:
        """beta times the length so far, with the way back behind the last city."""
        stops = jnp.concatenate([jnp.zeros(1, int), state + 1])
        there = jnp.append(state >= 0, state[-1] >= 0)
        return self.beta * jnp.sum(jnp.asarray(self.env.distances, float)[stops, jnp.roll(stops, -1)], where=there)

    def steps_of_order(self) -> StepsOfOrder:
        """Minus beta times the way to each city, and the way back."""
        far = -self.beta * self.env.distances
        return StepsOfOrder(far[0, 1:], lambda done: far[1:, 1:], far[1:, 0])


ENV = Tours()
REWARD = TourLength(env=ENV)

TASKS = {
    "tours": Task(
        env=ENV,
        log_reward=REWARD,
        name="tours",
        summary="round tours of 8 cities (the travelling salesman), worth less the longer they are",
        facts={"shortest": Fact(event=IsBest(REWARD))},
        settings=usual_settings(steps=3_000, batch=32, learning_rate=3e-3),
    )
}
