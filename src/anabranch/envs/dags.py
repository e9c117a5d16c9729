"""Bayesian structure learning: directed acyclic graphs in proportion to their posterior given data."""

import dataclasses
import math
from functools import lru_cache, partial
from itertools import permutations
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.envs.bdeu import BDeu
from anabranch.envs.dag_data import Observed, local_score, observed
from anabranch.envs.dag_graphs import Dag, Dags, has_edge
from anabranch.envs.dag_scores import MOST_CACHED, LocalScore, random_network
from anabranch.envs.tasks import Settings, Task
from anabranch.evaluation.exact_law import ExactLaw
from anabranch.evaluation.facts import Fact
from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import Objective
from anabranch.rewards.anneal import Anneal
from anabranch.training.optimizer import Adam

SCORES = ("bge", "gaussian", "bic", "bdeu")


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class DagReward:
    """log R = sum over nodes of score(node, parents) - score(node, no parents), so that the empty graph has R = 1.

    With a uniform prior over graphs, R / Z is the posterior given the data. `score` is for numbers "bge" (`alpha_mu`,
    and `alpha_w`, by default nodes + 2), "gaussian" (weights from N(0, weight_scale^2), known `noise`) or "bic", for
    categories "bdeu" (`equivalent_sample_size`); see `anabranch.envs.dag_scores` and `anabranch.envs.bdeu`. With
    `centre` the mean of each column is taken off first, so that the origin of a measure does not matter; without, BGe
    and the Gaussian score take 0 as the mean that is expected.

    `data` are an array or the path of a CSV file, one column a node (`columns` chooses by name or number), or the name
    of a shipped table. Of a file its `sha256` is kept, and another content is refused. Without `data` they are
    `samples` draws of a random linear-Gaussian network (Erdos-Renyi with `expected_edges`, by default as many as
    nodes; noise of standard deviation `noise`; from `seed`), as in Deleu et al. 2022 (arXiv:2202.13903). Up to 12
    nodes local scores are computed once, in float64, and looked up; beyond, JAX computes them in float32.
    """

    env: Dags
    score: Literal["bge", "gaussian", "bic", "bdeu"] = "bge"
    """What a node is worth given its parents."""
    data: str | Any | None = None
    """A CSV file with one column for each node, or the name of a shipped table; none: drawn from a random network."""
    columns: tuple[str, ...] = ()
    """The columns of the file to take, by name; none: all."""
    sha256: str | None = None
    """Checksum that the file must have; none: any."""
    centre: bool = True
    """Whether the mean of each column is taken off first."""
    samples: int = 100
    """Rows that are drawn where there is no file."""
    expected_edges: float | None = None
    """Edges of the random network, on average."""
    noise: float = 0.1
    """Standard deviation of the noise of each node."""
    seed: int = 0
    """Of the random network and its rows."""
    weight_scale: float = 1.0
    """Standard deviation of the weights of edges."""
    alpha_mu: float = 1.0
    """BGe: weight of the prior mean, in observations."""
    alpha_w: float | None = None
    """BGe: degrees of freedom of the prior; none: nodes + 2."""
    equivalent_sample_size: float = 1.0
    """BDeu: weight of the prior, in observations."""
    observed: Observed | None = dataclasses.field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        nodes, pairs = self.env.nodes, self.env.max_steps
        if self.score not in SCORES:
            raise ConfigError(f"score is {', '.join(map(repr, SCORES))}; given {self.score!r}.")
        for name in ("noise", "weight_scale", "alpha_mu", "equivalent_sample_size"):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive and finite; given {getattr(self, name)}.")
        if self.alpha_w is not None and not nodes + 1 < self.alpha_w < math.inf:
            raise ConfigError(f"alpha_w must be finite and above nodes + 1 = {nodes + 1}; given {self.alpha_w}.")
        if not 0.0 <= self.edges_expected <= pairs:
            raise ConfigError(f"expected_edges must lie between 0 and {pairs}; given {self.expected_edges}.")
        if self.samples < 1 or self.seed < 0:
            raise ConfigError(f"samples >= 1 and seed >= 0 are needed; given {self.samples} and {self.seed}.")
        if self.data is not None:
            self._observe()
        elif self.score == "bdeu" or self.columns:
            what = "the score bdeu is of categories" if self.score == "bdeu" else "columns are chosen from data"
            raise ConfigError(f"{what}: give the data, an array or a CSV file (--reward.data FILE).")
        if self.score == "bdeu" and nodes > MOST_CACHED:
            raise ConfigError(f"BDeu scores are tabulated, up to {MOST_CACHED} nodes; given {nodes}.")

    def _observe(self) -> None:
        categorical = self.score == "bdeu"
        options = {"nodes": self.env.nodes, "columns": self.columns, "sha256": self.sha256}
        observations = observed(self.data, categorical=categorical, **options)
        if not isinstance(self.data, str):
            values = np.array(self.data)
            values.setflags(write=False)
            object.__setattr__(self, "data", values)
        object.__setattr__(self, "sha256", observations.sha256)
        object.__setattr__(self, "observed", observations)

    @property
    def edges_expected(self) -> float:
        """The expected number of edges of the random network."""
        return float(min(self.env.nodes, self.env.max_steps) if self.expected_edges is None else self.expected_edges)

    def network(self) -> tuple[Bool[np.ndarray, "nodes nodes"], Float[np.ndarray, "samples nodes"]]:
        """The random network's edges, and the data drawn from it."""
        options = {"expected_edges": self.edges_expected, "samples": self.samples, "noise": self.noise}
        return random_network(self.env.nodes, seed=self.seed, **options)

    def local_score(self) -> LocalScore | BDeu:
        """The score as a function of a node and its parents. Raises ConfigError where the data do not allow it."""
        names = tuple(map(str, range(self.env.nodes)))
        return local_score(
            self.score,
            self.observed or Observed(names, self.network()[1]),
            centre=self.centre,
            equivalent_sample_size=self.equivalent_sample_size,
            alpha_mu=self.alpha_mu,
            alpha_w=self.env.nodes + 2.0 if self.alpha_w is None else self.alpha_w,
            noise=self.noise,
            weight_scale=self.weight_scale,
        )

    def local(self, node: Int[Array, ""], parents: Bool[Array, " nodes"]) -> Float[Array, ""]:
        """The score of one node with these parents, minus that without any."""
        if self.env.nodes > MOST_CACHED:
            return _local_score(self).relative(node, parents)
        return jnp.asarray(_table(self), float)[node, parents @ (1 << jnp.arange(self.env.nodes))]

    def __call__(self, state: Dag) -> Float[Array, ""]:
        """log R of one graph."""
        return jax.vmap(self.local)(jnp.arange(self.env.nodes), state.edges.T).sum()

    def delta(self, state: Dag, action: Int[Array, ""]) -> Float[Array, ""]:
        """log R of the graph with the edge `action` minus log R of the graph without it, from one node's scores."""
        tail, head = action // self.env.nodes, action % self.env.nodes
        parents = state.edges[:, head]
        return self.local(head, parents.at[tail].set(True)) - self.local(head, parents.at[tail].set(False))

    def _identity(self) -> tuple[Any, ...]:
        names = (field.name for field in dataclasses.fields(self) if field.name not in ("data", "observed"))
        source = self.data if isinstance(self.data, str) else None
        return source, self.observed, *(getattr(self, name) for name in names)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DagReward) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


