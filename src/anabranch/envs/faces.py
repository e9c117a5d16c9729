"""Faces: six parts, three steps. A happy face is worth twice a sad one, anything invalid nothing."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, State
from anabranch.envs.tasks import Settings, Task
from anabranch.evaluation.facts import Fact
from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import Objective
from anabranch.objectives.flow_matching import FlowMatching
from anabranch.policies.mlp import MLP
from anabranch.rewards.log_reward import require_nonnegative
from anabranch.sampling.explore import Explore
from anabranch.training.optimizer import Adam

PARTS = ("smile", "frown", "left brow up", "left brow down", "right brow up", "right brow down")


class Faces(Environment):
    """Pick three different parts of six, in any order (42 states, 96 edges, 120 trajectories, 20 finished faces)."""

    @property
    def max_steps(self) -> int:
        return 3

    def initial(self) -> Bool[Array, " parts"]:
        return jnp.zeros(len(PARTS), bool)

    def step(self, state: Bool[Array, " parts"], action: Int[Array, ""]) -> Bool[Array, " parts"]:
        return state.at[action].set(True)

    def undo(self, state: Bool[Array, " parts"], action: Int[Array, ""]) -> Bool[Array, " parts"]:
        return state.at[action].set(False)

    def legal(self, state: Bool[Array, " parts"]) -> Bool[Array, " parts"]:
        return ~state & (state.sum() < self.max_steps)

    def undoable(self, state: Bool[Array, " parts"]) -> Bool[Array, " parts"]:
        return state

    def can_stop(self, state: Bool[Array, " parts"]) -> Bool[Array, ""]:
        return state.sum() == self.max_steps

    def show(self, state: State) -> str:
        """The names of the parts."""
        return " + ".join(self.decode(state)) or "(empty face)"

    def decode(self, state: State) -> tuple[str, ...]:
        """The names of the parts, in a fixed order."""
        return tuple(part for part, there in zip(PARTS, state, strict=True) if there)

    def encode(self, item: tuple[str, ...]) -> Bool[Array, " parts"]:
        """The face with these parts. Raises ConfigError for a part that there is not."""
        if not set(item) <= set(PARTS):
            raise ConfigError(f"Faces have the parts {', '.join(PARTS)}; given {item!r}.")
        return jnp.array([part in item for part in PARTS])

    def draw(self, state: State) -> str:
        """A head and the parts that are there."""
        strokes = "".join(f'<path d="{path}"/>' for path, there in zip(STROKES, state, strict=True) if there)
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
            f'<circle cx="50" cy="50" r="44" fill="{_skin(state)}" stroke="#3d3a36" stroke-width="3"/>'
            '<circle cx="34" cy="46" r="4.5" fill="#3d3a36"/><circle cx="66" cy="46" r="4.5" fill="#3d3a36"/>'
            f'<g fill="none" stroke="#3d3a36" stroke-width="5" stroke-linecap="round">{strokes}</g></svg>'
        )


STROKES = (
    "M 30 64 Q 50 84 70 64",
    "M 30 76 Q 50 56 70 76",
    "M 24 28 Q 34 20 44 28",
    "M 25 27 Q 35 29 44 36",
    "M 56 28 Q 66 20 76 28",
    "M 56 36 Q 65 29 75 27",
)


def _skin(state: State) -> str:
    if int(state.sum()) < 3:
        return "#f4f1ea"
    if not bool(is_valid(state)):
        return "#e3e0da"
    return "#ffd75e" if bool(is_happy(state)) else "#9cc7f0"


def is_valid(state: State) -> Bool[Array, ""]:
    """One mouth, one left eyebrow, one right eyebrow."""
    mouth, left, right = (jnp.asarray(state[part] ^ state[part + 1]) for part in (0, 2, 4))
    return mouth & left & right


def is_happy(state: State) -> Bool[Array, ""]:
    """A smile."""
    return jnp.asarray(state[0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class FacesReward:
    """R = `happy` for a valid face that smiles, `sad` for one that frowns, `invalid` for overlapping or missing parts.

    With the defaults Z = 4 * 2 + 4 * 1 = 12 and two of three faces drawn are happy.
    """

    happy: float = 2.0
    """R of a face that smiles."""
    sad: float = 1.0
    """R of a face that frowns."""
    invalid: float = 0.0
    """R of anything else."""

    def __post_init__(self) -> None:
        require_nonnegative(happy=self.happy, sad=self.sad, invalid=self.invalid)

    def __call__(self, state: Bool[Array, " parts"]) -> Float[Array, ""]:
        """log R of one face."""
        reward = jnp.where(is_valid(state), jnp.where(is_happy(state), self.happy, self.sad), self.invalid)
        return jnp.log(reward)


def settings(objective: Objective) -> Settings:
    """Settings under which each objective learns faces in a second."""
    if objective.on_policy:
        return Settings(steps=5_000, batch=16, policy=MLP(width=64), optimizer=Adam(learning_rate=3e-3))
    if isinstance(objective, FlowMatching) and objective.form == "linear":
        explore, optimizer, steps = Explore(epsilon=0.5), Adam(learning_rate=1e-2), 10_000
    else:
        explore, optimizer, steps = Explore(epsilon=0.1), Adam(learning_rate=3e-3), 5_000
    return Settings(steps=steps, batch=16, policy=MLP(width=64), optimizer=optimizer, explore=explore)


TASKS = {
    "faces": Task(
        env=Faces(),
        log_reward=FacesReward(),
        name="faces",
        summary="six parts, three steps: happy faces are worth twice the sad ones",
        facts={"happy": Fact(event=is_happy, given=is_valid), "valid": Fact(event=is_valid)},
        settings=settings,
    )
}
