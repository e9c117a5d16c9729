"""A space as a page reads it: a listed graph, or the part of a large one that some trajectories have passed through."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from anabranch.environment import Environment, take
from anabranch.evaluation.flows import exact_flows
from anabranch.graph.enumeration import state_keys
from anabranch.graph.state_graph import StateGraph
from anabranch.storage.flow_files import packed
from anabranch.trajectories import Trajectories

MOST_STATES, MOST_EDGES = 20_000, 80_000
"""A larger graph is not recorded as a whole: a browser would not follow."""
MOST_DRAWINGS = 400
"""States that are drawn; of a larger graph those that carry most of the flow of the reward."""


def may_be_recorded(graph: StateGraph | None) -> bool:
    """Whether a graph is small enough for a page that works through all of it."""
    return graph is not None and graph.num_states <= MOST_STATES and graph.num_edges <= MOST_EDGES


def listed_space(graph: StateGraph, log_reward: Float[np.ndarray, " X"]) -> dict[str, Any]:
    """A whole graph, its rewards [X] in nats, and its states in words and pictures."""
    numbers = np.arange(graph.num_states)
    if graph.num_states > MOST_DRAWINGS:
        flow = exact_flows(graph, log_reward).log_state
        numbers = np.sort(np.argsort(-flow, kind="stable")[:MOST_DRAWINGS])
    return {
        "kind": "listed",
        "counts": {
            "states": graph.num_states,
            "edges": graph.num_edges,
            "objects": int(graph.objects.size),
            "trajectories": graph.num_trajectories,
        },
        **_graph(graph.level, graph.source, graph.target, graph.action, graph.can_stop),
        "log_reward": packed(log_reward),
        "log_paths": packed(np.log(graph.path_count)),
        "objects": _names_of_objects(graph),
        **_shown(graph.env, graph.states, numbers),
    }


def _names_of_objects(graph: StateGraph) -> list[int] | None:
    """Which object each finished state is, where several states are one object."""
    if not graph.env.merges_objects:
        return None
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(graph.decode(int(state)), len(numbers)) for state in graph.objects]


def _graph(
    level: Int[np.ndarray, " N"],
    source: Int[np.ndarray, " E"],
    target: Int[np.ndarray, " E"],
    action: Int[np.ndarray, " E"],
    can_stop: Bool[np.ndarray, " N"],
) -> dict[str, Any]:
    arrays = {"level": level, "source": source, "target": target, "action": action, "can_stop": can_stop}
    return {name: packed(array) for name, array in arrays.items()}


def _shown(env: Environment, states: Any, drawn: Int[np.ndarray, " D"]) -> dict[str, Any]:
    """All states as text, and some as pictures; equal pictures stand once."""
    count = len(jax.tree.leaves(states)[0])
    pictures: dict[str, int] = {}
    places: dict[str, int] = {}
    for number in drawn.tolist():
        picture = env.draw(take(states, number))
        if picture is not None:
            places[str(number)] = pictures.setdefault(picture, len(pictures))
    return {
        "texts": [env.show(take(states, number)) for number in range(count)],
        "drawings": list(pictures),
        "drawing_of": places,
    }


@dataclasses.dataclass(frozen=True, eq=False)
class PassedThrough:
    """The part of a space that some trajectories have passed through."""

    states: Any
    """Pytree of [N, ...] arrays; state 0 is the initial one."""
    state: Int[np.ndarray, "rows B"]
    """The number of the state of each row; -1 on padding."""
    edge: Int[np.ndarray, "rows B"]
    """The number of the edge that leaves each row; -1 at an object and on padding."""
    level: Int[np.ndarray, " N"]
    source: Int[np.ndarray, " E"]
    target: Int[np.ndarray, " E"]
    action: Int[np.ndarray, " E"]

    @classmethod
    def of(cls, trajectories: Trajectories) -> "PassedThrough":
        """States and edges of a batch of complete trajectories, each once."""
        rows, batch = trajectories.actions.shape
        flat = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(rows * batch, *leaf.shape[2:]), trajectories.states)
        keys = np.array(state_keys(flat), object).reshape(rows, batch)
        length = np.asarray(trajectories.length)
        actions = np.asarray(trajectories.actions)
        state, edge = np.full((rows, batch), -1), np.full((rows, batch), -1)
        number: dict[bytes, int] = {}
        edges: dict[tuple[int, int, int], int] = {}
        first, level = [], []
        for row in range(rows):  # row by row, so that states come in the order of their depth
            for lane in np.nonzero(row < length)[0].tolist():
                here = number.setdefault(keys[row, lane], len(number))
                if here == len(first):
                    first.append(row * batch + lane)
                    level.append(row)
                level[here] = max(level[here], row)
                state[row, lane] = here
                if row > 0:
                    move = (int(state[row - 1, lane]), here, int(actions[row - 1, lane]))
                    edge[row - 1, lane] = edges.setdefault(move, len(edges))
        found = np.array(list(edges), int).reshape(-1, 3)
        return cls(take(flat, np.array(first)), state, edge, np.array(level), *found.T)

    def space(self, env: Environment, log_reward: Float[np.ndarray, " X"]) -> dict[str, Any]:
        """The same as JSON; rewards [X] are those of the objects that were drawn, in the order of their states."""
        can_stop = np.zeros(self.level.size, bool)
        can_stop[self.ends] = True
        # All that was drawn, and the states before in the order of their depth.
        numbers = np.concatenate([self.ends, np.arange(self.level.size)])[: self.ends.size + MOST_DRAWINGS // 2]
        return {
            "kind": "sampled",
            "counts": {"states": self.level.size, "edges": self.source.size, "objects": int(self.ends.size)},
            **_graph(self.level, self.source, self.target, self.action, can_stop),
            "log_reward": packed(log_reward),
            "log_paths": None,
            "objects": None,
            **_shown(env, self.states, np.unique(numbers)),
        }

    @property
    def last(self) -> Int[np.ndarray, " B"]:
        """The state at which each trajectory stopped."""
        return self.state[(self.state >= 0).sum(axis=0) - 1, np.arange(self.state.shape[1])]

    @property
    def ends(self) -> Int[np.ndarray, " X"]:
        """The states at which some trajectory stopped, each once."""
        return np.unique(self.last)