@lru_cache(maxsize=16)
def _local_score(reward: DagReward) -> LocalScore | BDeu:
    return reward.local_score()


@lru_cache(maxsize=16)
def _table(reward: DagReward) -> Float[np.ndarray, "nodes sets"]:
    """Local scores relative to no parents; 0 where a node would be its own parent, which no graph asks for."""
    scores = _local_score(reward).table()
    return np.nan_to_num(scores - scores[:, :1])


def edge_marginals(law: ExactLaw) -> tuple[Float[np.ndarray, "nodes nodes"], Float[np.ndarray, "nodes nodes"]]:
    """The probability of each edge u -> v, entry [u, v], under R / Z and under the policy."""
    edges = law.graph.object_states.edges.astype(np.float64)
    return np.tensordot(law.target, edges, 1), np.tensordot(law.model, edges, 1)


def edge_marginal_correlation(law: ExactLaw) -> float:
    """Pearson correlation of the edge marginals of R / Z with those of the policy, over all pairs u != v."""
    target, model = edge_marginals(law)
    pairs = ~np.eye(len(target), dtype=bool)
    return float(np.corrcoef(target[pairs], model[pairs])[0, 1])


def settings(objective: Objective, *, steps: int, edge_steps: int, batch: int) -> Settings:
    """On-policy with an annealed reward: scores on data span hundreds of nats, and the best graphs must be met first.

    Modified detailed balance, which learns from single edges, has more steps of its own, and a higher rate.
    """
    by_edges = objective.name == "mdb"
    return Settings(
        steps=edge_steps if by_edges else steps,
        batch=batch,
        optimizer=Adam(learning_rate=3e-3 if by_edges else 2e-3),
        anneal=Anneal(start=0.01, steps=edge_steps // 3 if by_edges else steps // 2),
        log_z_rate=1.0,
    )


def _task(name: str, nodes: int, **counts: int) -> Task:
    env = Dags(nodes=nodes)
    pairs = permutations(range(nodes), 2)
    return Task(
        env=env,
        log_reward=DagReward(env=env),
        name=name,
        summary=f"Bayesian networks of {nodes} nodes, by their score on data",
        facts={f"{tail}>{head}": Fact(event=partial(has_edge, tail=tail, head=head)) for tail, head in pairs},
        settings=partial(settings, **counts),
    )


TASKS = {
    "dags": _task("dags", 4, steps=5_000, edge_steps=15_000, batch=32),
    "dags-5": _task("dags-5", 5, steps=15_000, edge_steps=30_000, batch=64),
}
