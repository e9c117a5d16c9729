"""Multi-layer perceptrons, with activations remembered from sampling for a cheaper gradient."""

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from anabranch.environment import Environment, State
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.conditioned import Observation
from anabranch.policies.heads import Heads, Policy, heads_of
from anabranch.policies.observation import Observer, linear


@jax.custom_jvp
def known_affine(
    inputs: Float[Array, " n"], weight: Float[Array, "n m"], bias: Float[Array, " m"], known: Float[Array, " m"]
) -> Float[Array, " m"]:
    """`inputs @ weight + bias` whose value is known already: free forward, differentiated as itself."""
    del inputs, weight, bias
    return known


@known_affine.defjvp
def _known_affine_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    inputs, weight, _, known = primals
    d_inputs, d_weight, d_bias, _ = tangents
    # The derivative of the product without the product: `known` is its value, and itself gets no gradient.
    return known, d_inputs @ weight + inputs @ d_weight + d_bias


OUTPUT_MULTIPLE = 16
"""The last layer is as wide as a multiple of this: matrix products of odd widths are up to a third slower."""


def padded_outputs(labels: int, slots: int) -> int:
    """The width of a last layer that holds all heads."""
    return -(-(labels + slots + 2) // OUTPUT_MULTIPLE) * OUTPUT_MULTIPLE


class MLPPolicy(Policy):
    """A trunk of hidden layers and one linear layer for all heads; tokens enter as a sum of embeddings."""

    weights: list[Float[Array, "_ _"]]
    biases: list[Float[Array, " _"]]
    skip: Float[Array, "inputs outputs"] | None
    log_z: Float[Array, ""]
    labels: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)

    def __call__(self, observation: Observation) -> Heads:
        """The heads for one vector of floats or of integer tokens."""
        return self._heads(observation, self._layers(observation)[-1])

    def remember(self, state: State) -> tuple[Heads, Any]:
        """The heads, and what every layer but the first put out."""
        observation = self.observation(state)
        layers = self._layers(observation)
        return self._heads(observation, layers[-1]), layers[1:]

    def recall(self, state: State, memory: Any) -> Heads:
        """The heads without a matrix product but those of the observation; the gradient still takes its own."""
        observation = self.observation(state)
        hidden = self._first(observation)
        for weight, bias, known in zip(self.weights[1:], self.biases[1:], memory, strict=True):
            # Layers are remembered before their ReLU, which is cheap and decides which units have a gradient.
            hidden = known_affine(jax.nn.relu(hidden), weight, bias, known)
        return self._heads(observation, hidden)

    def _first(self, observation: Observation) -> Float[Array, " width"]:
        return linear(observation, self.weights[0]) + self.biases[0]

    def _layers(self, observation: Observation) -> list[Float[Array, " _"]]:
        layers = [self._first(observation)]
        for weight, bias in zip(self.weights[1:], self.biases[1:], strict=True):
            layers.append(jax.nn.relu(layers[-1]) @ weight + bias)
        return layers

    def _heads(self, observation: Observation, output: Float[Array, " outputs"]) -> Heads:
        if self.skip is not None:
            output = output + linear(observation, self.skip)
        # The vector is wider than the heads need (OUTPUT_MULTIPLE); what is left over is never read.
        return heads_of(output, labels=self.labels, slots=self.slots)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MLP:
    """Recipe of a multi-layer perceptron: `depth` hidden layers of `width` ReLU units, and one layer for all heads.

    The input is what `observer(env)` makes of a state: floats, or tokens, whose embeddings are added up. With `skip` a
    linear layer leads from the observation straight to the heads as well: it memorises single features, such as the
    words of a string, while the hidden layers generalise.

    Paper: Cheng et al. 2016, arXiv:1606.07792 (wide and deep).

    Raises:
        ConfigError: for a width or depth that is not positive.

    Example:
        run = anabranch.train("faces", objective="tb", policy=anabranch.MLP(width=64, depth=3))
    """

    width: int = 256
    """Units of each hidden layer."""
    depth: int = 2
    """Hidden layers."""
    skip: bool = False
    """A linear layer from the observation to the heads, beside the others."""

    def __post_init__(self) -> None:
        require_types(self)
        if self.width < 1 or self.depth < 1:
            raise ConfigError(f"MLP needs a positive width and depth; given width={self.width}, depth={self.depth}.")

    def build(self, env: Environment, *, observer: Observer, key: Key[Array, ""], learned_backward: bool) -> MLPPolicy:
        """Draw the initial parameters: uniform within 1/sqrt(inputs), biases included; `skip` at 0.

        Tokens start as the one-hot vector whose linear map they are: the vocabulary counts as the inputs.
        """
        labels, slots = env.forward_logits, env.backward_logits if learned_backward else 0
        return mlp_policy(self, observer, key=key, labels=labels, slots=slots)


def mlp_policy(recipe: MLP, observer: Observer, *, key: Key[Array, ""], labels: int, slots: int) -> MLPPolicy:
    """A fresh multi-layer perceptron with so many forward logits, and logits of backward slots."""
    inputs, outputs = observer.inputs, padded_outputs(labels, slots)
    shapes = list(pairwise([inputs, *[recipe.width] * recipe.depth, outputs]))
    bounds = jnp.asarray([1.0 / np.sqrt(max(fan_in, 1)) for fan_in, _ in shapes], jnp.float32)
    layers = jax.vmap(lambda layer: jax.random.split(jax.random.fold_in(key, layer)))(jnp.arange(len(shapes)))
    weights = _uniform(layers[:, 0], bounds, shapes)
    biases = _uniform(layers[:, 1], bounds, [(fan_out,) for _, fan_out in shapes])
    skip = jnp.zeros((inputs, outputs)) if recipe.skip else None
    return MLPPolicy(weights=weights, biases=biases, skip=skip, log_z=jnp.zeros(()), labels=labels, slots=slots)


def _uniform(
    keys: Key[Array, " layers"], bounds: Float[Array, " layers"], shapes: Sequence[tuple[int, ...]]
) -> list[Any]:
    """Uniform numbers within the bound of each layer.

    All come from one call, as long as the largest layer needs, since the generator takes a tenth of a second to compile
    for each shape; a number depends on its key and its place alone, so that the rest of a row is cut off.
    """
    most = max(math.prod(shape) for shape in shapes)
    drawn = jax.vmap(lambda key, bound: jax.random.uniform(key, (most,), minval=-bound, maxval=bound))(keys, bounds)
    return [row[: math.prod(shape)].reshape(shape) for row, shape in zip(drawn, shapes, strict=True)]
