"""A space whose states carry a condition, so that all that is asked of a state is asked under its condition.

A condition is drawn at the start of a trajectory and never changes, so that it is part of the state: masks, steps and
P_B are those of the space, the network sees the condition beside the observation, and replay, local search and regrown
trajectories keep the condition of their objects without knowing of it.
"""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.continuous.contract import ContinuousEnvironment, Kernel, require_continuous
from anabranch.environment import Environment, Graph, State, initial_state, settled


class Given(eqx.Module):
    """A state of a space, and the condition of its trajectory."""

    state: State
    condition: Any
    """A pytree of floats or integers."""


class Seen(eqx.Module):
    """What a network sees of a state under a condition."""

    observation: Array
    """Of the state: floats, or integer tokens."""
    features: Float[Array, " k"]
    """Of the condition."""


Observation = Array | Seen
"""What a network is given: of a state alone, or with the features of its condition."""


class Conditioned(Environment):
    """A space under conditions: its states are `Given`."""

    env: Environment
    condition: Any
    """A `Condition`, which says what is drawn and what a network sees of it."""

    @property
    def unconditioned(self) -> Environment:
        return self.env

    @property
    def max_steps(self) -> int:
        return self.env.max_steps

    @property
    def backward_slot(self) -> np.ndarray:
        return self.env.backward_slot

    @property
    def merges_objects(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.env.merges_objects

    @property
    def padding_token(self) -> int | None:
        return self.env.padding_token

    @property
    def label_nodes(self) -> np.ndarray:
        return self.env.label_nodes

    @property
    def slot_nodes(self) -> np.ndarray:
        return self.env.slot_nodes

    def sequence(self, state: State) -> tuple[Int[Array, " longest"], Int[Array, ""]]:
        return self.env.sequence(state.state)

    def graph(self, state: State) -> Graph:
        return self.env.graph(state.state)

    def initial(self) -> State:
        return Given(self.env.initial(), self.condition.middle())

    def starts(self, key: Key[Array, ""], batch: int) -> State:
        conditions = self.typed(jax.vmap(self.condition.draw)(jax.random.split(key, batch)))
        return Given(self.env.starts(key, batch), conditions)

    def typed(self, conditions: Any) -> Any:
        """Conditions of the types that the middle one has, whatever drew them."""
        return jax.tree.map(lambda drawn, one: drawn.astype(one.dtype), conditions, settled(self.condition.middle()))

    def start_of(self, state: State) -> State:
        return Given(initial_state(self.env), state.condition)

    def step(self, state: State, action: Int[Array, ""]) -> State:
        return Given(self.env.step(state.state, action), state.condition)

    def undo(self, state: State, action: Int[Array, ""]) -> State:
        return Given(self.env.undo(state.state, action), state.condition)

    def legal(self, state: State) -> Bool[Array, " A"]:
        return self.env.legal(state.state)

    def undoable(self, state: State) -> Bool[Array, " A"]:
        return self.env.undoable(state.state)

    def can_stop(self, state: State) -> Bool[Array, ""]:
        return self.env.can_stop(state.state)

    def log_path_count(self, state: State) -> Float[Array, ""]:
        return self.env.log_path_count(state.state)

    def show(self, state: State) -> str:
        return f"{self.env.show(state.state)} under {self.condition.words(state.condition)}"

    def draw(self, state: State) -> str | None:
        return self.env.draw(state.state)

    def decode(self, state: State) -> Any:
        return self.env.decode(state.state)

    def encode(self, item: Any) -> State:
        return Given(self.env.encode(item), self.condition.middle())

    def log_copies(self, state: State) -> float:
        """What the space says of the number of states that are one object."""
        return self.env.log_copies(state.state)  # pyright: ignore[reportAttributeAccessIssue]

    def overrides(self, hook: str) -> bool:
        return self.env.overrides(hook)


class ConditionedMoves(Conditioned, ContinuousEnvironment):
    """A continuous space under conditions: its kernels keep the condition."""

    @property
    def _space(self) -> ContinuousEnvironment:
        return require_continuous(self.env)

    @property
    def forward_numbers(self) -> int:
        return self._space.forward_numbers

    @property
    def backward_numbers(self) -> int:
        return self._space.backward_numbers

    @property
    def drift_numbers(self) -> int:
        return self._space.drift_numbers

    def forward(self, state: State, numbers: Float[Array, " f"]) -> Kernel:
        return Given(self._space.forward(state.state, numbers), state.condition)

    def backward(self, state: State, numbers: Float[Array, " b"] | None) -> Kernel:
        return Given(self._space.backward(state.state, numbers), state.condition)

    def can_move(self, state: State) -> Bool[Array, ""]:
        return self._space.can_move(state.state)

    def undoable(self, state: State) -> Bool[Array, " A"]:
        return self._space.undoable(state.state)

    def wander(self, state: State) -> Kernel:
        return Given(self._space.wander(state.state), state.condition)

    def ranges(self) -> tuple[tuple[float, float], ...] | None:
        return self._space.ranges()


def conditioned(env: Environment, condition: Any) -> Conditioned:
    """A space under conditions."""
    return (ConditionedMoves if isinstance(env, ContinuousEnvironment) else Conditioned)(env, condition)


def told(env: Environment, state: State) -> Float[Array, " k"] | None:
    """What a network is told of the condition of a state; None in a space without conditions."""
    return env.condition.features(state.condition) if isinstance(env, Conditioned) else None
