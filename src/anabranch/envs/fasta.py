"""Alignments: equally long sequences of nucleotides, read from FASTA."""

import dataclasses
from importlib.resources import files
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from anabranch.errors import ConfigError

IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT", "?": "ACGT", "-": "ACGT",
}  # fmt: skip
"""The nucleotides that each letter may stand for; a gap may be any of them (missing data)."""

NUCLEOTIDES = "ACGT"
BITS = {letter: sum(1 << NUCLEOTIDES.index(base) for base in bases) for letter, bases in IUPAC.items()}
"""The same as sets of bits: A = 1, C = 2, G = 4, T = 8."""


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Sequences of one length, in capitals, each with a name of its own."""

    names: tuple[str, ...]
    sequences: tuple[str, ...]

    @property
    def sets(self) -> UInt8[np.ndarray, "taxa sites"]:
        """What each site may be, as bits."""
        return np.array([[BITS[letter] for letter in sequence] for sequence in self.sequences], np.uint8)


def shipped_alignments() -> list[str]:
    """The names of the alignments that come with the library."""
    return sorted(file.name.removesuffix(".fasta") for file in (files("anabranch.envs") / "alignments").iterdir())


def load_alignment(name: str) -> Alignment:
    """A shipped alignment by its name, or the FASTA file at that path.

    Raises ConfigError for a file that is not there or is no alignment.
    """
    known = shipped_alignments()
    if name in known:
        return parse_fasta((files("anabranch.envs") / "alignments" / f"{name}.fasta").read_text(), where=name)
    if not Path(name).is_file():
        raise ConfigError(f"There is no alignment {name!r}: give the path of a FASTA file, or {' or '.join(known)}.")
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The alignment {name} cannot be read as text: {error}.") from error
    return parse_fasta(text, where=name)


def parse_fasta(text: str, *, where: str = "the alignment") -> Alignment:
    """Read FASTA: a line `>NAME` before each sequence, which may run over several lines; `;` begins a comment line.

    The name is the first word of its line. Letters are A C G T (or U), the IUPAC codes of several, N or ? for any,
    and - for a gap, in capitals or not. Raises ConfigError, naming the place, for anything else, for sequences
    of unequal length, a name given twice, and fewer than two sequences.
    """
    found: dict[str, str] = {}
    name = None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith(";"):
            continue
        if words[0].startswith(">"):
            name = " ".join(words)[1:].strip().partition(" ")[0]
            _require_new_name(name, found, where, number)
            found[name] = ""
        elif name is None:
            raise ConfigError(f"{where}, line {number}, has letters before the first name: begin with a line >NAME.")
        else:
            found[name] += "".join(words).upper()
    _require_alignment(found, where)
    return Alignment(tuple(found), tuple(found.values()))


def _require_new_name(name: str, found: dict[str, str], where: str, line: int) -> None:
    if not name:
        raise ConfigError(f"{where}, line {line}, has no name after >: each sequence needs one.")
    if name in found:
        raise ConfigError(f"{where}, line {line}, names {name!r} a second time: names must differ in their first word.")


def _require_alignment(found: dict[str, str], where: str) -> None:
    if not found:
        raise ConfigError(f"{where} is empty: an alignment has a line >NAME before each sequence.")
    if len(found) < 2:
        raise ConfigError(f"{where} holds one sequence, {next(iter(found))!r}: a tree needs at least two.")
    for name, sequence in found.items():
        unknown = next((at for at, letter in enumerate(sequence) if letter not in IUPAC), None)
        if unknown is not None:
            letter, known = sequence[unknown], " ".join(IUPAC)
            raise ConfigError(f"{where}: {name!r} has {letter!r} at site {unknown + 1}; known letters: {known}.")
    first, length = next((name, len(sequence)) for name, sequence in found.items())
    for name, sequence in found.items():
        if not sequence:
            raise ConfigError(f"{where}: {name!r} has no letters.")
        if len(sequence) != length:
            raise ConfigError(
                f"{where}: {first!r} has {length} sites and {name!r} has {len(sequence)}; "
                "align the sequences first: all must be equally long."
            )
