"""A network whose drift follows the gradient of the target: for spaces whose kernels say how far a step drifts."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment, State
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.conditioned import Observation
from anabranch.policies.heads import Heads, Policy, observed
from anabranch.policies.mlp import MLP, MLPPolicy, mlp_policy
from anabranch.policies.observation import Observer


class DriftPolicy(Policy):
    """A multi-layer perceptron that sees the gradient of log R, and adds a multiple of it to the drift."""

    network: MLPPolicy
    """Its forward head has `dim` further entries: by how much each coordinate follows its gradient."""
    log_z: Float[Array, ""]
    dim: int = eqx.field(static=True)

    def __call__(self, observation: Observation) -> Heads:
        """The heads for one observation, whose last `dim` numbers are the gradient."""
        return self._following(observation, self.network(observation))

    def remember(self, state: State) -> tuple[Heads, Any]:
        heads, memory = self.network.remember(state)
        return self._following(self.observation(state), heads), memory

    def recall(self, state: State, memory: Any) -> Heads:
        return self._following(self.observation(state), self.network.recall(state, memory))

    def _following(self, observation: Any, heads: Heads) -> Heads:
        gradient, share = observation[-self.dim :], heads.forward[-self.dim :]
        forward = heads.forward[: -self.dim]
        return Heads(forward.at[: self.dim].add(share * gradient), heads.backward, heads.log_flow)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drift:
    """Recipe of a perceptron that is shown the gradient of log R where it stands, and may follow it.

    The drift is f(x, t) + g(x, t) * gradient, with f and g from one network. The gradient is measured in the units of
    the space (`ContinuousEnvironment.unit`) and cut off at 10 of them. It costs one gradient of the reward a row, and
    finds the shape of modes that are known; the reward must be a JAX function.

    Paper: Zhang and Chen 2022, arXiv:2111.15141 (path integral sampler).

    Raises:
        ConfigError: for a width or depth that is not positive; by `build`, for a space whose steps have no drift.

    Example:
        run = anabranch.train("gaussians-25", objective="tb", policy=anabranch.Drift(width=64))
    """

    width: int = 64
    """Units of each hidden layer."""
    depth: int = 2
    """Hidden layers."""

    follows_reward = True

    def __post_init__(self) -> None:
        require_types(self)
        MLP(width=self.width, depth=self.depth)

    def build(
        self, env: Environment, *, observer: Observer, key: Key[Array, ""], learned_backward: bool
    ) -> DriftPolicy:
        """Draw the initial parameters of the network. Raises ConfigError for a space whose steps have no drift."""
        dim = env.drift_numbers if isinstance(env, ContinuousEnvironment) else 0
        if not dim:
            raise ConfigError(
                f"Drift is for spaces whose steps have a drift, such as Diffusion; {type(env).__name__} has none: MLP."
            )
        labels, slots = env.forward_logits + dim, env.backward_logits if learned_backward else 0
        recipe = MLP(width=self.width, depth=self.depth)
        network = mlp_policy(recipe, observer, key=key, labels=labels, slots=slots)
        # Nothing is followed at first: far from the target its gradient is steep, and a random share of it throws.
        follows = slice(labels - dim, labels)
        last = network.weights[-1].at[:, follows].set(0.0), network.biases[-1].at[follows].set(0.0)
        network = eqx.tree_at(lambda one: (one.weights[-1], one.biases[-1]), network, last)
        return DriftPolicy(observed(network, observer), jnp.zeros(()), dim)  # pyright: ignore[reportArgumentType]
