"""Alignments in files as people have them: four formats and their oddities, each written on the spot."""

import builtins
import re
from itertools import groupby

import pytest

import anabranch as ab
from anabranch.envs.alignment_files import load_alignment
from anabranch.envs.letters import AMINO_ACIDS, NUCLEOTIDES
from support.tiny import answer

NAMES = ("Homo_sapiens", "Pan", "M.mulatta")
ROWS = ("AAGCTTCACCGG", "AAGCTTCACTGA", "A-GCTTNTCCGG")
FASTA = "".join(f">{name}\n{row}\n" for name, row in zip(NAMES, ROWS, strict=True))

PHYLIP_INTERLEAVED = """ 3 12
Homo_sapiens  AAGC TT
Pan           AAGC TT
M.mulatta     A-GC TT

CACC GG
CACT GA
NTCC GG
"""
PHYLIP_NUMBERED = """3 12
Homo_sapiens  AAGCTT 6
Pan           AAGCTT 6
M.mulatta     A-GCTT 6

           7  CACCGG 12
           7  CACTGA 12
           7  NTCCGG 12
"""
PHYLIP_SEQUENTIAL = """3 12
Homo sapieAAGCTT
CACCGG
Pan       AAGCTT
CACTGA
M.mulatta A-GCTT
NTCCGG
"""
PHYLIP_OF_PAML = PHYLIP_INTERLEAVED.replace("3 12", "3 12 I")
NEXUS = """#NEXUS
[!Data: made up]
begin taxa;
    dimensions ntax=3;
    taxlabels Homo_sapiens Pan M.mulatta;
end;
begin characters;
    dimensions nchar=12;
    format missing=? gap=- matchchar=. datatype=dna interleave;
    matrix
[               1    6]
Homo_sapiens    AAGCTT
Pan             ......
M.mulatta       .-....

Homo_sapiens    CACCGG [12]
Pan             ...T.A
M.mulatta       NT....
    ;
end;
begin paup;
    taxset apes = 1-2;
end;
"""
CLUSTAL = """CLUSTAL 2.1 multiple sequence alignment


Homo_sapiens      AAGCTT 6
Pan               AAGCTT 6
M.mulatta         A-GCTT 5
                  * ****

Homo_sapiens      CACCGG 12
Pan               CACTGA 12
M.mulatta         NTCCGG 11
                    * * 
"""  # noqa: W291
CLUSTAL_TRIMMED = CLUSTAL.replace("                  * ****", "")
"""Where no site of a block is conserved, its line of marks is blank, and editors cut it off."""


def written(place, content):
    """The path of a file with this content."""
    file = place / "my.aln"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(file)


@pytest.mark.parametrize("text", [
    FASTA, PHYLIP_INTERLEAVED, PHYLIP_NUMBERED, PHYLIP_OF_PAML, NEXUS, CLUSTAL, CLUSTAL_TRIMMED,
], ids=["fasta", "interleaved", "numbered", "paml", "nexus", "clustal", "trimmed"])  # fmt: skip
@pytest.mark.parametrize("dress", [
    lambda text: text,
    lambda text: text.replace("\n", "\r\n"),
    lambda text: text.replace("\n", "\r"),
    lambda text: "\ufeff" + text,
    lambda text: text + "\x1a",
    lambda text: text.encode("utf-16"),
    lambda text: re.sub(r"\b[ACGTN-]{6,}\b", lambda found: found[0].lower(), text),
], ids=["plain", "crlf", "cr", "mark", "ctrl-z", "utf-16", "lower"])  # fmt: skip
def test_every_format_reads_in_every_dress(tmp_path, text, dress):
    found = load_alignment(written(tmp_path, dress(text)))
    assert (found.names, found.sequences, found.alphabet) == (NAMES, ROWS, NUCLEOTIDES)


def test_phylip_of_ten_columns_reads_too(tmp_path):
    found = load_alignment(written(tmp_path, PHYLIP_SEQUENTIAL))
    assert (found.names, found.sequences) == (("Homo sapie", "Pan", "M.mulatta"), ROWS)


@pytest.mark.parametrize("text", [
    ">a\nACGT\n>b.1\n.-.A\n",
    "2 4\na    AC GT\nb.1  .- .A\n",
    "CLUSTAL W (1.83)\n\na    ACGT\nb.1  .-.A\n     * * \n",
], ids=["fasta", "phylip", "clustal"])  # fmt: skip
def test_a_dot_is_the_letter_of_the_first_row(tmp_path, text):
    found = load_alignment(written(tmp_path, text))
    assert (found.names, found.sequences) == (("a", "b.1"), ("ACGT", "A-GA"))


def test_a_dot_in_the_first_row_makes_dots_gaps(tmp_path):
    found = load_alignment(written(tmp_path, ">a\nAC.T\n>b\nA.GT\n"))
    assert found.sets.tolist() == [[1, 2, 15, 8], [1, 15, 4, 8]]


def test_unknown_letters_and_gaps_of_every_spelling_may_be_any(tmp_path):
    found = load_alignment(written(tmp_path, ">a\nACGTX*~?-N\n>b\nACGTACGTAC\n"))
    assert found.sets[0].tolist() == [1, 2, 4, 8, *[15] * 6]
    protein = load_alignment(written(tmp_path, ">a\nMKLEFX*~?-UO\n>b\nMKLEFMKLEFMK\n"))
    assert protein.sets[0, 5:].tolist() == [2**20 - 1] * 7


