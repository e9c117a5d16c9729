"""Phylogenies: join two trees of a forest at a time until one is left; trees that need few changes are worth more."""

import dataclasses
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from anabranch.environment import Environment, Graph, State
from anabranch.envs.alignment_files import load_alignment
from anabranch.envs.dendrogram import dendrogram
from anabranch.envs.letters import Alignment
from anabranch.envs.newick import Tree, read_newick, robinson_foulds, taxa_of, write_newick
from anabranch.envs.parsimony import fitch_changes, least_changes, site_patterns
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.errors import ConfigError


class Phylogeny(Environment):
    """Rooted binary trees over the n sequences of an alignment: (2n - 3)!! topologies, 10,395 for n = 7.

    A tree is called by its least taxon. Row j of a state is the clade at which tree j was joined to a lesser
    one, empty as long as it is a tree of its own: the set of clades, whatever the order of the joins, so that
    a forest is one state. Label = pair i < j of trees; the joined tree is called i, and its last join is told
    by its clade, which stands in row j: at most one label a tree i, the backward slot. `alignment` is the
    path of a file of nucleotides or amino acids (FASTA; with the extra `bio` also PHYLIP, NEXUS and Clustal), or the
    name of a shipped one. PhyloGFN: Zhou et al. 2023 (arXiv:2310.08774).
    """

    alignment: str = "simulated-7"
    """A file of aligned sequences, or the name of a shipped one."""

    def __post_init__(self) -> None:
        _ = self.aligned

    @cached_property
    def aligned(self) -> Alignment:
        """The sequences."""
        return load_alignment(self.alignment)

    @property
    def taxa(self) -> tuple[str, ...]:
        """The names of the sequences."""
        return self.aligned.names

    @property
    def max_steps(self) -> int:
        return len(self.taxa) - 1

    @cached_property
    def pairs(self) -> Int[np.ndarray, "2 A"]:
        """The two trees of each label, the lesser first."""
        return np.array(np.triu_indices(len(self.taxa), 1))

    @property
    def backward_slot(self) -> np.ndarray:
        return self.pairs[0]

    def initial(self) -> Bool[Array, "taxa taxa"]:
        return jnp.zeros((len(self.taxa), len(self.taxa)), bool)

    def roots(self, state: Bool[Array, "taxa taxa"]) -> Bool[Array, "taxa taxa"]:
        """The taxa of the tree that holds each taxon."""
        return (state[:, :, None] & state[:, None, :]).any(0) | jnp.eye(len(self.taxa), dtype=bool)

    def step(self, state: Bool[Array, "taxa taxa"], action: Int[Array, ""]) -> Bool[Array, "taxa taxa"]:
        lesser, greater = jnp.asarray(self.pairs)[:, action]
        roots = self.roots(state)
        return state.at[greater].set(roots[lesser] | roots[greater])

    def undo(self, state: Bool[Array, "taxa taxa"], action: Int[Array, ""]) -> Bool[Array, "taxa taxa"]:
        return state.at[jnp.asarray(self.pairs)[1, action]].set(False)

    def legal(self, state: Bool[Array, "taxa taxa"]) -> Bool[Array, " A"]:
        free = ~state.any(1)
        return free[self.pairs[0]] & free[self.pairs[1]]

    def undoable(self, state: Bool[Array, "taxa taxa"]) -> Bool[Array, " A"]:
        there = state.any(1)
        whole = (state[None] == self.roots(state)[:, None]).all(2) & there[None] & ~there[:, None]
        return whole[self.pairs[0], self.pairs[1]]

    def can_stop(self, state: Bool[Array, "taxa taxa"]) -> Bool[Array, ""]:
        return jnp.all(state[1:].any(1))

    def log_path_count(self, state: Bool[Array, "taxa taxa"]) -> Float[Array, ""]:
        """log of joins! / product over all clades of the joins inside: the orders in which the forest can be made."""
        joins = jnp.maximum(state.sum(1) - 1, 1).astype(float)
        return jax.lax.lgamma(1.0 + state.any(1).sum().astype(float)) - jnp.log(joins).sum()

    def graph(self, state: Bool[Array, "taxa taxa"]) -> Graph:
        """Taxa; of each, whether it is the least of its tree, and of pairs, which stand in one tree or one clade."""
        together = self.roots(state)
        least = ~state.any(1)
        nodes = jnp.stack([least, together.mean(1), state.mean(1)], 1).astype(float)
        return Graph(nodes, jnp.stack([together, state], axis=-1).astype(float), jnp.ones(least.shape, bool))

    @property
    def label_nodes(self) -> np.ndarray:
        return self.pairs.T

    @property
    def slot_nodes(self) -> np.ndarray:
        return np.arange(self.num_slots)[:, None]

    def trees(self, state: State) -> list[Tree]:
        """The forest as nested pairs of names, the branch with the lesser taxon first."""
        clades, trees = np.asarray(state), dict[int, Tree](enumerate(self.taxa))
        for row in np.argsort(clades.sum(1), kind="stable"):
            if clades[row].any():
                least = int(np.argmax(clades[row]))
                trees[least] = (trees[least], trees.pop(int(row)))
        return list(trees.values())

    def decode(self, state: State) -> str:
        """The tree in Newick format; several, one after another, for a forest."""
        return " ".join(write_newick(tree) for tree in self.trees(state))

    def encode(self, item: str) -> Bool[Array, "taxa taxa"]:
        """The state of a tree in Newick format, whose branches may stand in any order.

        Raises ConfigError for what is no binary tree over just these taxa.
        """
        trees = read_newick(item)
        taxa = sorted(name for tree in trees for name in taxa_of(tree))
        if taxa != sorted(self.taxa):
            raise ConfigError(f"{item!r} must hold each of {', '.join(self.taxa)} once; it holds {', '.join(taxa)}.")
        number, clades = {name: at for at, name in enumerate(self.taxa)}, np.zeros((len(taxa), len(taxa)), bool)

        def place(tree: Tree) -> list[int]:
            if isinstance(tree, str):
                return [number[tree]]
            left, right = (place(branch) for branch in tree)
            clades[max(min(left), min(right)), left + right] = True
            return left + right

        for tree in trees:
            place(tree)
        return jnp.asarray(clades)

    def draw(self, state: State) -> str:
        """The forest as a dendrogram."""
        return dendrogram(self.trees(state))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parsimony:
    """log R = beta * (shift - M), with M the least changes of letters along the tree that explain the alignment.

    M is Fitch's score, summed over the sites. PhyloGFN writes R = exp((C - M) / T): beta = 1 / T and shift = C. Without
    a shift it is a bound that no tree goes below (each site needs one change less than it has letters), so that
    log R is at most 0. M does not depend on where the root stands: each unrooted tree is worth the same at each of
    its 2n - 3 places for a root. Of a forest, M counts the changes within its trees. On `simulated-7` the best trees
    need 79 changes, 8 more than the bound, and with the defaults log Z = -4.649764.
    """

    env: Phylogeny
    beta: float = 1.0
    """Nats that one change of a letter costs."""
    shift: float | None = None
    """Changes at which log R is 0; none: a bound that no tree goes below."""

    def __post_init__(self) -> None:
        numbers = (self.beta,) if self.shift is None else (self.beta, self.shift)
        if not all(abs(number) < float("inf") for number in numbers) or self.beta < 0:
            raise ConfigError(f"beta >= 0 and shift must be finite; given beta={self.beta}, shift={self.shift}.")

    def __call__(self, state: Bool[Array, "taxa taxa"]) -> Float[Array, ""]:
        """log R of one tree."""
        shift = least_changes(self.env.aligned.sets) if self.shift is None else self.shift
        return self.beta * (shift - self.changes(state).astype(float))

    def changes(self, state: Bool[Array, "taxa taxa"]) -> Int[Array, ""]:
        """M of a tree or a forest."""
        return fitch_changes(state, *site_patterns(self.env.aligned.sets))


SETTINGS = usual_settings(steps=10_000, batch=64, learning_rate=3e-3)
SEVEN = Phylogeny()

TASKS = {
    "phylogeny": Task(
        env=SEVEN,
        log_reward=Parsimony(env=SEVEN),
        name="phylogeny",
        summary="rooted trees over the sequences of an alignment, those with few changes first",
        settings=SETTINGS,
        distance=robinson_foulds,
    )
}
