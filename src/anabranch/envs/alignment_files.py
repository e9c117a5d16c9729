"""Alignments from files as people have them: what a file looks like, its text, and Biopython for all but FASTA."""

import re
from collections.abc import Callable, Sequence
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any

from anabranch.envs.fasta import parse_fasta
from anabranch.envs.letters import Alignment, aligned
from anabranch.ground.errors import ConfigError

BINARY = {
    b"\x1f\x8b": "a gzip file", b"PK\x03\x04": "a zip file or an Office document", b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file", b"%PDF": "a PDF",
}  # fmt: skip
UTF_16 = (b"\xff\xfe", b"\xfe\xff")

LOOKS = {
    "a PIR file": r">(P1|F1|D[LC]|R[LC]|N[13]|XX);",
    "a FASTA file": r"[>;]",
    "a NEXUS file": r"#NEXUS",
    "a Clustal file": r"(CLUSTAL|MUSCLE|MSAPROBS|Kalign|PROBCONS|Biopython)\b",
    "a PHYLIP file": r"\d+[ \t]+\d+([ \t]+[A-Za-z])?[ \t]*$",
    "a Stockholm file": r"# STOCKHOLM",
    "a GenBank file": r"LOCUS\b",
    "an EMBL file": r"ID[ \t]",
    "an MSF file": r"(!!|PileUp|MSF:)",
    "a MAF file": r"##maf",
    "a VCF file": r"##fileformat=VCF",
    "a FASTQ file": r"@",
    "a tree in Newick format": r"\(",
    "JSON": r"[{\[]",
    "XML or HTML": r"<",
}
"""What a text looks like by its first line that is not empty; the first that fits."""

READ = "alignments are read from FASTA, PHYLIP, NEXUS and Clustal files"
DOT = "\x01"
"""In the place of a dot, which Biopython refuses in PHYLIP; no text has this character."""


def shipped_alignments() -> list[str]:
    """The names of the alignments that come with the library."""
    return sorted(file.name.removesuffix(".fasta") for file in (files("anabranch.envs") / "alignments").iterdir())


def load_alignment(name: str) -> Alignment:
    """A shipped alignment by its name, or the file at that path: FASTA, PHYLIP, NEXUS or Clustal.

    The format is told by the first line, not by the name. Raises ConfigError for a file that is not there or is no
    alignment, saying what it looks like, and ImportError where a format needs the extra `bio`.
    """
    known = shipped_alignments()
    if name in known:
        return parse_fasta((files("anabranch.envs") / "alignments" / f"{name}.fasta").read_text("utf-8"), where=name)
    if not Path(name).is_file():
        choice = f"{', '.join(known[:-1])} or {known[-1]}"
        raise ConfigError(f"There is no alignment {name!r}: give the path of an alignment file, or {choice}.")
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"The alignment {name} cannot be read: {error}.") from error
    return parse_alignment(text_of(content, where=name), where=name)


def text_of(content: bytes, *, where: str, reads: str = READ) -> str:
    """The text of a file: UTF-8 or UTF-16 with or without its mark, else Latin-1; lines end with \\n.

    A Ctrl-Z at the end, from the days of DOS, is dropped. Raises ConfigError for what is no text, with what `reads`
    says can be read.
    """
    for signature, kind in BINARY.items():
        if content.startswith(signature):
            raise ConfigError(f"{where} looks like {kind}, not like text: unpack or export it; {reads}.")
    for encoding in ("utf-16",) if content.startswith(UTF_16) else ("utf-8-sig", "latin-1"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a")
    raise ConfigError(f"{where} cannot be read as text: {reads}.")


def looks_like(text: str) -> str | None:
    """What a text looks like by its first line that is not empty; None where it looks like nothing known."""
    start = _first_line(text)
    return next((kind for kind, pattern in LOOKS.items() if re.match(pattern, start, re.IGNORECASE)), None)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "")


