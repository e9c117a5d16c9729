"""Aligned sequences: nucleotides or amino acids, and which of them each letter of a file stands for."""

import dataclasses
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from jaxtyping import UInt32

from anabranch.ground.errors import ConfigError

NUCLEOTIDES = "ACGT"
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
MISSING = "?-~.X*"
"""Unknown, or not there: it may be any letter. (A `*` ends a protein.)"""

NUCLEOTIDE_CODES = {
    **{letter: letter for letter in NUCLEOTIDES},
    "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", **dict.fromkeys("N" + MISSING, NUCLEOTIDES),
}  # fmt: skip
AMINO_ACID_CODES = {
    **{letter: letter for letter in AMINO_ACIDS},
    "B": "DN", "Z": "EQ", "J": "IL", **dict.fromkeys("UO" + MISSING, AMINO_ACIDS),
}  # fmt: skip
"""The codes of IUPAC; the two rare amino acids U and O, which the models do not know, may be any."""

CODES = {NUCLEOTIDES: NUCLEOTIDE_CODES, AMINO_ACIDS: AMINO_ACID_CODES}
KINDS = {NUCLEOTIDES: "nucleotides", AMINO_ACIDS: "amino acids"}


@dataclasses.dataclass(frozen=True)
class Alignment:
    """Sequences of one length, in capitals, each with a name of its own."""

    names: tuple[str, ...]
    sequences: tuple[str, ...]

    @cached_property
    def alphabet(self) -> str:
        """`NUCLEOTIDES` or `AMINO_ACIDS`.

        Amino acids where some letter is no code for nucleotides, and A C G T U N are less than half of the known
        letters: they are about a quarter of a protein, and nearly all of DNA with a slip of the pen in it.
        """
        letters = "".join(self.sequences)
        there = [letter for letter in letters if letter not in MISSING]
        plain = sum(letter in "ACGTUN" for letter in there)
        foreign = not NUCLEOTIDE_CODES.keys() >= set(there)
        return AMINO_ACIDS if foreign and plain < len(there) / 2 else NUCLEOTIDES

    @cached_property
    def sets(self) -> UInt32[np.ndarray, "taxa sites"]:
        """What each site may be, as bits: A = 1, C = 2, G = 4, T = 8, or A = 1 to Y = 2^19 of amino acids."""
        place = {letter: 1 << number for number, letter in enumerate(self.alphabet)}
        bits = {code: sum(place[letter] for letter in stands) for code, stands in CODES[self.alphabet].items()}
        return np.array([[bits[letter] for letter in sequence] for sequence in self.sequences], np.uint32)


def aligned(rows: Sequence[tuple[str, str]], *, where: str) -> Alignment:
    """The alignment of these rows of names and letters.

    Letters become capitals, and a dot becomes the letter of the first row, unless that row has dots itself: then
    a dot is a gap. Raises ConfigError, naming the row and the site, for a letter without a meaning, rows of unequal
    length, a name given twice, and fewer than two rows.
    """
    if len(rows) < 2:
        held = f"holds one sequence, {rows[0][0]!r}" if rows else "is empty"
        raise ConfigError(f"{where} {held}: a tree needs at least two, of one length, each with a name.")
    names = tuple(name for name, _ in rows)
    twice = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if twice is not None:
        raise ConfigError(f"{where} names {twice!r} a second time: names must differ in their first word.")
    first, *rest = (sequence.upper() for _, sequence in rows)
    for name, sequence in zip(names, (first, *rest), strict=True):
        if not sequence:
            raise ConfigError(f"{where}: {name!r} has no letters.")
        if len(sequence) != len(first):
            raise ConfigError(
                f"{where}: {names[0]!r} has {len(first)} sites and {name!r} has {len(sequence)}; "
                "align the sequences first: all must be equally long."
            )
    alignment = Alignment(
        names, (first, *(sequence if "." in first else _undotted(sequence, first) for sequence in rest))
    )
    _require_known_letters(alignment, where)
    return alignment


def _undotted(sequence: str, first: str) -> str:
    return "".join(above if letter == "." else letter for letter, above in zip(sequence, first, strict=True))


def _require_known_letters(alignment: Alignment, where: str) -> None:
    codes = CODES[alignment.alphabet]
    for name, sequence in zip(alignment.names, alignment.sequences, strict=True):
        site = next((at for at, letter in enumerate(sequence) if letter not in codes), None)
        if site is not None:
            raise ConfigError(
                f"{where}: {name!r} has {sequence[site]!r} at site {site + 1} of an alignment of "
                f"{KINDS[alignment.alphabet]}; known letters: {' '.join(codes)}."
            )
