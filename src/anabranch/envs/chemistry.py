"""What RDKit does for the spaces of molecules: canonical SMILES, pictures, fingerprints, scaffolds, files."""

import functools
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from anabranch.ground.errors import ConfigError
from anabranch.ground.extras import of_extra

SVG = "http://www.w3.org/2000/svg"
WIDTH, HEIGHT = 240, 180
RADIUS, BITS = 2, 2048
"""Of Morgan fingerprints: ECFP4."""


def chemical(name: str) -> Any:
    """A module of RDKit or SELFIES, such as "rdkit.Chem"; the messages of RDKit are switched off.

    Raises ImportError, naming the extra, where it is not installed.
    """
    needed: dict[str, Any] = {"extra": "chem", "needs": "Molecules need RDKit and SELFIES"}
    of_extra("rdkit.RDLogger", **needed).DisableLog("rdApp.*")
    return of_extra(name, **needed)


def molecule(smiles: str) -> Any:
    """RDKit's molecule. Raises ConfigError where a text is none."""
    found = chemical("rdkit.Chem").MolFromSmiles(smiles)
    if found is None or found.GetNumAtoms() == 0:
        raise ConfigError(f"{smiles!r} is not the SMILES of a molecule.")
    return found


def canonical(smiles: str) -> str:
    """The canonical SMILES of a molecule; "" where a text is none."""
    chem = chemical("rdkit.Chem")
    found = chem.MolFromSmiles(smiles) if smiles else None
    return "" if found is None else chem.MolToSmiles(found)


def drawing(smiles: str) -> str | None:
    """A molecule as an SVG document; None where a text is none."""
    chem, draw = chemical("rdkit.Chem"), chemical("rdkit.Chem.Draw.rdMolDraw2D")
    found = chem.MolFromSmiles(smiles) if smiles else None
    if found is None:
        return None
    canvas = draw.MolDraw2DSVG(WIDTH, HEIGHT)
    canvas.drawOptions().clearBackground = False
    draw.PrepareAndDrawMolecule(canvas, found)
    canvas.FinishDrawing()
    return _with_plain_attributes(canvas.GetDrawingText())


SHAPES = {"path": ("d",), "ellipse": ("cx", "cy", "rx", "ry"), "rect": ("x", "y", "width", "height")}
PAINT = ("fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "fill-opacity", "stroke-opacity")


def _with_plain_attributes(svg: str) -> str:
    """RDKit's drawing with attributes in place of style sheets: what the pictures of a run can draw as well."""
    root = ElementTree.fromstring(svg)
    plain = ElementTree.Element("svg", {"xmlns": SVG, "viewBox": root.attrib["viewBox"]})
    for element in root:
        name = element.tag.rpartition("}")[2]
        if name in SHAPES:
            style = dict(part.split(":", 1) for part in element.attrib.get("style", "").split(";") if ":" in part)
            known = {**style, **element.attrib}
            ElementTree.SubElement(plain, name, {key: known[key] for key in (*SHAPES[name], *PAINT) if key in known})
    return ElementTree.tostring(plain, encoding="unicode")


@functools.lru_cache(maxsize=1)
def _generator() -> Any:
    return chemical("rdkit.Chem.rdFingerprintGenerator").GetMorganGenerator(radius=RADIUS, fpSize=BITS)


@functools.lru_cache(maxsize=100_000)
def morgan(smiles: str) -> Any:
    """The Morgan fingerprint of a molecule, as bits."""
    return _generator().GetFingerprint(molecule(smiles))


def distance(one: str, other: str) -> float:
    """1 minus the Tanimoto similarity of two molecules; 1 to what is none."""
    if not one or not other:
        return 0.0 if one == other else 1.0
    return 1.0 - chemical("rdkit.DataStructs").TanimotoSimilarity(morgan(one), morgan(other))


def scaffold(smiles: str) -> str:
    """The Bemis-Murcko scaffold of a molecule, as canonical SMILES; "" for one without rings."""
    found = chemical("rdkit.Chem.Scaffolds.MurckoScaffold").GetScaffoldForMol(molecule(smiles))
    return chemical("rdkit.Chem").MolToSmiles(found)


def scaffolds(smiles: Iterable[str]) -> int:
    """How many different scaffolds some molecules have."""
    return len({scaffold(one) for one in smiles if one})


def write_molecules(path: str | Path, columns: dict[str, Sequence[Any]]) -> Path:
    """Write molecules, or other objects, with their numbers into a file, by its ending: .csv, .sdf or .parquet.

    Arguments:
        path: of the file; one that is there is replaced when the new one is whole.
        columns: equally long; "smiles" among them for .sdf.

    Returns:
        The path.

    Raises:
        ConfigError: for another ending, and an .sdf file without molecules.
        ImportError: for .parquet without pyarrow.
    """
    place = Path(path)
    writer = writer_for(place)
    if place.suffix == ".sdf" and "smiles" not in columns:
        raise ConfigError(f"An .sdf file has a column smiles; given {', '.join(columns)}.")
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        writer(draft, columns)
        draft.replace(place)  # so that a file is whole, or not there
    finally:
        draft.unlink(missing_ok=True)
    return place


def writer_for(path: Path) -> Callable[[Path, dict[str, Sequence[Any]]], None]:
    """What writes columns into a file of that ending. Raises ConfigError where there is none."""
    if path.suffix not in WRITERS:
        raise ConfigError(f"Molecules are written as .csv, .sdf or .parquet; given {path.name!r}.")
    return WRITERS[path.suffix]


def _write_csv(path: Path, columns: dict[str, Sequence[Any]]) -> None:
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))


def _write_sdf(path: Path, columns: dict[str, Sequence[Any]]) -> None:
    chem = chemical("rdkit.Chem")
    writer = chem.SDWriter(str(path))
    try:
        for values in zip(*columns.values(), strict=True):
            row = dict(zip(columns, values, strict=True))
            # A word of SELFIES without an atom is the empty molecule: a record of it keeps the rows in step.
            found = molecule(row["smiles"]) if row["smiles"] else chem.Mol()
            chemical("rdkit.Chem.rdDepictor").Compute2DCoords(found)
            for name, value in row.items():
                found.SetProp(name, str(value))
            writer.write(found)
    finally:
        writer.close()


def _write_parquet(path: Path, columns: dict[str, Sequence[Any]]) -> None:
    needed: dict[str, Any] = {"extra": "parquet", "needs": "A .parquet file needs pyarrow"}
    arrow, parquet = of_extra("pyarrow", **needed), of_extra("pyarrow.parquet", **needed)
    parquet.write_table(arrow.table({name: list(values) for name, values in columns.items()}), str(path))


WRITERS = {".csv": _write_csv, ".sdf": _write_sdf, ".parquet": _write_parquet}
