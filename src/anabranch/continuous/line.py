"""The line: a few steps of a mixture of normals."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.continuous.contract import Kernel
from anabranch.continuous.densities import Normal, NormalMixture
from anabranch.continuous.diffusion import LOG_FACTORS, process_of
from anabranch.continuous.places import Timed, TimedEnvironment, place_of
from anabranch.environment import State
from anabranch.ground.errors import ConfigError


class Line(TimedEnvironment):
    """Real numbers, reached in `steps` moves, each drawn from a mixture of normals; P_B is a Brownian bridge back to 0.

    Raises:
        ConfigError: for a number of steps or components, or a scale, that is not positive.
    """

    steps: int = 3
    """Moves of each trajectory."""
    components: int = 8
    """Normals of each step's mixture."""
    scale: float = 3.0
    """Standard deviation at the end, before anything is learned."""

    def __post_init__(self) -> None:
        if self.steps < 1 or self.components < 1 or not 0.0 < self.scale < float("inf"):
            given = f"steps={self.steps}, components={self.components}, scale={self.scale}"
            raise ConfigError(f"Line needs positive steps and components, and a positive scale; given {given}.")

    @property
    def max_steps(self) -> int:
        return self.steps

    @property
    def forward_numbers(self) -> int:
        return 3 * self.components

    def initial(self) -> State:
        return Timed(jnp.zeros(1), jnp.array(0))

    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        log_weights, shift, log_factor = numbers.reshape(3, self.components, 1)
        _, width, _, _ = process_of("pinned", "even", self.steps, self.scale).ahead(state.time)
        # The components start apart, so that they learn to be different ones.
        apart = jnp.asarray(np.linspace(-2.0, 2.0, self.components + 2)[1:-1, None], float)
        mean = state.place + width * (shift + apart)
        scale = width * jnp.exp(0.5 * jnp.clip(log_factor, *LOG_FACTORS))
        return Timed(NormalMixture(log_weights[:, 0], mean, scale), state.time + 1)

    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        del numbers
        keeps, width = process_of("pinned", "even", self.steps, self.scale).back(state.time)
        return Timed(Normal(keeps * state.place, jnp.broadcast_to(width, (1,))), state.time - 1)

    def observe(self, state: State) -> Float[Array, " inputs"]:
        return jnp.concatenate([state.place / self.scale, jnp.arange(self.steps + 1) == state.time])

    def decode(self, state: State) -> float:
        return float(np.asarray(state.place)[0])

    def encode(self, item: Any) -> State:
        return Timed(place_of(item, 1), jnp.array(self.steps))
