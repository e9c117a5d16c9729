"""The reward of a composite object from the rewards of its parts."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import Array, Float

from anabranch.environment import State
from anabranch.envs.composite import Composite
from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import ConfigError, described


@dataclasses.dataclass(frozen=True, kw_only=True)
class SumOfParts:
    """log R of a composite object as the sum of the log R of its parts, in nats: R is the product of their rewards.

    Of `Choose` the chosen part counts, of `Repeat` every object. It has an energy (for forward-looking objectives), and
    its exact `log_z`, where the rewards of all parts do.

    Raises:
        ConfigError: where `env` is no composite, or the rewards are not one function for each of its spaces.

    Example:
        one, other = anabranch.make("faces"), anabranch.make("hypergrid")
        env = anabranch.Product([one.env, other.env])
        reward = anabranch.SumOfParts(env=env, log_rewards=(one.log_reward, other.log_reward))
    """

    env: Composite
    """A `Choose`, `InOrder`, `Product` or `Repeat`."""
    log_rewards: Sequence[Callable[[Any], Any]]
    """log R of each space, a JAX function of one of its states; for `Repeat` a single one."""

    def __post_init__(self) -> None:
        example = "a composite, such as Product([space, other])"
        require_instance(self.env, Composite, argument="env", expected=example)
        given: Any = self.log_rewards
        count = len(self.env.parts)
        if not isinstance(given, list | tuple) or len(given) != count or not all(map(callable, given)):
            raise ConfigError(
                f"log_rewards holds one function for each space, {count} in all; given {described(self.log_rewards)}."
            )
        object.__setattr__(self, "log_rewards", tuple(given))

    def __call__(self, state: State) -> Float[Array, ""]:
        """log R of one object."""
        return self.env.total(state, self.log_rewards)

    @property
    def energy(self) -> Callable[[State], Float[Array, ""]]:
        """The energy of any state, the sum of those of its parts. Raises AttributeError where a reward has none."""
        functions = [reward.energy for reward in self._rewards]
        return lambda state: self.env.total(state, functions)

    @property
    def log_z(self) -> float:
        """The exact log Z. Raises AttributeError where a part's reward has none."""
        return self.env.total_log_z([reward.log_z for reward in self._rewards])

    @property
    def _rewards(self) -> tuple[Any, ...]:
        """The rewards as records, which may have more than their value."""
        return tuple(self.log_rewards)
