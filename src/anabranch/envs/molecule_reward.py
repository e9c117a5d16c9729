"""Rewards of molecules: a product of scores by name, evaluated in plain Python."""

import dataclasses
from typing import Any

from anabranch.envs.oracles import oracle, scores
from anabranch.rewards.host_reward import PythonReward

TIMES = "*"
"""Stands between the scores of a product."""


@dataclasses.dataclass(frozen=True)
class MoleculeScores:
    """From SMILES to the scores of some names, one column each."""

    names: tuple[str, ...]

    def __call__(self, objects: list[str]) -> list[tuple[float, ...]]:
        """The scores of some molecules."""
        return [scores(smiles, self.names) for smiles in objects]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MoleculeReward(PythonReward):
    """The product of scores of a molecule: qed, sa, logp, similar:SMILES, or a task such as median1, to a power.

    0 where a word is no molecule.
    """

    function: Any = None
    score: str = "qed"
    """Scores by name, with * between them."""

    def __post_init__(self) -> None:
        names = tuple(name.strip() for name in self.score.split(TIMES))
        for name in names:
            oracle(name)
        object.__setattr__(self, "function", MoleculeScores(names))
        object.__setattr__(self, "combine", "product")
        super().__post_init__()
