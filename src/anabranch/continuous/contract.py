"""The contract of a space whose steps are densities: an environment is two kernels, one ahead and one back.

A step is drawn: the forward kernel at a state is a distribution over its children, the backward kernel one over its
parents, and both have densities with respect to one reference measure (lengths for real numbers, counts for what is
discrete). What the network puts out says which kernel of a family it is. STOP stays a label of the library, beside one
label that means a move. So F(s) P_F(s' | s) = F(s') P_B(s | s') is an equation between densities, and every balance
condition of the discrete world holds word for word.

Paper: Lahlou et al. 2023, arXiv:2301.12594 (a theory of continuous generative flow networks).
"""

import abc
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from anabranch.continuous.densities import Density
from anabranch.environment import Environment, State, initial_state, same_state
from anabranch.ground.errors import ConfigError

Kernel = Any
"""A `Density` over states; or a pytree like a state whose leaves are densities, drawn independently, and arrays, which
are values that are certain."""


class ContinuousEnvironment(Environment):
    """A space whose moves are drawn from densities.

    A subclass is a frozen dataclass of plain configuration (no decorator needed) with pure methods on *one* state. It
    writes `max_steps`, `initial`, `forward_numbers`, `forward`, `backward` and `can_stop`. The other methods are
    optional: `can_move` where some states must stop, `backward_numbers` where P_B can be learned, `observe`, `wander`,
    `ranges`, and `decode` and `encode`, as in every environment.

    A kernel is a pytree like the state: a leaf that is a `Density` is drawn, a leaf that is an array is certain. A
    whole kernel may be one `Density` over states as well. Log-densities must be finite, and so their gradients, at
    states that a kernel cannot reach: -inf as a value, no NaN. `anabranch.check` proves a definition right.

    Example:
        class Walk(anabranch.ContinuousEnvironment):
            max_steps = forward_numbers = 2

            def initial(self): return jnp.zeros(()), jnp.array(0)
            def forward(self, state, numbers):
                return anabranch.Normal(state[0] + numbers[0], jnp.exp(numbers[1])), state[1] + 1
            def backward(self, state, numbers):
                far = state[1] > 1
                return anabranch.Normal(far * state[0] / 2, far * jnp.sqrt(0.5)), state[1] - 1
            def can_stop(self, state): return state[1] == 2
            def can_move(self, state): return state[1] < 2

        anabranch.check(Walk())
    """

    @property
    @abc.abstractmethod
    def forward_numbers(self) -> int:
        """How many numbers of the network say which forward kernel it is."""

    @property
    def backward_numbers(self) -> int:
        """Optional: how many numbers say which backward kernel it is; 0: P_B is always the space's own."""
        return 0

    @abc.abstractmethod
    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        """The distribution of the children of `state`; numbers of 0 are a sensible kernel."""

    @abc.abstractmethod
    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        """The distribution of the parents of `state`; None asks for the space's own P_B, which is never learned."""

    def can_move(self, state: State) -> Bool[Array, ""]:
        """Optional: whether anything leads on from `state`."""
        del state
        return jnp.array(True)

    def wander(self, state: State) -> Kernel:
        """Optional: the kernel of a random walk, which exploration mixes in; default: that of numbers of 0."""
        return self.forward(state, jnp.zeros(self.forward_numbers))

    def ranges(self) -> tuple[tuple[float, float], ...] | None:
        """Optional: the lowest and highest value of each real coordinate, in the order of the leaves; None: all."""
        return None

    @property
    def drift_numbers(self) -> int:
        """Optional: how many of the first forward numbers shift the mean of a step, one a coordinate; 0: none do."""
        return 0

    def energy(self, state: State, log_reward: Callable[[State], Float[Array, ""]]) -> Float[Array, ""]:
        """Optional: what a partial object shows of its reward already, -log R(x) at objects."""
        raise NotImplementedError(f"{type(self).__name__} does not define energy.")

    def unit(self, state: State) -> Float[Array, ""]:
        """Optional: a length of the space at `state`, by which a network that follows log R measures its gradient."""
        del state
        return jnp.ones(())

    def observe(self, state: State) -> Array:
        """Optional: what a network sees; default: every leaf as floats."""
        return jnp.concatenate([jnp.ravel(leaf).astype(float) for leaf in jax.tree.leaves(state)])

    def show(self, state: State) -> str:
        """Optional: a state as text; default: its object, with four significant digits of each number."""
        return readable(self.decode(state))

    # --- what follows from it: one label that means a move, and STOP

    @property
    def forward_logits(self) -> int:
        return self.forward_numbers + 1

    @property
    def backward_logits(self) -> int:
        return self.backward_numbers

    def legal(self, state: State) -> Bool[Array, " one"]:
        return jnp.reshape(self.can_move(state), (1,))

    def undoable(self, state: State) -> Bool[Array, " one"]:
        return jnp.reshape(~same_state(state, initial_state(self)), (1,))

    def step(self, state: State, action: Int[Array, ""]) -> State:
        raise self._drawn("forward")

    def undo(self, state: State, action: Int[Array, ""]) -> State:
        raise self._drawn("backward")

    def _drawn(self, kernel: str) -> ConfigError:
        name = type(self).__name__
        return ConfigError(
            f"{name} is continuous: where a step ends is drawn from {name}.{kernel}, and no label says it."
        )


def readable(item: Any) -> str:
    """An object as text, with four significant digits of each real number."""
    if isinstance(item, tuple | list):
        inner = ", ".join(readable(one) for one in item)
        return f"({inner},)" if len(item) == 1 else f"({inner})"
    return f"{item:.4g}" if isinstance(item, float) else str(item)


def is_continuous(env: Environment) -> bool:
    """Whether the steps of an environment are densities."""
    return isinstance(env, ContinuousEnvironment)


def require_continuous(env: Any) -> ContinuousEnvironment:
    """The environment. Raises ConfigError for one whose steps are labels."""
    if not isinstance(env, ContinuousEnvironment):
        raise ConfigError(f"{type(env).__name__} is no ContinuousEnvironment: its steps are labels, not densities.")
    return env


def is_density(node: Any) -> bool:
    """Whether a node of a kernel is drawn as a whole."""
    return isinstance(node, Density)
