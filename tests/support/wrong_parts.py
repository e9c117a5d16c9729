"""Parts of a user's own that are wrong, each given to `train`: a program that prints the sentence about each as JSON.

It runs without the checks of types that the tests install, as a user's program does.
"""

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

import anabranch as ab


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mine(ab.TrajectoryBalance):
    name: ClassVar[str] = "mine"


class Nameless(ab.Objective):
    def loss(self, scores):
        return jnp.mean(scores.log_pf)


class Borrowed(ab.TrajectoryBalance):
    """It has the name of its parent."""


class Flat(Mine):
    def residual(self, scores):
        return scores.log_z - scores.zeta, jnp.ones_like(scores.zeta)


class Alone(Mine):
    def residual(self, scores):
        return (scores.log_z - scores.zeta)[None]


class Branching(Mine):
    def residual(self, scores):
        return super().residual(scores) if scores.log_z[0] > 0 else None


class Vector(Mine):
    def loss(self, scores):
        return scores.zeta


class Greedy(Mine):
    needs: ClassVar[frozenset[str]] = frozenset({"log_inflows"})


class Mutable(Mine):
    __hash__ = None  # pyright: ignore


@dataclasses.dataclass(frozen=True)
class Cold(ab.BackwardPolicy):
    name: ClassVar[str] = "cold"

    def log_probs(self, env, state, heads):
        return jnp.zeros(env.num_actions)


class Narrow(Cold):
    learned: ClassVar[bool] = False

    def log_probs(self, env, state, heads):
        return jnp.zeros(1)


class Uniform(Narrow):
    name: ClassVar[str] = "uniform"


class Net(ab.Policy):
    log_z: Any


class Wide(Net):
    def __call__(self, observation):
        return ab.Heads(jnp.zeros(3), None, jnp.zeros(()))


class Bare(Net):
    def __call__(self, observation):
        return observation


class Broken(Net):
    def __call__(self, observation):
        return jnp.matmul(observation, jnp.zeros((99, 2)))


@dataclasses.dataclass(frozen=True)
class Recipe:
    make: Any = Net

    def build(self, env, *, observer, key, learned_backward):
        return self.make(jnp.zeros(()))


@dataclasses.dataclass(frozen=True)
class OldRecipe:
    def build(self, env):
        return Wide(jnp.zeros(()))


@dataclasses.dataclass(frozen=True)
class Timid(ab.Exploration):
    def shares(self, uniforms, step):
        return jnp.zeros(())

    def probabilities(self, log_probs, mask, share, max_steps):
        return jnp.exp(log_probs)


NETWORK = eqx.nn.MLP(4, 4, 8, 1, key=jax.random.key(0))
CASES: dict[str, dict[str, Any]] = {
    "objective without a name": {"objective": Nameless()},
    "objective with a name that is taken": {"objective": Borrowed()},
    "residual of one axis": {"objective": Flat()},
    "residual without weights": {"objective": Alone()},
    "branch on an array": {"objective": Branching()},
    "loss of one axis": {"objective": Vector()},
    "unknown need": {"objective": Greedy()},
    "not hashable": {"objective": Mutable()},
    "backward without learned": {"backward": Cold()},
    "backward of another size": {"backward": Narrow()},
    "backward with a name that is taken": {"backward": Uniform()},
    "policy without a call": {"policy": Recipe()},
    "policy with other heads": {"policy": Recipe(Wide)},
    "policy without heads": {"policy": Recipe(Bare)},
    "policy of another size": {"policy": Recipe(Broken)},
    "recipe that builds something else": {"policy": Recipe(jnp.sin)},
    "recipe that is told too little": {"policy": OldRecipe()},
    "bare network": {"policy": NETWORK},
    "network of another size": {"policy": ab.Network(NETWORK)},
    "exploration of another shape": {"explore": Timid()},
    "exploration that is a number": {"explore": 0.1},
}


def told(changes: dict[str, Any]) -> list[str]:
    """The error of a training with these arguments: its kind, its text, and what was written."""
    task = ab.make("faces")
    quick = {"objective": "tb", "steps": 2, "batch": 4, "policy": ab.MLP(width=8), "callback": lambda row: None}
    out = Path(tempfile.mkdtemp()) / "run"
    try:
        ab.train(task.env, task.log_reward, **{**quick, **changes}, out=out)
    except Exception as error:
        return [type(error).__name__, str(error), "written" if out.exists() else ""]
    return ["nothing", "", ""]


if __name__ == "__main__":
    print(json.dumps({name: told(changes) for name, changes in CASES.items()}))
