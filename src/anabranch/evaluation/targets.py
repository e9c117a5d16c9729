"""What an objective's optimum samples in proportion to: the reward, a prior's law times R^beta, or a data set."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from anabranch.environment import State
from anabranch.evaluation.flows import edge_law, terminal_distribution
from anabranch.graph.enumeration import state_keys
from anabranch.graph.state_graph import StateGraph
from anabranch.ground.content import ByContent
from anabranch.objectives.base import Objective
from anabranch.policies.heads import Policy
from anabranch.policies.tabular import Lookup, remembered_lookup
from anabranch.sampling.draw import reading_for


def log_target(
    graph: StateGraph,
    log_reward: Float[np.ndarray, " X"],
    objective: Objective,
    *,
    prior: Policy | None = None,
    data: Any = None,
) -> Float[np.ndarray, " X"] | None:
    """The log weight of each of `graph.objects` at the optimum; None where its prior or its data are not at hand.

    `data` is a batch of finished states, each as often as it should be drawn.
    """
    chance = None
    if "log_prior" in objective.needs:
        if prior is None:
            return None
        chance = terminal_distribution(graph, edge_law(graph, prior, reading_for(graph.env, None)))
    elif objective.needs_data:
        if data is None:
            return None
        places = [graph.index[key] for key in state_keys(data)]
        chance = np.bincount(places, minlength=graph.num_states)[graph.objects] / len(places)
    with np.errstate(divide="ignore"):
        return log_reward if chance is None else objective.log_target(log_reward, np.log(chance))


@dataclasses.dataclass(frozen=True, eq=False)
class TabulatedReward(ByContent):
    """The log weights of the objects of a graph, as a reward of their states."""

    lookup: Lookup
    log_weight: Float[np.ndarray, " N"]

    @classmethod
    def of(cls, graph: StateGraph, log_weight: Float[np.ndarray, " X"]) -> "TabulatedReward":
        """From one number for each of `graph.objects`."""
        values = np.full(graph.num_states, -np.inf)
        values[graph.objects] = log_weight
        return cls(remembered_lookup(graph), values)

    def __call__(self, state: State) -> Float[Array, ""]:
        """The log weight of one finished state."""
        return jnp.asarray(self.log_weight, float)[self.lookup(state)]

    def minus(self, level: float) -> "TabulatedReward":
        """The same with all log weights less by a level, subtracted in float64."""
        return dataclasses.replace(self, log_weight=self.log_weight - level)
