"""Scores of Bayesian networks on data, node by node: BGe, the linear-Gaussian marginal likelihood, and BIC.

All three depend on the data through the log-determinants of a matrix over two sets of nodes: the parents
of a node, and its family (the node and its parents). So each is a `LocalScore`: that matrix, and a few numbers
for each number of parents. The means of the columns, which may be a million times what the columns vary by, are held
apart from the rest of that matrix: added to it, they would take its digits.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int
from scipy.special import gammaln

from anabranch.ground.errors import ConfigError

MOST_CACHED = 12
"""Most nodes of a table of local scores: it has nodes * 2^nodes entries."""


@dataclasses.dataclass(frozen=True, eq=False)
class LocalScore:
    """What a node with `count` parents adds to a graph's score, in nats; F and P are log-determinants.

    base[count] + family[count] F + parents[count] P + ratio exp(F - P), F over the node and its parents,
    P over the parents alone (0 over none), of matrix + outer(offset, offset).
    """

    matrix: Float[np.ndarray, "nodes nodes"]
    base: Float[np.ndarray, " nodes"]
    family: Float[np.ndarray, " nodes"]
    parents: Float[np.ndarray, " nodes"]
    offset: Float[np.ndarray, " nodes"]
    ratio: float = 0.0

    def table(self) -> Float[np.ndarray, "nodes sets"]:
        """The local score of each node with each set of parents, a bitmask (bit u: node u is a parent), in float64.

        NaN where a node would be its own parent. Raises ConfigError beyond `MOST_CACHED` nodes.
        """
        nodes = self.matrix.shape[0]
        if nodes > MOST_CACHED:
            raise ConfigError(f"Tables of local scores end at {MOST_CACHED} nodes; given {nodes}.")
        sets = np.arange(2**nodes)
        inside = (sets[:, None] >> np.arange(nodes)) & 1 > 0
        unit, correlation, offset = self._scaled()
        masked = np.where(inside[:, :, None] & inside[:, None, :], correlation, np.eye(nodes))
        apart = np.where(inside, offset, 0.0)
        added = np.log1p(np.sum(apart * np.linalg.solve(masked, apart[:, :, None])[:, :, 0], axis=1))
        log_det, count = np.linalg.slogdet(masked)[1] + inside @ (2 * np.log(unit)) + added, inside.sum(1)
        scores = np.full((nodes, sets.size), np.nan)
        for node in range(nodes):
            allowed = sets[~inside[:, node]]
            family, parents, size = log_det[allowed | 1 << node], log_det[allowed], count[allowed]
            scores[node, allowed] = self.base[size] + self.family[size] * family + self.parents[size] * parents
            scores[node, allowed] += self.ratio * np.exp(family - parents)
        return scores

    def relative(self, node: Int[Array, ""], parents: Bool[Array, " nodes"]) -> Float[Array, ""]:
        """The same for one node, minus its score without parents, computed by JAX."""
        alone = np.log(np.diag(self.matrix) + self.offset**2)
        empty = self.base[0] + self.family[0] * alone + self.ratio * np.exp(alone)
        count = jnp.sum(parents)
        outer, inner = self._log_det(parents.at[node].set(True)), self._log_det(parents)
        weighed = [
            jnp.asarray(column, float)[count] for column in (self.base - self.base[0], self.family, self.parents)
        ]
        start = jnp.asarray(empty - self.base[0], float)[node]
        return weighed[0] + weighed[1] * outer + weighed[2] * inner + self.ratio * jnp.exp(outer - inner) - start

    def _log_det(self, inside: Bool[Array, " nodes"]) -> Float[Array, ""]:
        unit, correlation, offset = (jnp.asarray(value, float) for value in self._scaled())
        root = jnp.linalg.cholesky(jnp.where(inside[:, None] & inside, correlation, jnp.eye(inside.size)))
        apart = solve_triangular(root, jnp.where(inside, offset, 0.0), lower=True)
        return 2.0 * jnp.sum(jnp.log(jnp.diag(root)) + inside * jnp.log(unit)) + jnp.log1p(jnp.sum(apart**2))

    def _scaled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The unit of each node in which the matrix has a diagonal of 1, and matrix and offset in these units."""
        unit = np.sqrt(np.diag(self.matrix))
        return unit, self.matrix / np.outer(unit, unit), self.offset / unit


def centred(
    data: Float[np.ndarray, "samples nodes"],
) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, "samples nodes"]]:
    """The means of the columns, and the data less these: differences from one row first, which lose no digit."""
    apart = data - data[0]
    return data[0] + apart.mean(0), apart - apart.mean(0)


