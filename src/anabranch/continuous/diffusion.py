"""Diffusion samplers: a process in many small normal steps, whose drift and variance a network learns."""

import dataclasses
import functools
import math
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.contract import Kernel
from anabranch.continuous.densities import Normal, normal_log_density
from anabranch.continuous.places import Timed, TimedEnvironment, object_of, place_of
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


class Diffusion(TimedEnvironment):
    """Points of R^dim, reached by `steps` normal steps (Euler-Maruyama).

    "pinned" starts at 0 and adds noise of total variance scale^2: P_B is the Brownian bridge back to 0. "preserving"
    draws its first point from N(0, scale^2) and keeps that variance: P_B is the noising process of Ornstein and
    Uhlenbeck. The network says where the process is going, in units of the noise that is left, and with `variance` how
    wide each step is, as the logarithm of a factor; with a learned P_B the same of the way back.

    Papers: Zhang and Chen 2022, arXiv:2111.15141 (path integral sampler); Vargas et al. 2023, arXiv:2302.13834
    (denoising diffusion samplers); Sendera et al. 2024, arXiv:2402.05098 (their objectives compared).

    Raises:
        ConfigError: for a dimension, a number of steps or a scale that is not positive.

    Example:
        env = anabranch.Diffusion(dim=2, steps=50, scale=5.0)
    """

    dim: int = 2
    """Coordinates."""
    steps: int = 100
    """Moves of each trajectory."""
    scale: float = 5.0
    """Standard deviation of each coordinate at the end, before anything is learned."""
    process: Literal["pinned", "preserving"] = "pinned"
    """Brownian motion from 0, or a process that keeps its variance."""
    schedule: Literal["even", "cosine"] = "cosine"
    """Steps of one variance, or such that are small at both ends."""
    variance: bool = True
    """Whether the width of each step is learned."""

    def __post_init__(self) -> None:
        if self.dim < 1 or self.steps < 1 or not 0.0 < self.scale < float("inf"):
            given = f"dim={self.dim}, steps={self.steps}, scale={self.scale}"
            raise ConfigError(f"Diffusion needs dim >= 1, steps >= 1 and a positive scale; given {given}.")
        for name, known in (("process", ("pinned", "preserving")), ("schedule", ("even", "cosine"))):
            if getattr(self, name) not in known:
                raise ConfigError(f"{name} is {' or '.join(known)}; given {getattr(self, name)!r}.")

    @property
    def max_steps(self) -> int:
        return self.steps

    @property
    def forward_numbers(self) -> int:
        return self.dim * (2 if self.variance else 1)

    @property
    def drift_numbers(self) -> int:
        return self.dim

    @property
    def backward_numbers(self) -> int:
        return 2 * self.dim

    @cached_property
    def process_numbers(self) -> "Process":
        """The numbers of the process without a network."""
        return process_of(self.process, self.schedule, self.steps, self.scale)

    def initial(self) -> State:
        return Timed(jnp.zeros(self.dim), jnp.array(0))

    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        keeps, width, gain, _ = self.process_numbers.ahead(state.time)
        if self.process == "preserving":
            # The first draw is the law that the way back ends in: learned, it would be narrowed, and lose paths.
            numbers = jnp.where(state.time == 0, 0.0, numbers)
        mean = keeps * state.place + gain * numbers[: self.dim]
        scale = jnp.broadcast_to(width, mean.shape)
        return Timed(Normal(mean, self._widened(scale, numbers) if self.variance else scale), state.time + 1)

    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        keeps, width = self.process_numbers.back(state.time)
        mean, scale = keeps * state.place, jnp.broadcast_to(width, state.place.shape)
        if numbers is not None:
            # Bounded: where both kernels are free to run away from each other, they would.
            mean = mean + scale * jnp.tanh(numbers[: self.dim])
            scale = scale * jnp.exp(MOST_BACK * jnp.tanh(numbers[self.dim :]))
        return Timed(Normal(mean, scale), state.time - 1)

    def _widened(self, scale: Float[Array, " d"], numbers: Float[Array, " f"]) -> Float[Array, " d"]:
        return scale * jnp.exp(0.5 * jnp.clip(numbers[self.dim :], *LOG_FACTORS))

    def energy(self, state: State, log_reward: Callable[[State], Float[Array, ""]]) -> Float[Array, ""]:
        """Between that of the process without a network and that of the target, by the share of the steps done."""
        share = state.time / self.steps
        spread = jnp.asarray(self.process_numbers.marginal, float)[state.time]
        free = normal_log_density(state.place, 0.0, spread).sum()
        return -(share * log_reward(state) + (1.0 - share) * free)

    def unit(self, state: State) -> Float[Array, ""]:
        return self.process_numbers.ahead(state.time)[3]

    def observe(self, state: State) -> Float[Array, " inputs"]:
        share = state.time / self.steps
        waves = jnp.pi * share * 2.0 ** jnp.arange(WAVES)
        place = state.place / self.scale
        turns = jnp.pi * place[:, None] * 2.0 ** jnp.arange(-1, PLACE_WAVES - 1)
        parts = [place, share[None], jnp.sin(waves), jnp.cos(waves), jnp.sin(turns).ravel(), jnp.cos(turns).ravel()]
        return jnp.concatenate(parts)

    def decode(self, state: State) -> tuple[float, ...]:
        return object_of(state.place)

    def encode(self, item: Any) -> State:
        return Timed(place_of(item, self.dim), jnp.array(self.steps))


