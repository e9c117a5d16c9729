"""Phylogenies by likelihood: trees that make an alignment probable are worth more."""

import dataclasses

import numpy as np
from jaxtyping import Array, Bool, Float

from anabranch.envs.newick import robinson_foulds
from anabranch.envs.phylogeny import Phylogeny
from anabranch.envs.pruning import log_likelihood
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likelihood:
    """log R = beta * log P(alignment | tree), every branch `branch` expected changes a site long.

    All letters change into each other at one rate: Jukes and Cantor (1969) for nucleotides, the Poisson model
    with 20 letters for amino acids. With one length for all branches R is a function of the rooted tree alone. It is
    also the likelihood with the lengths integrated out, each site having lengths of its own: exponential ones of
    mean m are worth one fixed length, for nucleotides 3/4 log(1 + 4m/3). A letter that may be several stands for
    each of them, a gap for all. Of a forest, the logarithms of its trees are added up. On `primates-7` the best
    tree has log R = -3161.03, the worst -3802.65.
    """

    env: Phylogeny
    branch: float = 0.1
    """Expected changes a site along each branch."""
    beta: float = 1.0
    """Exponent of the likelihood."""

    def __post_init__(self) -> None:
        if not 0.0 < self.branch < float("inf") or not 0.0 <= self.beta < float("inf"):
            raise ConfigError(
                f"branch must be positive, beta >= 0, both finite; given branch={self.branch}, beta={self.beta}."
            )

    def __call__(self, state: Bool[Array, "taxa taxa"]) -> Float[Array, ""]:
        """log R of one tree."""
        aligned = self.env.aligned
        columns, count = np.unique(aligned.sets, axis=1, return_counts=True)
        letters = len(aligned.alphabet)
        return self.beta * log_likelihood(state, columns, count, letters=letters, branch=self.branch)


SETTINGS = usual_settings(steps=10_000, batch=64, learning_rate=3e-3)
PRIMATES = Phylogeny("primates-7")

TASKS = {
    "phylogeny-likelihood": Task(
        env=PRIMATES,
        log_reward=Likelihood(env=PRIMATES),
        name="phylogeny-likelihood",
        summary="rooted trees over seven primates, in proportion to the likelihood of their mitochondrial DNA",
        settings=SETTINGS,
        distance=robinson_foulds,
    )
}
