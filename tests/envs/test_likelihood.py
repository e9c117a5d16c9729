"""Phylogenies by likelihood: the pruning against a plain sum over all letters at inner nodes, in float64."""

import dataclasses
import itertools
import re

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.letters import CODES, Alignment
from anabranch.envs.likelihood import Likelihood
from anabranch.envs.newick import read_newick
from anabranch.envs.phylogeny import Parsimony, Phylogeny


def space_of(place, names, sequences):
    place.write_text("".join(f">{name}\n{row}\n" for name, row in zip(names, sequences, strict=True)))
    return Phylogeny(str(place))


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """Four taxa of DNA, with a repeated column, an ambiguous letter and a gap."""
    rows = ("AACGTRA", "AACTTCA", "GGC-TCA", "GGTTACN")
    return space_of(tmp_path_factory.mktemp("four") / "four.fasta", "abcd", rows)


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """Three taxa of protein, so that the sum over two inner nodes has 400 terms a site."""
    return space_of(tmp_path_factory.mktemp("three") / "three.fasta", "abc", ("MKEB", "MREX", "LKE-"))


def summed(tree, alignment, branch):
    """log P(alignment | tree): for each site the sum over every letter at every inner node, nothing clever."""
    alphabet, codes = alignment.alphabet, CODES[alignment.alphabet]
    letters, rows = len(alphabet), dict(zip(alignment.names, alignment.sequences, strict=True))
    same = np.exp(-branch * letters / (letters - 1))
    change = np.where(np.eye(letters) > 0, same + (1 - same) / letters, (1 - same) / letters)
    inner, edges = [], []

    def number(node):
        if isinstance(node, str):
            return node
        inner.append(node)
        mine = len(inner) - 1
        edges.extend((mine, number(child)) for child in node)
        return mine

    number(tree)
    total = 0.0
    for site in range(len(alignment.sequences[0])):
        tips = {name: [alphabet.index(letter) for letter in codes[row[site]]] for name, row in rows.items()}
        total += np.log(sum(
            np.prod([change[at[up], at[to] if isinstance(to, int) else tips[to]].sum() for up, to in edges])
            for at in itertools.product(range(letters), repeat=len(inner))
        ) / letters)  # fmt: skip
    return total


@pytest.mark.thorough
@pytest.mark.parametrize("space, branch", [("four", 0.1), ("four", 2.0), ("three", 0.3)])
def test_pruning_is_the_sum_over_all_letters_at_inner_nodes(request, space, branch):
    env = request.getfixturevalue(space)
    graph = ab.state_graph(env)
    found = ab.log_rewards(graph, Likelihood(env=env, branch=branch))
    trees = [read_newick(graph.decode(int(state)))[0] for state in graph.objects]
    truth = np.array([summed(tree, env.aligned, branch) for tree in trees])
    np.testing.assert_allclose(found, truth, rtol=2e-6)
    assert len(np.unique(truth.round(6))) > len(trees) / 4, "a likelihood that does not look at the tree would pass"
    tempered = ab.log_rewards(graph, Likelihood(env=env, branch=branch, beta=0.25))
    np.testing.assert_allclose(tempered, truth / 4, rtol=2e-6)


def test_a_forest_has_the_likelihoods_of_its_trees(four):
    """A taxon alone has probability 1/4 a letter; Jukes and Cantor's closed form for two taxa, two branches apart."""
    reward = Likelihood(env=four)
    codes, rows = CODES["ACGT"], four.aligned.sequences
    alone = [sum(np.log(len(codes[letter]) / 4) for letter in row) for row in rows]
    assert float(reward(four.initial())) == pytest.approx(sum(alone), rel=1e-6)
    same = 0.25 + 0.75 * np.exp(-4 / 3 * 0.2)
    pair = sum(
        np.log(sum(same if x == y else (1 - same) / 3 for x in codes[one] for y in codes[two]) / 4)
        for one, two in zip(rows[0], rows[2], strict=True)
    )
    forest = float(reward(four.encode("(a,c); b; d;")))
    assert forest == pytest.approx(pair + alone[1] + alone[3], rel=1e-6)


