"""Made-up alignments: sequences that evolved along a random tree (Jukes and Cantor 1969)."""

import numpy as np

from anabranch.envs.letters import NUCLEOTIDES, Alignment
from anabranch.envs.newick import Tree, write_newick
from anabranch.ground.errors import ConfigError


def simulate_alignment(taxa: int, sites: int, *, branch: float = 0.15, seed: int = 0) -> tuple[Alignment, str]:
    """Sequences t1, t2, ... at the leaves of a random rooted tree, and the tree in Newick format.

    Two trees of the forest are joined at random until one is left. Branch lengths, in expected changes a site,
    are exponential with mean `branch`; each letter changes by the model of Jukes and Cantor, so that at the end of
    a branch of length b it is any one of the other three with probability (1 - exp(-4b/3)) / 4. Raises
    ConfigError for settings out of range.
    """
    if taxa < 2 or sites < 1 or not 0.0 < branch < float("inf"):
        raise ConfigError(
            "An alignment needs taxa >= 2, sites >= 1 and a positive, finite branch; "
            f"given taxa={taxa}, sites={sites}, branch={branch}."
        )
    random = np.random.default_rng(seed)
    forest: list[Tree] = [f"t{number + 1}" for number in range(taxa)]
    while len(forest) > 1:
        first = forest.pop(int(random.random() * len(forest)))
        second = forest.pop(int(random.random() * len(forest)))
        forest.append((first, second))
    (tree,) = forest
    found: dict[str, str] = {}
    waiting = [(tree, (random.random(sites) * 4).astype(int))]
    while waiting:
        top, letters = waiting.pop()
        if isinstance(top, str):
            found[top] = "".join(NUCLEOTIDES[letter] for letter in letters)
            continue
        for child in top:
            changed = random.random(sites) < 0.75 * -np.expm1(4 / 3 * branch * np.log1p(-random.random()))
            other = (letters + 1 + (random.random(sites) * 3).astype(int)) % 4
            waiting.append((child, np.where(changed, other, letters)))
    names = tuple(sorted(found, key=lambda name: int(name[1:])))
    return Alignment(names, tuple(found[name] for name in names)), write_newick(tree)