def lost_nats(
    data: Float[np.ndarray, "samples nodes"], matrix: Float[np.ndarray, "nodes nodes"]
) -> Float[np.ndarray, " nodes"]:
    """By how many nats the rounding of a column's values in float64 may change a score.

    A value near m is rounded to the nearest multiple of the spacing of float64 there, an error of variance
    spacing^2 / 12, beside what the other columns leave over of the column (by `matrix`, the scatter of the data).
    """
    unit = np.sqrt(np.diag(matrix))
    rest = unit**2 / np.diag(np.linalg.inv(matrix / np.outer(unit, unit)))
    spacing = np.spacing(np.abs(data).max(0))
    return len(data) ** 2 * spacing**2 / (24 * rest)


def bge(
    data: Float[np.ndarray, "samples nodes"], *, alpha_mu: float, alpha_w: float, centre: bool = True
) -> LocalScore:
    """BGe: the marginal likelihood of Gaussian data under a Normal-Wishart prior.

    Its mean is that of the data, or 0 without `centre`, with weight `alpha_mu`; `alpha_w` > nodes + 1 degrees of
    freedom, and T = t I, where t = alpha_mu (alpha_w - nodes - 1) / (alpha_mu + 1). Graphs that encode the same
    independences have the same score. Geiger & Heckerman 2002, in the form corrected by Kuipers, Moffa & Heckerman
    2014 (arXiv:1402.6863).
    """
    samples, nodes = data.shape
    count = np.arange(nodes)
    mean, apart = centred(data)
    scale = alpha_mu * (alpha_w - nodes - 1) / (alpha_mu + 1)
    posterior = scale * np.eye(nodes) + apart.T @ apart
    offset = np.zeros(nodes) if centre else np.sqrt(samples * alpha_mu / (samples + alpha_mu)) * mean
    freedom = alpha_w - nodes + count
    base = (
        0.5 * np.log(alpha_mu / (samples + alpha_mu))
        + gammaln((samples + freedom + 1) / 2)
        - gammaln((freedom + 1) / 2)
        - 0.5 * samples * np.log(np.pi)
        + 0.5 * (freedom + count + 1) * np.log(scale)
    )
    return LocalScore(posterior, base, -(samples + freedom + 1) / 2, (samples + freedom) / 2, offset)


def gaussian(
    data: Float[np.ndarray, "samples nodes"], *, noise: float, weight_scale: float, centre: bool = True
) -> LocalScore:
    """The marginal likelihood of x = sum of w_u x_u over the parents + N(0, noise^2), with w_u ~ N(0, weight_scale^2).

    Closed form: log N(x; 0, noise^2 I + weight_scale^2 X X^T), X the columns of the parents. The means are those of
    the data, or 0 without `centre`. Equivalent graphs may differ in it.
    """
    samples, nodes = data.shape
    ridge, count = (noise / weight_scale) ** 2, np.arange(nodes)
    mean, apart = centred(data)
    matrix = apart.T @ apart + ridge * np.eye(nodes)
    offset = np.zeros(nodes) if centre else np.sqrt(samples) * mean
    # The sum of squares that the parents leave over is exp(F - P) - ridge.
    base = -0.5 * samples * np.log(2 * np.pi * noise**2) + 0.5 * count * np.log(ridge) + 0.5 * ridge / noise**2
    return LocalScore(matrix, base, np.zeros(nodes), np.full(nodes, -0.5), offset, -0.5 / noise**2)


def bic(data: Float[np.ndarray, "samples nodes"]) -> LocalScore:
    """The greatest log-likelihood of a linear-Gaussian node, minus log(samples) / 2 for each of its parameters.

    They are a weight for each parent, the mean and the variance. Schwarz 1978; equivalent graphs have the same score.
    """
    samples, nodes = data.shape
    apart = centred(data)[1]
    fit = 0.5 * samples * (np.log(samples) - np.log(2 * np.pi) - 1)
    base, half = fit - 0.5 * (np.arange(nodes) + 2) * np.log(samples), np.full(nodes, 0.5 * samples)
    return LocalScore(apart.T @ apart, base, -half, half, np.zeros(nodes))


def random_network(
    nodes: int, *, expected_edges: float, samples: int, noise: float, seed: int
) -> tuple[Bool[np.ndarray, "nodes nodes"], Float[np.ndarray, "samples nodes"]]:
    """A random linear-Gaussian network, and samples from it.

    Each pair of nodes has an edge with the same probability, along a random order of the nodes (Erdos-Renyi);
    weights are drawn from N(0, 1), and each node has noise of standard deviation `noise`. Entry [u, v] is the
    edge from u to v.
    """
    draw = np.random.default_rng(seed)
    order = draw.permutation(nodes)
    pairs = nodes * (nodes - 1) / 2
    edges = np.zeros((nodes, nodes), bool)
    edges[np.ix_(order, order)] = np.triu(draw.random((nodes, nodes)) * pairs < expected_edges, 1)
    weights = np.where(edges, draw.normal(size=(nodes, nodes)), 0.0)
    data = draw.normal(scale=noise, size=(samples, nodes))
    for node in order:
        data[:, node] += data @ weights[:, node]
    return edges, data
