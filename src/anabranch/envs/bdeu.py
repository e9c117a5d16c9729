"""BDeu: the marginal likelihood of a Bayesian network on categories."""

import dataclasses
import math

import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.special import gammaln

from anabranch.envs.dag_scores import MOST_CACHED
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, eq=False)
class BDeu:
    """The marginal likelihood of categories under Dirichlet priors that are worth `sample_size` samples.

    Each combination of the categories of a node and its parents has the same share of them (Buntine 1991;
    Heckerman, Geiger & Chickering 1995), so that graphs that encode the same independences have the same score. With
    H(S) = sum over the combinations of the variables S that occur, n times each, of
    log Gamma(a + n) - log Gamma(a), a = sample_size / number of possible combinations, a node adds
    H(node and parents) - H(parents).
    """

    codes: Int[np.ndarray, "samples nodes"]
    """The category of each value, from 0 on."""
    categories: tuple[int, ...]
    """How many each node has."""
    sample_size: float

    def table(self) -> Float[np.ndarray, "nodes sets"]:
        """The local score of each node with each set of parents, a bitmask (bit u: node u is a parent), in float64.

        NaN where a node would be its own parent. Raises ConfigError beyond `MOST_CACHED` nodes.
        """
        nodes = self.codes.shape[1]
        if nodes > MOST_CACHED:
            raise ConfigError(f"BDeu scores are tabulated, up to {MOST_CACHED} nodes; given {nodes}.")
        joint = np.zeros(2**nodes)
        self._fill(joint, 0, np.zeros(len(self.codes), np.int64), 0)
        sets = np.arange(2**nodes)
        bits = 1 << np.arange(nodes)
        inside = (sets & bits[:, None]) > 0
        return np.where(inside, np.nan, joint[sets | bits[:, None]] - joint[sets])

    def relative(self, node: Int[Array, ""], parents: Bool[Array, " nodes"]) -> Float[Array, ""]:
        """Raises ConfigError: beyond tables there is no BDeu."""
        raise ConfigError(f"BDeu scores are tabulated, up to {MOST_CACHED} nodes; given {self.codes.shape[1]}.")

    def _fill(
        self, joint: Float[np.ndarray, " sets"], mask: int, cell: Int[np.ndarray, " samples"], start: int
    ) -> None:
        """H of a set, and of all that have further nodes; `cell` tells the combination that each sample has."""
        count = np.bincount(cell)
        combinations = math.prod(size for node, size in enumerate(self.categories) if mask >> node & 1)
        share = self.sample_size / combinations
        joint[mask] = np.sum(gammaln(share + count) - gammaln(share))
        for node in range(start, self.codes.shape[1]):
            finer = cell * self.categories[node] + self.codes[:, node]
            self._fill(joint, mask | 1 << node, np.unique(finer, return_inverse=True)[1], node + 1)
