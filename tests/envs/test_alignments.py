"""Alignments and trees as text: what is read, what is refused, and where the shipped ones come from."""

import ast
import re
from importlib.resources import files

import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.alignment_files import load_alignment, shipped_alignments
from anabranch.envs.fasta import parse_fasta
from anabranch.envs.jukes_cantor import simulate_alignment
from anabranch.envs.newick import read_newick, robinson_foulds, taxa_of, write_newick


def test_fasta_is_read_over_lines_in_any_case_with_comments():
    text = "; a comment\n>first one of two\nacg\nTN\n\n>second\nRY-?U\n"
    found = parse_fasta(text)
    assert found.names == ("first", "second")
    assert found.sequences == ("ACGTN", "RY-?U")
    assert found.sets.tolist() == [[1, 2, 4, 8, 15], [5, 10, 15, 15, 8]]


def test_every_code_stands_for_its_nucleotides():
    """IUPAC-IUB 1984; written out as sums of A = 1, C = 2, G = 4, T = 8."""
    letters = {"R": 5, "Y": 10, "S": 6, "W": 9, "K": 12, "M": 3, "B": 14, "D": 13, "H": 11, "V": 7, "N": 15, "-": 15}
    sequence = "".join(letters)
    assert parse_fasta(f">a\n{sequence}\n>b\n{sequence}\n").sets[0].tolist() == list(letters.values())


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "empty"),
        ("; nothing but a comment\n", "empty"),
        (">a\nACGT\n", "one sequence, 'a': a tree needs at least two"),
        (">a\nACGT\n>b\nACG\n", "'a' has 4 sites and 'b' has 3"),
        (">a\nACGT\n>b\nACJT\n", "'b' has 'J' at site 3 of an alignment of nucleotides"),
        (">a\nMKELIF\n>b\nMK1EL#F\n", "'b' has '#' at site 5 of an alignment of amino acids"),
        (">a\nACGT\n>b\nACGT\n>a again\nACGT\n", "line 5, names 'a' a second time"),
        ("ACGT\n>a\nACGT\n", "line 1, has letters before the first name"),
        (">\nACGT\n>b\nACGT\n", "line 1, has no name"),
        (">a\n>b\n", "'a' has no letters"),
    ],
)
def test_what_is_no_alignment_is_refused_in_a_sentence(text, words):
    with pytest.raises(ab.ConfigError, match=re.escape(words)) as refused:
        parse_fasta(text, where="my.fasta")
    assert str(refused.value).startswith("my.fasta")


def test_a_file_is_read_and_an_absent_or_binary_one_refused(tmp_path):
    (tmp_path / "my.fasta").write_text(">a\nAC\n>b\nAG\n")
    assert load_alignment(str(tmp_path / "my.fasta")).sequences == ("AC", "AG")
    with pytest.raises(ab.ConfigError, match=r"no alignment 'simulated-8'.*primates-7, simulated-4 or simulated-7"):
        load_alignment("simulated-8")
    (tmp_path / "image").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ab.ConfigError, match="cannot be read as text"):
        load_alignment(str(tmp_path / "image"))


@pytest.mark.parametrize("name", [name for name in shipped_alignments() if name.startswith("simulated")])
def test_shipped_alignments_are_made_as_they_say(name):
    text = (files("anabranch.envs") / "alignments" / f"{name}.fasta").read_text()
    settings = re.search(r"simulate_alignment\((.*)\)", text)[1]
    options = {word.arg: ast.literal_eval(word.value) for word in ast.parse(f"f({settings})").body[0].value.keywords}
    alignment, tree = simulate_alignment(**options)
    assert load_alignment(name) == alignment
    assert tree in text


def test_the_primates_are_two_open_reading_frames():
    """456 and 237 sites in frame: no stop of vertebrate mitochondria in any of the seven."""
    alignment = load_alignment("primates-7")
    assert alignment.names[:2] == ("Homo_sapiens", "Pan")
    assert len(alignment.names) == 7
    for sequence in alignment.sequences:
        for part in (sequence[:456], sequence[456:]):
            assert not {"TAA", "TAG", "AGA", "AGG"} & {part[at : at + 3] for at in range(0, len(part), 3)}
        assert len(sequence) == 456 + 237
        assert set(sequence) == set("ACGT")


def test_simulated_letters_change_as_often_as_jukes_and_cantor_say():
    """Two taxa lie two branches apart, the branches exponential: E[same] = 1/4 + 3/4 E[exp(-4b/3)]^2."""
    branch, draws = 0.3, 400
    same = []
    for seed in range(draws):
        first, second = simulate_alignment(2, 50, branch=branch, seed=seed)[0].sequences
        same.append(np.mean([a == b for a, b in zip(first, second, strict=True)]))
    expected = 0.25 + 0.75 / (1 + 4 * branch / 3) ** 2
    error = np.std(same) / draws**0.5
    assert abs(np.mean(same) - expected) < 4 * error
    assert abs(np.mean(same) - (0.25 + 0.75 / (1 + 4 * branch / 3))) > 8 * error, "one branch alone would differ"


def test_impossible_simulations_are_refused():
    for options in ({"taxa": 1, "sites": 5}, {"taxa": 3, "sites": 0}, {"taxa": 3, "sites": 5, "branch": 0.0}):
        with pytest.raises(ab.ConfigError, match=r"taxa >= 2, sites >= 1"):
            simulate_alignment(**options)


def test_newick_is_written_and_read():
    tree = (("a", ("it's", "b c")), "d")
    assert write_newick(tree) == "((a,('it''s','b c')),d);"
    assert read_newick(write_newick(tree)) == [tree]
    assert list(taxa_of(tree)) == ["a", "it's", "b c", "d"]
    assert read_newick("a; (b,c);") == ["a", ("b", "c")]


def test_newick_passes_over_lengths_labels_and_comments():
    assert read_newick("((a:0.1, b:1e-3)0.95:2,[outgroup] c)root;") == [(("a", "b"), "c")]
    assert read_newick("(a,b)") == [("a", "b")]
    assert read_newick("[&R] ('a b'[&rate=.1]:1E-3,\r\n(M._x:-0.5,'c')100:0.2):0;\r\n") == [("a b", ("M._x", "c"))]


def test_trees_differ_by_the_clades_that_only_one_of_them_has():
    """Clades ab, abc and de against ab, abd and abcd: 1 of 3 shared, 4 of 6 are not."""
    assert robinson_foulds("(((a,b),c),(d,e));", "((((a,b),d),c),e);") == 4 / 6
    assert robinson_foulds("((c,(b,a)),(d,e));", "(((a,b),c),(e,d));") == 0.0
    assert robinson_foulds("((a,b),(c,d));", "((a,c),(b,d));") == 1.0
    assert robinson_foulds("(a,b);", "(b,a);") == 0.0


@pytest.mark.parametrize(
    "text, words",
    [
        ("(a,b,c);", "has , where ')' should stand"),
        ("(a);", "has ) where ',' should stand"),
        ("(a,b", "has its end where ')' should stand"),
        ("(a,);", "has ) where the name of a taxon should stand"),
        ("(a,b) c d;", "has d where ';' should stand"),
        ("(a,'b);", '"\'" at character 4'),
    ],
)
def test_what_is_no_binary_tree_is_refused(text, words):
    with pytest.raises(ab.ConfigError, match=re.escape(words)):
        read_newick(text)