def test_names_in_latin_1_are_kept(tmp_path):
    found = load_alignment(written(tmp_path, ">Ménétriès_é\nACGT\n>Müller\nACGA\n".encode("latin-1")))
    assert found.names == ("Ménétriès_é", "Müller")


def test_counts_of_sites_in_fasta_are_passed_over(tmp_path):
    found = load_alignment(written(tmp_path, ">a\n 1 ACGT ACGT 8\n 9 AC 10\n>b\n 1 ACGT ACGA 8\n 9 AC 10\n"))
    assert found.sequences == ("ACGTACGTAC", "ACGTACGAAC")


@pytest.mark.parametrize("text", [
    ">a\nMKELIFBZJ\n>b\nMKE-IFDEI\n",
    "CLUSTAL W (1.83)\n\na   MKELIFBZJ 9\nb   MKE-IFDEI 8\n    *** **   \n",
    "2 9\na  MKELIFBZJ\nb  MKE-IFDEI\n",
    "#NEXUS\nbegin data;\ndimensions ntax=2 nchar=9;\nformat datatype=protein gap=-;\nmatrix\n"
    "a MKELIFBZ[I]L\nb MKE-IFDEI\n;\nend;\n",
], ids=["fasta", "clustal", "phylip", "nexus"])  # fmt: skip
def test_proteins_are_known_by_their_letters(tmp_path, text):
    found = load_alignment(written(tmp_path, text))
    assert found.alphabet == AMINO_ACIDS
    assert found.names == ("a", "b")
    bit = {letter: 2**number for number, letter in enumerate("ACDEFGHIKLMNPQRSTVWY")}
    stands = ["M", "K", "E", "L", "I", "F", "DN", "EQ", "L" if "NEXUS" in text else "IL"]
    assert found.sets[0].tolist() == [sum(bit[letter] for letter in letters) for letters in stands]
    assert found.sets[1, 3] == 2**20 - 1


@pytest.mark.parametrize("content, words", [
    (b"", "is empty"),
    (b"\x1f\x8b\x08\x00rest", "looks like a gzip file"),
    (b"PK\x03\x04rest", "looks like a zip file or an Office document"),
    (b"\x00\x01\x02", "cannot be read as text"),
    ("((a,b),c);\n", "looks like a tree in Newick format"),
    ("# STOCKHOLM 1.0\na ACGT\n//\n", "looks like a Stockholm file"),
    (">P1;CRAB\ntitle\nMKEL*\n", "looks like a PIR file"),
    ("LOCUS  X\nORIGIN\n", "looks like a GenBank file"),
    ("@read\nACGT\n+\nIIII\n", "looks like a FASTQ file"),
    ('{"a": "ACGT"}', "looks like JSON"),
    ("<html></html>", "looks like XML or HTML"),
    ("name,sequence\na,ACGT\n", "does not look like an alignment (it begins 'name,sequence')"),
    ("2 4\na  ACGT\nb  ACG\n", "a PHYLIP file (it begins '2 4'), but Biopython cannot read it: Sequences must all be"),
    ("3 4\na  ACGT\nb  ACGA\n", "looks like a PHYLIP file (it begins '3 4'), but Biopython cannot read it"),
    ("2 5\na  ACGT\nb  ACGA\n", "its first line says 2 rows of 5 sites, and 'a' has 4."),
    ("2 4\na  ACGT\na  ACGA\n", "(a PHYLIP file) names 'a' a second time"),
    ("CLUSTAL W (1.83)\n", "a Clustal file (it begins 'CLUSTAL W (1.83)'), but Biopython cannot read it: it ends"),
    ("CLUSTAL W (1.83)\n\na  ACJT\nb  ACGT\n", "(a Clustal file): 'a' has 'J' at site 3 of an alignment of nucl"),
    (NEXUS.replace("=dna", "=standard"), "a NEXUS file (it begins '#NEXUS'), but Biopython cannot read it: its data"),
    ("#NEXUS\nbegin trees;\ntree t = (a,b);\nend;\n", "Biopython cannot read it: No records found"),
    ("#NEXUS\n", "looks like a NEXUS file (it begins '#NEXUS'), but Biopython cannot read it"),
])  # fmt: skip
def test_what_cannot_be_read_is_named_as_what_it_is(tmp_path, content, words):
    file = written(tmp_path, content)
    with pytest.raises(ab.ConfigError, match=re.escape(words)) as refused:
        load_alignment(file)
    assert str(refused.value).startswith(file)
    assert "\n" not in str(refused.value)


def test_without_biopython_fasta_reads_and_the_rest_names_the_extra(tmp_path, monkeypatch):
    def without(name, *rest):
        if name.split(".")[0] == "Bio":
            raise ImportError(name)
        return known(name, *rest)

    known = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", without)
    assert load_alignment(written(tmp_path, FASTA)).sequences == ROWS
    sentence = r"looks like a NEXUS file, which Biopython reads: pip install 'anabranch\[bio\]', or convert it to FASTA"
    with pytest.raises(ImportError, match=sentence):
        load_alignment(written(tmp_path, NEXUS))


def test_the_command_line_takes_a_file_of_another_format(tmp_path):
    code, out, _ = answer("check", "phylogeny", "--env.alignment", written(tmp_path, CLUSTAL))
    assert code == 0
    assert "proved" in out
    code, _, err = answer("check", "phylogeny", "--env.alignment", written(tmp_path, "((a,b),c);"))
    assert code == 2
    assert [key for key, _ in groupby(err.strip().split("\n"))] == [err.strip()]
    assert "looks like a tree in Newick format" in err
