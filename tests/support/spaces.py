"""Small spaces that the tests share, each with a reward on its objects."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anabranch.environment import Environment
from anabranch.envs.faces import Faces
from anabranch.evaluation.flows import Flows, exact_policy
from anabranch.graph.state_graph import StateGraph, state_graph
from anabranch.graph.tabulate import tabulate
from anabranch.policies.tabular import TabularPolicy
from support.my_spaces import Subset


class Slots(Environment):
    """Fill each of n slots, in any order, with one of v values; labels share a backward slot."""

    n: int
    v: int

    @property
    def max_steps(self):
        return self.n

    @property
    def backward_slot(self):
        return np.arange(self.n * self.v) // self.v

    def initial(self):
        return jnp.zeros(self.n, int)

    def step(self, state, action):
        return state.at[action // self.v].set(1 + action % self.v)

    def undo(self, state, action):
        return state.at[action // self.v].set(0)

    def legal(self, state):
        return jnp.repeat(state == 0, self.v)

    def undoable(self, state):
        return (state[:, None] == 1 + jnp.arange(self.v)).ravel()

    def can_stop(self, state):
        return (state > 0).all()


def words(longest: int = 3, letters: str = "ab") -> Environment:
    """Words of every length up to `longest`, grown at both ends: several parents, double edges."""
    return tabulate(
        "", lambda word: [*(word + c for c in letters), *(c + word for c in letters)] if len(word) < longest else []
    )


def skipping() -> Environment:
    """Steps of different lengths: paths to one object differ in length, some edges are double, all states may stop."""
    return tabulate(0, lambda s: [t for t in (s + 1, s + 2, s + 2, s + 3) if t <= 6], lambda s: True)


SPACES: dict[str, Callable[[], Environment]] = {
    "faces": Faces,
    "subset": lambda: Subset(5, 3),
    "slots": lambda: Slots(3, 2),
    "words": words,
    "skipping": skipping,
}


def random_log_reward(graph: StateGraph, seed: int = 0) -> np.ndarray:
    """Log-rewards of the objects of a graph, spread over several nats."""
    return np.random.default_rng(seed).normal(0.0, 1.5, graph.objects.size)


def random_log_pb(graph: StateGraph, seed: int = 0) -> np.ndarray:
    """A random backward policy on the edges of a graph."""
    logits = np.random.default_rng(seed).normal(0.0, 1.0, graph.num_edges)
    total = np.full(graph.num_states, -np.inf)
    np.logaddexp.at(total, graph.target, logits)
    return logits - total[graph.target]


def graph_of(env: Environment) -> StateGraph:
    """The state graph of a small environment."""
    return state_graph(env, max_states=10_000)


def numbers_of(graph: StateGraph, states: Any) -> np.ndarray:
    """The number in the graph of each state of a batch."""
    from anabranch.graph.enumeration import state_keys

    return np.array([graph.index[key] for key in state_keys(jax.tree.map(np.asarray, states))])


def absolute_policy(flows: Flows) -> TabularPolicy:
    """The exact policy with log Z and log F as they are, for scores of absolute rewards."""
    return exact_policy(flows, level=0.0)
