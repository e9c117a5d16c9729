"""RNA: words over A, C, G, U, worth the stability of their fold."""

import dataclasses
import math
from typing import Any

from anabranch.envs.sequences import Sequences
from anabranch.envs.tasks import Task, usual_settings
from anabranch.ground.extras import of_extra
from anabranch.rewards.host_reward import PythonReward


@dataclasses.dataclass(frozen=True)
class FoldingStability:
    """From sequences to exp(-E), E the minimum free energy of folding in kcal/mol (ViennaRNA, Lorenz et al. 2011)."""

    def __call__(self, objects: list[str]) -> list[float]:
        """Of some sequences."""
        fold = of_extra("RNA", extra="rna", needs="Folding needs ViennaRNA").fold
        return [math.exp(-fold(sequence)[1]) for sequence in objects]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoldingReward(PythonReward):
    """R = exp(-exponent * E), E the free energy of folding in kcal/mol: the larger the exponent, the more stable."""

    function: Any = FoldingStability()
    exponent: float = 0.5
    """Per kcal/mol; 1.62 would be Boltzmann's weight at 37 degrees Celsius."""


ENV = Sequences(alphabet="ACGU", shortest=14, longest=14)
TASKS = {
    "rna": Task(
        env=ENV,
        log_reward=FoldingReward(env=ENV, batch_size=32),
        name="rna",
        summary="RNA of 14 nucleotides, worth the stability of its fold",
        settings=usual_settings(steps=3_000, batch=32),
    )
}