LOG_FACTORS, MOST_BACK = (-8.0, 4.0), 0.5
"""The range of the log of what a variance is multiplied by; and how far the log of a scale of the way back may move."""

PLACE_WAVES = 3
"""Frequencies by which it is told a coordinate."""
WAVES = 4
"""Frequencies by which a network is told the time."""


@dataclasses.dataclass(frozen=True, eq=False)
class Process:
    """A normal process from a certain start: x' = keeps x + width noise, and the same on the way back."""

    keeps: Float[np.ndarray, " T"]
    width: Float[np.ndarray, " T"]
    gain: Float[np.ndarray, " T"]
    """How far a step moves towards where the network says that it is going."""
    left: Float[np.ndarray, " T"]
    """The standard deviation of the noise that is still to come."""
    keeps_back: Float[np.ndarray, " T"]
    width_back: Float[np.ndarray, " T"]
    marginal: Float[np.ndarray, " times"]
    """The standard deviation of a coordinate after each number of moves, without a network."""

    def ahead(self, time: Any) -> tuple[Any, ...]:
        """What the step out of a time keeps, its width, its gain and the noise that is left."""
        at = jnp.clip(time, 0, self.keeps.size - 1)
        return tuple(jnp.asarray(row, float)[at] for row in (self.keeps, self.width, self.gain, self.left))

    def back(self, time: Any) -> tuple[Any, Any]:
        """The same of the step back from a time; its width is 0 where it leads to the start."""
        at = jnp.clip(time - 1, 0, self.keeps.size - 1)
        return jnp.asarray(self.keeps_back, float)[at], jnp.asarray(self.width_back, float)[at]


@functools.lru_cache(maxsize=64)
def process_of(kind: str, schedule: str, steps: int, scale: float) -> Process:
    """The process of a kind: each step from what it keeps and its width; the way back by Bayes' rule."""
    share = np.arange(steps + 1) / steps
    if schedule == "cosine":
        share = 0.5 - 0.5 * np.cos(math.pi * share)
    if kind == "pinned":
        keeps, width = np.ones(steps), scale * np.sqrt(np.diff(share))
    else:
        # The first step draws from the normal law; the others forget that draw, but for a share of LEFT_OF_START.
        kept = _kept(schedule, steps)
        keeps, width = np.append(0.0, kept), scale * np.sqrt(np.append(1.0, 1.0 - kept**2))
    after = np.append(np.cumprod(keeps[::-1])[::-1][1:], 1.0)  # what the steps beyond keep of a place
    marginal = np.zeros(steps + 1)
    for step in range(steps):
        marginal[step + 1] = keeps[step] ** 2 * marginal[step] + width[step] ** 2
    left = np.sqrt(np.maximum(marginal[-1] - (after * keeps) ** 2 * marginal[:-1], 1e-12))
    keeps_back = keeps * marginal[:-1] / marginal[1:]
    width_back = width * np.sqrt(marginal[:-1] / marginal[1:])
    return Process(keeps, width, width**2 * after / left, left, keeps_back, width_back, np.sqrt(marginal))


def _kept(schedule: str, steps: int) -> Float[np.ndarray, " kept"]:
    """What each step after the first keeps of a place, in a process that keeps its variance."""
    ahead = np.linspace(1.0, 0.0, steps)  # the share of the steps after the first that is still to come
    if schedule == "cosine":
        # As in improved diffusion models, arXiv:2102.09672: steps near the object are small, whatever its scale.
        kept_to_end = np.cos(math.acos(math.sqrt(LEFT_OF_START)) * ahead)
    else:
        kept_to_end = LEFT_OF_START ** (0.5 * ahead)
    return kept_to_end[:-1] / kept_to_end[1:]


LEFT_OF_START = 1e-3
"""Of the variance of the first draw, in a process that keeps its variance: so much is left at the end."""
