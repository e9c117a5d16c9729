"""The perfect binary tree: go left or right until a leaf is reached."""

import dataclasses
import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Int8

from anabranch.environment import Environment, State
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError


class PerfectTree(Environment):
    """Choose left (label 0) or right (label 1) `depth` times (2^(depth + 1) - 1 states, 2^depth leaves).

    The leaves are the objects. Each node has one parent: P_B is 1, and flows are sums over subtrees. The state
    holds the path: -1 for left, 1 for right, 0 for what is still to come.
    """

    depth: int = 8
    """Choices from the root to a leaf."""

    def __post_init__(self) -> None:
        if self.depth < 1:
            raise ConfigError(f"A tree has a depth of at least 1; given {self.depth}.")

    @property
    def max_steps(self) -> int:
        return self.depth

    @property
    def backward_slot(self) -> np.ndarray:
        return np.zeros(2, int)

    def level(self, state: Int8[Array, " depth"]) -> Int[Array, ""]:
        """How many turns have been chosen."""
        return jnp.sum(state != 0)

    def initial(self) -> Int8[Array, " depth"]:
        return jnp.zeros(self.depth, jnp.int8)

    def step(self, state: Int8[Array, " depth"], action: Int[Array, ""]) -> Int8[Array, " depth"]:
        return state.at[self.level(state)].set((2 * action - 1).astype(jnp.int8))

    def undo(self, state: Int8[Array, " depth"], action: Int[Array, ""]) -> Int8[Array, " depth"]:
        return state.at[self.level(state) - 1].set(jnp.int8(0))

    def legal(self, state: Int8[Array, " depth"]) -> Bool[Array, " 2"]:
        return jnp.full(2, state[-1] == 0)

    def undoable(self, state: Int8[Array, " depth"]) -> Bool[Array, " 2"]:
        return state[self.level(state) - 1] == jnp.array([-1, 1], jnp.int8)

    def can_stop(self, state: Int8[Array, " depth"]) -> Bool[Array, ""]:
        return state[-1] != 0

    def observe(self, state: Int8[Array, " depth"]) -> Float[Array, " depth"]:
        """The path as floats."""
        return state.astype(float)

    def log_path_count(self, state: Int8[Array, " depth"]) -> Float[Array, ""]:
        """0: one path leads to each node."""
        return jnp.zeros(())

    def show(self, state: State) -> str:
        """The path in letters."""
        return self.decode(state) or "(root)"

    def decode(self, state: State) -> str:
        """L for left and R for right, from the root on."""
        return "".join("L.R"[1 + int(turn)] for turn in np.asarray(state) if turn)

    def encode(self, item: str) -> Int8[Array, " depth"]:
        """The node at the end of a path of L and R. Raises ConfigError where it is none."""
        if len(item) > self.depth or not set(item) <= set("LR"):
            raise ConfigError(f"A path has at most {self.depth} letters L and R; given {item!r}.")
        return jnp.array([1 if turn == "R" else -1 for turn in item] + [0] * (self.depth - len(item)), jnp.int8)

    def draw(self, state: State) -> str:
        """The path, down from the root, inside the triangle that holds the whole tree."""
        place, points = 0.0, ["50,6"]
        for number, turn in enumerate(np.asarray(state)[np.asarray(state) != 0].tolist(), 1):
            place += turn / 2**number
            down = number / self.depth
            points.append(f"{50 + 46 * down * place:.2f},{6 + 88 * down:.2f}")
        end = points[-1].split(",")
        line = f'<polyline points="{" ".join(points)}"/>' if len(points) > 1 else ""
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
            '<polygon points="50,6 96,94 4,94" fill="#f4f1ea" stroke="#cfd5d9" stroke-width="2"/>'
            f'<g fill="none" stroke="#2f6d9e" stroke-width="4" stroke-linecap="round">{line}</g>'
            f'<circle cx="{end[0]}" cy="{end[1]}" r="5" fill="#dfa437"/></svg>'
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TurnReward:
    """log R = `right` * number of steps to the right + `turn` * number of changes of direction, in nats.

    A chain of spins in a field: Z is the sum of the entries of (1, e^right) M^(depth - 1), where M has e^turn
    beside its diagonal and its right column times e^right. For turn = 0, log Z = depth * log(1 + e^right); for the
    task, 5.425862.
    """

    env: PerfectTree
    right: float = 0.5
    """Nats that each step to the right adds."""
    turn: float = -1.0
    """Nats that each change of direction adds."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.right) and math.isfinite(self.turn)):
            raise ConfigError(f"right and turn are finite numbers of nats; given {self.right} and {self.turn}.")

    def __call__(self, state: Int8[Array, " depth"]) -> Float[Array, ""]:
        """log R of one leaf."""
        return -self.energy(state)

    def energy(self, state: Int8[Array, " depth"]) -> Float[Array, ""]:
        """Minus the same sum over the path so far, in nats; 0 at the root."""
        rights = jnp.sum(state == 1)
        turns = jnp.sum(state[1:] * state[:-1] == -1)
        return -(self.right * rights + self.turn * turns)

    @property
    def log_z(self) -> float:
        """The exact log Z, level by level in float64."""
        left, right = 0.0, self.right
        for _ in range(self.env.depth - 1):
            left, right = (
                np.logaddexp(left, right + self.turn),
                np.logaddexp(left + self.turn, right) + self.right,
            )
        return float(np.logaddexp(left, right))


SETTINGS = usual_settings()
TREE = PerfectTree()

TASKS = {
    "tree": Task(
        env=TREE,
        log_reward=TurnReward(env=TREE),
        name="tree",
        summary="the perfect binary tree: 256 leaves, worth the steps to the right and the turns",
        settings=SETTINGS,
    )
}
