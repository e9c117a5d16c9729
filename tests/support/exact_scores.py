"""Scores of explored trajectories under policies that hold an exact flow: float64, through the library's own rooms."""

import dataclasses
from functools import lru_cache
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import anabranch as ab
from anabranch.environment import Environment
from anabranch.evaluation.flows import exact_flows, maximum_entropy_log_pb, uniform_log_pb
from anabranch.evaluation.targets import TabulatedReward
from anabranch.graph.state_graph import StateGraph
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.policies.backward.maxent import CountedPathsBackward, MaximumEntropyBackward
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.tabular import Tabular, TabularPolicy
from anabranch.sampling.explore import Explore
from anabranch.sampling.rollout import rollout
from anabranch.scoring.score import score
from anabranch.training.needs import filled
from anabranch.training.settings import Setup
from anabranch.trajectories import Scores
from support.catalogue import CATALOGUE
from support.spaces import SPACES, absolute_policy, graph_of, random_log_pb, random_log_reward

BATCH, ROWS, CHUNK = 64, 8, 16
P_B = {"uniform": uniform_log_pb, "maximum entropy": maximum_entropy_log_pb, "random": random_log_pb}


@dataclasses.dataclass(frozen=True, eq=False)
class TableReward(TabulatedReward):
    """A log-reward and an energy for each state of a graph; at objects the energy is -log R."""

    energies: np.ndarray

    def energy(self, state: Any) -> Any:
        return jnp.asarray(self.energies)[self.lookup(state)]

    @classmethod
    def random(cls, graph: StateGraph) -> "TableReward":
        """Random log-rewards of the objects, random energies of all other states."""
        known = TabulatedReward.of(graph, random_log_reward(graph))
        others = np.random.default_rng(1).normal(size=graph.num_states)
        return cls(known.lookup, known.log_weight, np.where(graph.can_stop, -known.log_weight, others))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Everything(TrajectoryBalance):
    """Asks for all that `extras` can give."""

    name: ClassVar[str] = "everything"
    needs: ClassVar[frozenset[str]] = frozenset(
        {"log_reward_at", "energy", "log_prior", "lagged_log_flow", "lagged_log_pb"}
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Bench:
    """A space with a random reward, and its programs, each compiled once."""

    env: Environment
    graph: StateGraph
    reward: TableReward
    lanes: int
    setup: Setup
    """With the plain reading."""
    both: bool
    """Whether packed and plain forms are both made, or one of them where one will do."""

    @lru_cache(maxsize=8)  # noqa: B019
    def policy(self, backward: str, *, beyond: bool = False) -> TabularPolicy:
        """The exact policy for a P_B; `beyond`: its state flows are those beyond the energy."""
        flows = exact_flows(self.graph, self.reward.log_weight[self.graph.objects], P_B[backward](self.graph))
        policy = absolute_policy(flows)
        if not beyond:
            return policy
        return eqx.tree_at(lambda one: one.log_flow, policy, policy.log_flow + jnp.asarray(self.reward.energies))

    @lru_cache(maxsize=8)  # noqa: B019
    def drawn(self, backward: str, *, beyond: bool = False) -> tuple[Any, Scores, Scores]:
        """Explored trajectories, and their scores as training makes them: packed, and plain."""
        constant = exact_flows(self.graph, np.zeros(self.graph.objects.size), P_B[backward](self.graph))
        policy, prior = self.policy(backward, beyond=beyond), absolute_policy(constant)
        keys = [jax.random.key(seed) for seed in range(BATCH // self.lanes)]
        drawn = [_drawn(self.setup, policy, prior, key, self.lanes, self.both) for key in keys]
        assert not any(bool(failed) for *_, failed in drawn)
        trajectories, packed, plain = (_one_batch([one[part] for one in drawn]) for part in range(3))
        return trajectories, _padded(packed), _padded(plain)

    def scores(self, backward: str, *, beyond: bool = False, plain: bool = False) -> Scores:
        """The scores of `drawn`."""
        return self.drawn(backward, beyond=beyond)[2 if plain else 1]

    @lru_cache(maxsize=8)  # noqa: B019
    def again(self, kind: str) -> tuple[Scores, Scores]:
        """The same trajectories read by a P_B without a head, or as flow matching: packed, and plain."""
        backward = {"uniform": UniformBackward(), "maximum entropy": MaximumEntropyBackward(), "flow": None}[kind]
        name = "uniform" if kind == "flow" else kind
        log_reward = self.scores(name).log_reward
        packed, plain = _again(self.setup, self.policy(name), backward, self.drawn(name)[0], log_reward, self.both)
        return _padded(packed), _padded(plain)


@lru_cache(maxsize=32)
def bench(space: str) -> Bench:
    """The bench of a space by name; to be used under 64 bits."""
    known = SPACES.get(space)
    env = known() if known is not None else CATALOGUE[space]()
    graph = graph_of(env)
    reward = TableReward.random(graph)
    options = {"objective": Everything(), "backward": CountedPathsBackward(), "policy": Tabular(), "chunk": None}
    setup = ab.setup(env, reward, level=0.0, steps=1, batch=1, explore=Explore(epsilon=0.5), **options)
    return Bench(env, graph, reward, 4 if known is None else 16, setup, known is not None)


def _one_batch(drawn: list[Any]) -> Any:
    """Several batches as one, in NumPy, which compiles nothing."""

    def joined(*leaves: Any) -> Any:
        return np.concatenate(leaves, min(leaves[0].ndim - 1, 1)) if leaves[0].ndim else np.asarray(leaves[0])

    return jax.tree.map(joined, *jax.tree.map(np.asarray, drawn))


def _padded(scores: Scores) -> Scores:
    """The same with so much padding that all spaces share one shape, and what is done to them one compilation."""

    def longer(rows: Any) -> Any:
        rows = np.asarray(rows)
        return jnp.asarray(np.pad(rows, ((0, ROWS - rows.shape[0]), (0, 0))) if rows.ndim == 2 else rows)

    return jax.tree.map(longer, scores)


@eqx.filter_jit
def _drawn(setup: Setup, policy: Any, prior: Any, key: Any, batch: int, both: bool) -> Any:
    trajectories, seen, flags = rollout(policy, setup.reading, key, batch, explore=setup.explore)
    log_reward = jax.vmap(setup.log_reward)(trajectories.objects)
    given = filled(setup, trajectories, lagged=policy, prior=prior)
    packed = dataclasses.replace(setup.reading, chunk=CHUNK)
    known = dataclasses.replace(score(policy, packed, trajectories, log_reward, known=seen), **given)
    if not both:
        return trajectories, known, known, flags.dead_end | flags.too_long
    fresh = dataclasses.replace(score(policy, setup.reading, trajectories, log_reward), **given)
    return trajectories, known, fresh, flags.dead_end | flags.too_long


@eqx.filter_jit
def _again(
    setup: Setup, policy: Any, backward: Any, trajectories: Any, log_reward: Any, both: bool
) -> tuple[Scores, Scores]:
    outflow = backward is None
    plain = dataclasses.replace(setup.reading, backward=backward, outflow=outflow)
    readings = dataclasses.replace(plain, chunk=CHUNK) if both else plain, plain
    one, other = (score(policy, reading, trajectories, log_reward, needs_inflow=outflow) for reading in readings)
    return one, other
