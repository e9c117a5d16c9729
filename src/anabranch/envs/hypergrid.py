"""The hypergrid: walk up from the corner of a grid, stop anywhere; the mass sits near the other corners."""

import dataclasses
import math
from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError
from anabranch.rewards.log_reward import require_nonnegative


class Hypergrid(Environment):
    """`dim` coordinates from 0 to `side` - 1; each label raises one of them, every state may stop (side^dim states)."""

    dim: int = 2
    """Number of coordinates."""
    side: int = 8
    """Values of each coordinate, 0 to side - 1."""

    def __post_init__(self) -> None:
        if self.dim < 1 or self.side < 2:
            raise ConfigError(f"A hypergrid needs dim >= 1 and side >= 2; given dim={self.dim}, side={self.side}.")

    @property
    def max_steps(self) -> int:
        return self.dim * (self.side - 1)

    def initial(self) -> Int[Array, " dim"]:
        return jnp.zeros(self.dim, int)

    def step(self, state: Int[Array, " dim"], action: Int[Array, ""]) -> Int[Array, " dim"]:
        return state.at[action].add(1)

    def undo(self, state: Int[Array, " dim"], action: Int[Array, ""]) -> Int[Array, " dim"]:
        return state.at[action].add(-1)

    def legal(self, state: Int[Array, " dim"]) -> Bool[Array, " dim"]:
        return state < self.side - 1

    def undoable(self, state: Int[Array, " dim"]) -> Bool[Array, " dim"]:
        return state > 0

    def can_stop(self, state: Int[Array, " dim"]) -> Bool[Array, ""]:
        return jnp.array(True)

    def bounds(self) -> tuple[int, int]:
        return 0, self.side - 1

    def log_path_count(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """The log of a multinomial coefficient: the orders of the steps in each direction."""
        return gammaln(jnp.sum(state) + 1.0) - jnp.sum(gammaln(state + 1.0))

    def encode(self, item: tuple[int, ...]) -> Int[Array, " dim"]:
        """The state with these coordinates."""
        return jnp.array(item)

    def decode(self, state: State) -> tuple[int, ...]:
        """The coordinates."""
        return tuple(int(coordinate) for coordinate in state)

    def draw(self, state: State) -> str:
        """A point on the square in two dimensions, else the profile of the coordinates, from the first on."""
        places = 6 + 88 * np.asarray(state) / (self.side - 1)
        if self.dim == 2:
            points, line = [(places[0], 100 - places[1])], ""
        else:
            points = list(zip(np.linspace(12, 88, self.dim), 100 - places, strict=True))
            line = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        dots = "".join(f'<circle cx="{x:.2f}" cy="{y:.2f}" r="5"/>' for x, y in points)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
            '<rect x="2" y="2" width="96" height="96" rx="4" fill="#f4f1ea" stroke="#3d3a36" stroke-width="2"/>'
            + (f'<polyline points="{line}" fill="none" stroke="#2f6d9e" stroke-width="3"/>' if len(points) > 1 else "")
            + f'<g fill="#2f6d9e">{dots}</g></svg>'
        )


def log_total(terms: Iterable[tuple[float, int]]) -> float:
    """The log of a sum of weights, each times an exact count that may be too large for a float."""
    logs = [math.log(weight) + math.log(count) for weight, count in terms if weight > 0 and count > 0]
    return float(np.logaddexp.reduce(logs)) if logs else -math.inf


@dataclasses.dataclass(frozen=True, kw_only=True)
class HypergridReward:
    """R = r0 + r1 [all .25 < |x/(side-1) - .5|] + r2 [all .3 < |x/(side-1) - .5| < .4].

    The original reward of Bengio et al. 2021 (arXiv:2106.04399). The thresholds are compared as
    integers: in floating point some sides (every 5k + 1) put points on the wrong side.
    """

    env: Hypergrid
    r0: float = 0.1
    """R everywhere."""
    r1: float = 0.5
    """Added in the outer shells."""
    r2: float = 2.0
    """Added in the modes."""

    def __post_init__(self) -> None:
        require_nonnegative(r0=self.r0, r1=self.r1, r2=self.r2)

    def __call__(self, state: Int[Array, " dim"]) -> Float[Array, ""]:
        """log R of one state."""
        span = self.env.side - 1
        off = jnp.abs(2 * state - span)
        outer = jnp.all(2 * off > span)
        ring = jnp.all((5 * off > 3 * span) & (5 * off < 4 * span))
        return jnp.log(self.r0 + self.r1 * outer + self.r2 * ring)

    @property
    def log_z(self) -> float:
        """The exact log Z, from how many of the coordinates lie in each band."""
        span = self.env.side - 1
        off = np.abs(2 * np.arange(self.env.side) - span)
        outer, ring = np.sum(2 * off > span), np.sum((5 * off > 3 * span) & (5 * off < 4 * span))
        counts = [int(count) ** self.env.dim for count in (self.env.side, outer, ring)]
        return log_total(zip((self.r0, self.r1, self.r2), counts, strict=True))


SETTINGS = usual_settings(steps=10_000, epsilon=0.1)


def _task(name: str, summary: str, env: Hypergrid, reward: HypergridReward) -> Task:
    return Task(env=env, log_reward=reward, name=name, summary=summary, settings=SETTINGS)


SMALL, LARGE = Hypergrid(), Hypergrid(dim=4, side=20)

TASKS = {
    "hypergrid": _task("hypergrid", "a grid with its mass near the corners", SMALL, HypergridReward(env=SMALL)),
    "hypergrid-standard": _task(
        "hypergrid-standard", "4 x 20, R0 = .001: the field's standard", LARGE, HypergridReward(env=LARGE, r0=1e-3)
    ),
    "hypergrid-hard": _task(
        "hypergrid-hard", "4 x 20, R0 = .0001: the hard one", LARGE, HypergridReward(env=LARGE, r0=1e-4, r1=1.0, r2=3.0)
    ),
}
