"""What a fragment is to the space that joins it: its points, what atoms they are at, and its symmetries."""

import dataclasses
import functools
from typing import Any

from anabranch.envs.chemistry import chemical
from anabranch.ground.errors import ConfigError

Permutation = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Shape:
    """A fragment with points 0 .. k - 1."""

    smiles: str
    at_carbon: tuple[bool, ...]
    """Whether each point is at a carbon atom."""
    symmetries: tuple[Permutation, ...]
    """All permutations of the points that a renumbering of its atoms makes, the identity among them."""

    @property
    def points(self) -> int:
        """How many points it has."""
        return len(self.at_carbon)


@functools.cache
def shape_of(smiles: str) -> Shape:
    """The shape of a fragment. Raises ConfigError where it is none."""
    chem = chemical("rdkit.Chem")
    found = chem.MolFromSmiles(smiles)
    points = {} if found is None else _points(found)
    if not points or sorted(points) != list(range(1, len(points) + 1)):
        raise ConfigError(f"A fragment is SMILES with points [*:1], [*:2], ...; given {smiles!r}.")
    neighbours = [points[number].GetNeighbors() for number in sorted(points)]
    if any(len(atoms) != 1 for atoms in neighbours):
        raise ConfigError(f"Each point of a fragment stands at the end of one bond; given {smiles!r}.")
    at_carbon = tuple(atoms[0].GetSymbol() == "C" for atoms in neighbours)
    return Shape(smiles, at_carbon, _symmetries(found, points))


def _points(molecule: Any) -> dict[int, Any]:
    return {atom.GetAtomMapNum(): atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() == 0}


def _symmetries(molecule: Any, points: dict[int, Any]) -> tuple[Permutation, ...]:
    """The permutations of points by the automorphisms of the fragment, all points taken as alike."""
    plain = chemical("rdkit.Chem").Mol(molecule)
    places = [points[number].GetIdx() for number in sorted(points)]
    for place in places:
        plain.GetAtomWithIdx(place).SetAtomMapNum(0)
    found = plain.GetSubstructMatches(plain, uniquify=False, maxMatches=100_000)
    return tuple(sorted({tuple(places.index(match[place]) for place in places) for match in found}))


def joined(shapes: list[Shape], bonds: list[tuple[int, int, int, int]]) -> str:
    """The canonical SMILES of fragments that are joined: (fragment, point, fragment, point); other points are hydrogen.

    Empty where RDKit takes the result for no molecule.
    """
    chem = chemical("rdkit.Chem")
    made = chem.RWMol()
    places: list[dict[int, int]] = []
    for shape in shapes:
        offset = made.GetNumAtoms()
        part = chem.MolFromSmiles(shape.smiles)
        made.InsertMol(part)
        points = _points(part)
        places.append({number - 1: offset + atom.GetIdx() for number, atom in points.items()})
    used = set()
    for one, point, other, entry in bonds:
        ends = (places[one][point], places[other][entry])
        first, second = (made.GetAtomWithIdx(end).GetNeighbors()[0].GetIdx() for end in ends)
        made.AddBond(first, second, chem.BondType.SINGLE)
        used.update(ends)
    for place in sorted((place for some in places for place in some.values()), reverse=True):
        if place not in used:  # a hydrogen stands here: of an aromatic nitrogen it must be said
            neighbour = made.GetAtomWithIdx(place).GetNeighbors()[0]
            if neighbour.GetIsAromatic() and neighbour.GetSymbol() == "N":
                neighbour.SetNumExplicitHs(1)
        made.RemoveAtom(place)
    try:
        chem.SanitizeMol(made)
    except Exception:
        return ""
    return chem.MolToSmiles(chem.MolFromSmiles(chem.MolToSmiles(made)) or made)
