"""What the oracles of molecules are made of: similarities, descriptors, shapes of a score, formulas and means."""

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from anabranch.envs.chemistry import chemical

Shape = Callable[[float], float]
Score = Callable[[Any], float]
"""From a molecule of RDKit to a number in [0, 1]."""


def gaussian(middle: float, width: float) -> Shape:
    """1 at the middle, falling on both sides."""
    return lambda x: math.exp(-0.5 * ((x - middle) / width) ** 2)


def at_least(middle: float, width: float) -> Shape:
    """1 from the middle on, falling below it."""
    return lambda x: 1.0 if x >= middle else gaussian(middle, width)(x)


def at_most(middle: float, width: float) -> Shape:
    """1 up to the middle, falling above it."""
    return lambda x: 1.0 if x <= middle else gaussian(middle, width)(x)


def up_to(top: float) -> Shape:
    """Rising from 0 to 1 at `top`, and 1 beyond."""
    return lambda x: min(1.0, max(0.0, x / top))


def as_it_is(x: float) -> float:
    """No shape at all."""
    return x


@dataclasses.dataclass(frozen=True)
class Similar:
    """The Tanimoto similarity to a molecule by the counts of a fingerprint: ECFP4, ECFP6, FCFP4 or AP."""

    smiles: str
    kind: str = "ECFP4"
    shape: Shape = as_it_is

    def __call__(self, molecule: Any) -> float:
        """Of a molecule."""
        target = _of_target(self.smiles, self.kind)
        same = chemical("rdkit.DataStructs").TanimotoSimilarity(target, fingerprint(molecule, self.kind))
        return self.shape(same)


def fingerprint(molecule: Any, kind: str) -> Any:
    """The counts of a fingerprint."""
    return _generator(kind).GetSparseCountFingerprint(molecule)


@functools.cache
def _generator(kind: str) -> Any:
    made = chemical("rdkit.Chem.rdFingerprintGenerator")
    if kind == "AP":
        return made.GetAtomPairGenerator(maxDistance=10)
    features = {"atomInvariantsGenerator": made.GetMorganFeatureAtomInvGen()} if kind == "FCFP4" else {}
    return made.GetMorganGenerator(radius=3 if kind == "ECFP6" else 2, **features)


@functools.cache
def _of_target(smiles: str, kind: str) -> Any:
    return fingerprint(chemical("rdkit.Chem").MolFromSmiles(smiles), kind)


DESCRIPTORS = {
    "log P": ("rdkit.Chem.Crippen", "MolLogP"),
    "TPSA": ("rdkit.Chem.rdMolDescriptors", "CalcTPSA"),
    "rings": ("rdkit.Chem.rdMolDescriptors", "CalcNumRings"),
    "aromatic rings": ("rdkit.Chem.rdMolDescriptors", "CalcNumAromaticRings"),
    "Bertz": ("rdkit.Chem.GraphDescriptors", "BertzCT"),
    "weight": ("rdkit.Chem.Descriptors", "MolWt"),
    "QED": ("rdkit.Chem.QED", "qed"),
}


@dataclasses.dataclass(frozen=True)
class Described:
    """A descriptor of RDKit, shaped."""

    name: str
    shape: Shape = as_it_is

    def __call__(self, molecule: Any) -> float:
        """Of a molecule."""
        module, function = DESCRIPTORS[self.name]
        return self.shape(float(getattr(chemical(module), function)(molecule)))


@dataclasses.dataclass(frozen=True)
class Atoms:
    """The number of atoms of an element, shaped."""

    element: str
    shape: Shape

    def __call__(self, molecule: Any) -> float:
        """Of a molecule."""
        return self.shape(float(atom_counts(molecule).get(self.element, 0)))


def atom_counts(molecule: Any) -> dict[str, int]:
    """How many atoms of each element a molecule has, hydrogen included."""
    counts: dict[str, int] = {"H": 0}
    for atom in molecule.GetAtoms():
        counts[atom.GetSymbol()] = counts.get(atom.GetSymbol(), 0) + 1
        counts["H"] += atom.GetTotalNumHs()
    return counts


@dataclasses.dataclass(frozen=True)
class Isomer:
    """How near a molecule is to a formula: the mean over its elements, and over the number of all atoms."""

    formula: str

    def __call__(self, molecule: Any) -> float:
        """Of a molecule."""
        wanted = {element: int(count or 1) for element, count in re.findall(r"([A-Z][a-z]?)(\d*)", self.formula)}
        counts = atom_counts(molecule)
        parts = [gaussian(float(number), 1.0)(float(counts.get(element, 0))) for element, number in wanted.items()]
        return geometric_mean([*parts, gaussian(float(sum(wanted.values())), 2.0)(float(sum(counts.values())))])


@dataclasses.dataclass(frozen=True)
class Holds:
    """1 where a molecule holds a pattern of SMARTS, else 0."""

    smarts: str

    def __call__(self, molecule: Any) -> float:
        """Of a molecule."""
        return float(molecule.HasSubstructMatch(_pattern(self.smarts)))


@functools.cache
def _pattern(smarts: str) -> Any:
    return chemical("rdkit.Chem").MolFromSmarts(smarts)


@dataclasses.dataclass(frozen=True)
class MeanOf:
    """The geometric mean of several scores."""

    parts: tuple[Score, ...]

    def __call__(self, molecule: Any) -> float:
        """Of a molecule."""
        return geometric_mean([part(molecule) for part in self.parts])


def geometric_mean(values: Sequence[float]) -> float:
    """0 where a value is 0."""
    if min(values) <= 0.0:
        return 0.0
    return math.exp(math.fsum(map(math.log, values)) / len(values))


def synthetic_accessibility(molecule: Any) -> float:
    """RDKit's SA_Score, 1 (easy) to 10, as a number from 1 to 0 (Ertl and Schuffenhauer 2009)."""
    return (10.0 - chemical("rdkit.Contrib.SA_Score.sascorer").calculateScore(molecule)) / 9.0


def scaled_log_p(molecule: Any) -> float:
    """Crippen's log P, from 0 at -2 to 1 at 6."""
    return min(1.0, max(0.0, (Described("log P")(molecule) + 2.0) / 8.0))
