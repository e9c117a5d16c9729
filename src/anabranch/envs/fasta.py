"""FASTA, which the shipped alignments are written in: a line with a name before each sequence."""

import re

from anabranch.envs.letters import Alignment, aligned
from anabranch.ground.errors import ConfigError

NOT_LETTERS = re.compile(r"[\s\d]")
"""Blanks and counts of sites, which some programs put between letters."""


def parse_fasta(text: str, *, where: str = "the alignment") -> Alignment:
    """Read FASTA: a line `>NAME` before each sequence, which may run over several lines; `;` begins a comment line.

    The name is the first word of its line. Letters are those of nucleotides or of amino acids, with the codes for
    several and for none, in capitals or not; blanks and digits between them are passed over. Raises ConfigError,
    naming the place, for anything else, and for what is no alignment.
    """
    sequences: dict[str, list[str]] = {}
    name = None
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith(";"):
            continue
        if words[0].startswith(">"):
            name = " ".join(words)[1:].strip().partition(" ")[0]
            _require_new_name(name, sequences, where, number)
            sequences[name] = []
        elif name is None:
            raise ConfigError(f"{where}, line {number}, has letters before the first name: begin with a line >NAME.")
        else:
            sequences[name].append(NOT_LETTERS.sub("", line))
    return aligned([(name, "".join(lines)) for name, lines in sequences.items()], where=where)


def _require_new_name(name: str, sequences: dict[str, list[str]], where: str, line: int) -> None:
    if not name:
        raise ConfigError(f"{where}, line {line}, has no name after >: each sequence needs one.")
    if name in sequences:
        raise ConfigError(f"{where}, line {line}, names {name!r} a second time: names must differ in their first word.")
