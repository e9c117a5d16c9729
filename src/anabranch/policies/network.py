"""Any function from an observation to raw logits as a policy."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from anabranch.environment import Environment
from anabranch.ground.errors import ConfigError
from anabranch.policies.conditioned import Observation
from anabranch.policies.heads import Heads, Policy
from anabranch.policies.observation import Observer, dense


class NetworkPolicy(Policy):
    """A policy whose heads are the entries of one vector: logits of the labels and STOP, then P_B, then log F."""

    network: Any
    log_z: Float[Array, ""]
    labels: int = eqx.field(static=True)
    slots: int = eqx.field(static=True)
    vocabulary: int | None = eqx.field(static=True)

    def __call__(self, observation: Observation) -> Heads:
        """The heads for one observation; tokens enter as the sum of their one-hot vectors."""
        output = self.network(dense(observation, self.vocabulary))
        end = self.labels + self.slots
        log_flow = output[end] if output.shape[0] > end else jnp.zeros(())
        return Heads(output[: self.labels], output[self.labels : end] if self.slots else None, log_flow)


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """Recipe around a network of your own: an `eqx.Module`, or a function, from one observation to raw logits.

    The observation is a vector of floats; what comes out is one vector: a logit for each label and for STOP, with a
    learned P_B one for each backward slot, and at the end log F(s), which may be left out where the objective reads no
    state flow. `make` is called with the sizes and a key, so that each seed draws parameters of its own.

    Raises:
        ConfigError: where both or neither are given; by `build`, where the output has another size.

    Example:
        network = anabranch.Network(make=lambda inputs, outputs, key: eqx.nn.MLP(inputs, outputs, 64, 2, key=key))
        run = anabranch.train("faces", objective="tb", policy=network)
    """

    network: Any = None
    """An eqx.Module, or a function, from an observation to raw logits."""
    make: Callable[..., Any] | None = None
    """A function of the numbers of inputs and outputs and of a key, to such a module: each seed draws its own."""

    def __post_init__(self) -> None:
        if (self.network is None) == (self.make is None):
            raise ConfigError("Network takes a network, or make=, a function of its sizes and a key; not both.")
        if not callable(self.network if self.make is None else self.make):
            raise ConfigError(f"Network takes a function of one observation; given {self.network or self.make!r}.")

    def build(
        self, env: Environment, *, observer: Observer, key: Key[Array, ""], learned_backward: bool
    ) -> NetworkPolicy:
        """The network as a policy. Raises ConfigError where its output has another size."""
        inputs = observer.inputs
        labels, slots = env.forward_logits, env.backward_logits if learned_backward else 0
        outputs = labels + slots + 1
        network = self.network if self.make is None else self.make(inputs, outputs, key=key)
        try:
            found = eqx.filter_eval_shape(network, jax.ShapeDtypeStruct((inputs,), jnp.float32))
            came = f"it returns {list(found.shape) if hasattr(found, 'shape') else type(found).__name__}"
        except (TypeError, ValueError) as error:
            found, came = None, " ".join(str(error).split()).rstrip(".")
        if getattr(found, "shape", None) not in ((outputs,), (outputs - 1,)):
            raise ConfigError(
                f"The network must map {inputs} numbers to {outputs}: {labels} logits of the labels and STOP, "
                f"{slots} of P_B, and log F; {came}."
            )
        return NetworkPolicy(network, jnp.zeros(()), labels, slots, observer.vocabulary)