def parse_alignment(text: str, *, where: str = "the alignment") -> Alignment:
    """Read a text in one of the four formats. Raises ConfigError, saying what it looks like, where that fails."""
    kind = looks_like(text)
    if kind == "a FASTA file":
        return parse_fasta(text, where=where)
    if kind in READERS:
        return _by_biopython(text, kind, where)
    if not text.strip():
        raise ConfigError(f"{where} is empty: {READ}.")
    seems = f"looks like {kind}" if kind else f"does not look like an alignment (it begins {_first_line(text)[:40]!r})"
    raise ConfigError(f"{where} {seems}: {READ}; convert it to one of these.")


def _by_biopython(text: str, kind: str, where: str) -> Alignment:
    """The first reading that is an alignment."""
    try:
        from Bio import AlignIO
    except ImportError as missing:
        raise ImportError(
            f"{where} looks like {kind}, which Biopython reads: pip install 'anabranch[bio]', or convert it to FASTA."
        ) from missing

    flavours, prepared = READERS[kind]
    problems: list[Exception] = []
    for prepare in prepared:
        for flavour in flavours:
            try:
                records: Any = AlignIO.read(StringIO(prepare(text)), flavour)
                rows = [(record.id.replace(DOT, "."), str(record.seq).replace(DOT, ".")) for record in records]
                if kind == "a PHYLIP file":
                    _require_counts(rows, text)
                return aligned(rows, where=f"{where} ({kind})")
            except Exception as error:  # Biopython's parsers raise whatever their code ran into.
                problems.append(error)
    refused = next((problem for problem in problems if isinstance(problem, ConfigError)), None)
    reason = str(problems[0]).strip().rstrip(".") or type(problems[0]).__name__
    seems = f"looks like {kind} (it begins {_first_line(text)[:40]!r})"
    raise refused or ConfigError(f"{where} {seems}, but Biopython cannot read it: {reason}.")


def _require_counts(rows: list[tuple[str, str]], text: str) -> None:
    """Raise ValueError where a reading of PHYLIP is not of the size that its first line says."""
    taxa, sites = (int(word) for word in text.split()[:2])
    odd = next((f"{name!r} has {len(sequence)}" for name, sequence in rows if len(sequence) != sites), None)
    if len(rows) != taxa or odd:
        raise ValueError(
            f"its first line says {taxa} rows of {sites} sites, and {odd or f'there are {len(rows)} rows'}"
        )


def _phylip(text: str) -> str:
    """The text with dots hidden, and without the letter for interleaved or sequential that PAML puts first."""
    head, _, rest = text.lstrip().partition("\n")
    return " ".join(head.split()[:2]) + "\n" + rest.replace(".", DOT)


def _numbered_phylip(text: str) -> str:
    """The same without the counts of sites around its blocks; names stand in the first block."""
    head, *filled = [line for line in _phylip(text).split("\n") if line.strip()]
    taxa = int(head.split()[0])
    first = [re.sub(r"[ \t]+\d+[ \t]*$", "", line) for line in filled[:taxa]]
    later = [re.sub(r"\d", "", line) for line in filled[taxa:]]
    return "\n".join([head, *first, *(line for line in later if line.strip())])


def _clustal(text: str) -> str:
    """The text, where it has rows: Biopython would wait for them."""
    if not text.strip().partition("\n")[2]:
        raise ValueError("it ends after its first line")
    return text + "\n"


def _unmarked_clustal(text: str) -> str:
    """The same without the lines that mark conserved sites: editors trim their blanks, which Biopython counts."""
    return "\n".join(line for line in _clustal(text).split("\n") if not line[:1].isspace()) + "\n"


def _nexus(text: str) -> str:
    """The text, where its characters are sequences."""
    kind = re.search(r"datatype\s*=\s*(\w+)", text, re.IGNORECASE)
    if kind and kind[1].lower() not in ("dna", "rna", "nucleotide", "protein"):
        raise ValueError(f"its datatype is {kind[1]}, not DNA, RNA, nucleotide or protein")
    return text


READERS: dict[str, tuple[Sequence[str], Sequence[Callable[[str], str]]]] = {
    "a NEXUS file": (["nexus"], [_nexus]),
    "a Clustal file": (["clustal"], [_clustal, _unmarked_clustal]),
    "a PHYLIP file": (["phylip-relaxed", "phylip", "phylip-sequential"], [_phylip, _numbered_phylip]),
}
"""Biopython's names of each format, and how a text is prepared for it: PHYLIP does not say of which kind it is."""