def test_nothing_underflows_over_many_taxa(tmp_path):
    """60 taxa without a shared letter: 1e-60 and less a site, which float32 cannot hold."""
    rows = ["".join("ACGT"[(taxon + site) % 4] for site in range(4)) for taxon in range(60)]
    env = space_of(tmp_path / "many.fasta", [f"t{number}" for number in range(60)], rows)
    tree = "t0"
    for number in range(1, 60):
        tree = f"({tree},t{number})"
    value = float(Likelihood(env=env, branch=0.01)(env.encode(tree + ";")))
    assert -1_500 < value < -4 * 60 * np.log(4) / 2
    assert value / 4 < np.log(np.finfo(np.float32).tiny), "one site would underflow"


def test_exponential_lengths_integrated_out_are_one_fixed_length(four):
    """Mean m for each branch and site is worth 3/4 log(1 + 4m/3): here for two taxa by quadrature."""
    mean, lengths = 0.3, (np.arange(40_000) + 0.5) * 1e-4
    weights = np.exp(-lengths / mean) / mean * 1e-4
    kept = (weights * np.exp(-4 / 3 * lengths)).sum()
    assert np.exp(-4 / 3 * 0.75 * np.log(1 + 4 * mean / 3)) == pytest.approx(kept, rel=1e-4)


BEST = "(((((Homo_sapiens,Pan),Gorilla),Pongo),Hylobates),(Macaca_fuscata,Macaca_mulatta));"
"""The accepted tree: chimpanzee beside man, then gorilla, orang-utan, gibbon, and the two macaques."""

SECOND = "((((Homo_sapiens,(Pan,Gorilla)),Pongo),Hylobates),(Macaca_fuscata,Macaca_mulatta));"
WORST = "(((Homo_sapiens,Hylobates),(Gorilla,Macaca_fuscata)),((Pan,Macaca_mulatta),Pongo));"


def test_real_primates_have_the_documented_likelihoods():
    """In float64, without the library; all 10,395 trees lie between the best and the worst."""
    reward = ab.make("phylogeny-likelihood").log_reward
    columns, count = np.unique(
        np.array([list(row) for row in reward.env.aligned.sequences]), axis=1, return_counts=True
    )
    truth = []
    for text in (BEST, SECOND, WORST):
        below = root_of(read_newick(text)[0], dict(zip(reward.env.taxa, columns, strict=True)))
        truth.append(count @ np.log(below.mean(1)))
    found = [float(reward(reward.env.encode(text))) for text in (BEST, SECOND, WORST)]
    np.testing.assert_allclose(found, truth, atol=2e-3)
    stated = [float(number) for number in re.findall(r"-\d+\.\d\d", Likelihood.__doc__)]
    assert [truth[0], truth[2]] == pytest.approx(stated, abs=0.005)
    assert truth[0] - truth[1] == pytest.approx(4.13, abs=0.01)
    changes = Parsimony(env=reward.env).changes
    assert int(changes(reward.env.encode(BEST))) < int(changes(reward.env.encode(WORST)))


def root_of(tree, columns):
    """P(column | letter at the root) for every column, all branches .1 long."""
    if isinstance(tree, str):
        return (columns[tree][:, None] == np.array(list("ACGT"))).astype(float)
    same = np.exp(-4 / 3 * 0.1)
    left, right = (root_of(branch, columns) for branch in tree)
    return np.prod([same * side + (1 - same) * side.mean(1, keepdims=True) for side in (left, right)], axis=0)


def test_parsimony_counts_changes_of_proteins(three):
    """Site 1: M M L, one change; site 2: K R K, one; sites 3 and 4 cost nothing."""
    reward = Parsimony(env=three)
    assert [int(reward.changes(three.encode(tree))) for tree in ("((a,b),c);", "((a,c),b);")] == [2, 2]
    assert float(reward(three.encode("((a,b),c);"))) == 0.0, "the bound is reached: no site needs more"


def test_impossible_settings_are_refused(four):
    for options in ({"branch": 0.0}, {"branch": float("nan")}, {"beta": -1.0}, {"beta": float("inf")}):
        with pytest.raises(ab.ConfigError, match="branch must be positive, beta >= 0"):
            Likelihood(env=four, **options)
    assert dataclasses.replace(Likelihood(env=four), branch=0.5) == Likelihood(env=four, branch=0.5)
    assert Alignment(("a", "b"), ("AC", "AG")).alphabet == "ACGT"
    assert jnp.isfinite(Likelihood(env=four)(four.encode("(((a,b),c),d);")))
