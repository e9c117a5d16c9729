"""Molecules: words and fragments proved as spaces, their copies counted, their scores against known values."""

import collections
import math

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.chemistry import canonical, molecule
from anabranch.envs.fragment_shapes import joined, shape_of
from anabranch.envs.fragment_table import FRAGMENTS
from anabranch.envs.fragment_trees import automorphisms
from anabranch.envs.fragments import Fragments
from anabranch.envs.molecule_reward import MoleculeReward
from anabranch.envs.oracles import oracle, scores
from anabranch.envs.selfies_tokens import Selfies, smiles_of
from anabranch.ground.errors import ConfigError

FEW = ("[*:1]C", "[*:1]N[*:2]", "[*:1]C([*:2])[*:3]", "[*:1]c1ccc([*:2])cc1")
SMALL = Fragments(fragments=FEW, largest=3)
SHORT = Selfies(longest=3)


def listed(env):
    """All finished states, and their molecules."""
    states = np.asarray(ab.state_graph(env).object_states)
    return states, [env.decode(state) for state in states]


# --- words


FOUR = pytest.param(Fragments(fragments=FEW[:3], largest=4), marks=pytest.mark.thorough)


@pytest.mark.parametrize("env", [SHORT, SMALL, FOUR], ids=["words", "small", "four"])
def test_the_spaces_are_proved(env):
    report = ab.check(env)
    assert {status.partition(":")[0] for status in report.laws.values()} <= {"proved", "not applicable"}


def test_seven_tokens_and_six_places_are_137256_words():
    env = Selfies()
    assert sum(env.letters**length for length in range(1, env.longest + 1)) == 137_256
    states, molecules = listed(SHORT)
    assert len(states) == 7 + 49 + 343
    assert env.decode(env.encode(("[C]", "[=C]", "[O]"))) == canonical("C=CO") == "C=CO"
    assert SHORT.decode(SHORT.encode("CCO")) == "CCO"
    assert all(canonical(one) == one for one in molecules)


def test_the_words_of_a_molecule_are_counted():
    _, molecules = listed(SHORT)
    assert {one: len(words) for one, words in SHORT.words.items()} == collections.Counter(molecules)
    total = sum(math.exp(-SHORT.log_copies(state)) for state in listed(SHORT)[0])
    assert total == pytest.approx(len(set(molecules)))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: Selfies(tokens=()), "must be one or more"),
        (lambda: Selfies(tokens=("[C]", "[C]")), "and differ"),
        (lambda: Selfies(tokens=("C",)), "stands in brackets"),
        (lambda: Selfies(longest=0), "longest must be positive"),
        (lambda: Selfies().encode(("[S]",)), "which is none of"),
        (lambda: SHORT.encode("CCCCCCCC"), "is not a molecule of a word of 3 of these tokens"),
        (lambda: SHORT.encode("C1CC"), "is not a molecule of a word of 3"),
        (lambda: Selfies(longest=30).encode("C1CC"), "cannot be written in SELFIES"),
        (lambda: Selfies(longest=30).encode("C" * 31), "Words have 1 to 30 tokens"),
        (lambda: Selfies(longest=30).words, "too many to write them all"),
        (lambda: Fragments(largest=0), "largest must be positive"),
        (lambda: Fragments(fragments=("[*:1]C", "[*:1]C")), "and differ"),
        (lambda: shape_of("CC"), "is SMILES with points"),
        (lambda: shape_of("[*:2]C"), "is SMILES with points"),
        (lambda: shape_of("C[*:1]C"), "at the end of one bond"),
        (lambda: molecule("nothing"), "is not the SMILES of a molecule"),
        (lambda: oracle("qued"), "did you mean qed"),
        (lambda: oracle("similar:nothing"), "is not SMILES"),
        (lambda: MoleculeReward(score="qed*none"), "no score of molecules 'none'"),
    ],
)
def test_what_is_none_is_a_sentence(wrong, words):
    with pytest.raises(ConfigError, match=words):
        wrong()


# --- fragments


def test_there_are_more_than_sixty_fragments_and_each_is_another_molecule_without_stereocentre():
    assert len(FRAGMENTS) >= 60
    forms = [canonical(_bare(one)) for one in FRAGMENTS]
    assert len(set(forms)) == len(FRAGMENTS)
    for one in FRAGMENTS:
        shape = shape_of(one)
        assert joined([shape], []), one
        assert tuple(range(shape.points)) in shape.symmetries


def _bare(smiles):
    for number in (1, 2, 3):
        smiles = smiles.replace(f"[*:{number}]", "[*]")
    return smiles


@pytest.mark.parametrize(
    ("smiles", "symmetries"),
    [
        ("[*:1]C", 1),
        ("[*:1]N[*:2]", 2),
        ("[*:1]C([*:2])[*:3]", 6),
        ("[*:1]CO[*:2]", 1),
        ("[*:1]c1cc([*:2])cc([*:3])c1", 6),
    ],
)
def test_the_symmetries_of_a_fragment(smiles, symmetries):
    assert len(shape_of(smiles).symmetries) == symmetries


@pytest.mark.parametrize(
    ("fragments", "bonds", "smiles"),
    [
        (["[*:1]C", "[*:1]O"], [(0, 0, 1, 0)], "CO"),
        (["[*:1]c1cccc([*:2])c1", "[*:1]C", "[*:1]C(=O)O"], [(0, 0, 1, 0), (0, 1, 2, 0)], "Cc1cccc(C(=O)O)c1"),
        (["[*:1]n1ccc([*:2])n1", "[*:1]C"], [(0, 1, 1, 0)], "Cc1cc[nH]n1"),
        (["[*:1]N([*:2])[*:3]", "[*:1]CC"], [(0, 1, 1, 0)], "CCN"),
    ],
)
def test_fragments_are_joined_and_open_points_are_hydrogen(fragments, bonds, smiles):
    assert joined([shape_of(one) for one in fragments], bonds) == canonical(smiles)


def isomorphic_words(env):
    """Words by their graph of fragments, found by renumbering: without the formula that is tested."""
    states, _ = listed(env)
    return collections.Counter(_graph(env, state) for state in states), states


def _graph(env, state):
    """The least description of a tree of fragments over all first fragments and all renumberings of points."""
    tree = env.tree(state)

    def form(node, entry):
        shape, there = env.shapes[tree.fragments[node]], tree.neighbours(node)
        options = []
        for symmetry in shape.symmetries:
            parts = []
            for place in symmetry:
                if place == entry:
                    parts.append("entered")
                elif place in there:
                    parts.append(form(*there[place]))
                else:
                    parts.append("open")
            options.append(f"({tree.fragments[node]}:{','.join(parts)})")
        return min(options)

    return min(form(node, None) for node in range(len(tree.fragments)))


@pytest.mark.thorough
@pytest.mark.parametrize("env", [SMALL, Fragments(fragments=FEW[1:], largest=3)], ids=["ends", "no ends"])
def test_the_words_of_a_graph_are_as_many_as_the_formula_says(env):
    counts, states = isomorphic_words(env)
    assert len(counts) > 10
    for state in states:
        assert round(math.exp(env.log_copies(state))) == counts[_graph(env, state)]


def test_a_graph_with_symmetries_is_counted_right_by_hand():
    """C(C)(C)C of CH with three methyls: 4 x 6 words less 3! symmetries: first CH 1 word, first methyl 3."""
    env = Fragments(fragments=FEW[:3], largest=4)
    states, _ = listed(env)
    isobutane = [
        one for one in states if env.decode(one) == "CC(C)C" and sorted(env.tree(one).fragments) == [0, 0, 0, 2]
    ]
    assert automorphisms(env.tree(isobutane[0]), env.shapes) == 6
    assert len(isobutane) == round(math.exp(env.log_copies(isobutane[0]))) == 4 * 6 // 6


def test_one_copy_each_makes_every_graph_count_once():
    """The law of molecules: R times the number of its graphs. Here CH2NH2 can be made in one way, NCN too."""
    reward = MoleculeReward(score="qed", copies="one").on(SMALL)
    graph = ab.state_graph(SMALL)
    values = np.exp(ab.log_rewards(graph, reward))
    states, molecules = listed(SMALL)
    graphs = {_graph(SMALL, state): smiles for state, smiles in zip(states, molecules, strict=True)}
    wanted = collections.Counter(graphs.values())
    total = collections.defaultdict(float)
    for smiles, value in zip(molecules, values, strict=True):
        total[smiles] += value
    for smiles, count in wanted.items():
        assert total[smiles] == pytest.approx(count * scores(smiles, ("qed",))[0])
    assert max(wanted.values()) > 1, "some molecules have two graphs"


def test_copies_are_refused_where_a_space_cannot_count_them():
    with pytest.raises(ConfigError, match=r"needs a space that counts the states .* Hypergrid does not"):
        ab.log_rewards(ab.state_graph(ab.make("hypergrid").env), ab.python_reward(len, copies="one"))


def test_two_points_that_are_not_at_carbon_are_never_joined():
    env = Fragments()
    nitrogen, oxygen = (env.pairs.index((FRAGMENTS.index(one), 0)) + 1 for one in ("[*:1]N", "[*:1]O"))
    carbon = env.pairs.index((FRAGMENTS.index("[*:1]C"), 0)) + 1
    state = env.step(env.initial(), jnp.array(nitrogen))
    legal = np.asarray(env.legal(state))
    assert (bool(legal[carbon]), bool(legal[oxygen]), bool(legal[0])) == (True, False, False)


# --- trainings


@pytest.mark.thorough
def test_the_exact_law_of_merged_molecules_is_learned():
    reward = MoleculeReward(score="qed", exponent=2.0, survey=64)
    options = {"steps": 400, "batch": 32, "policy": ab.MLP(width=64), "optimizer": ab.Adam(learning_rate=5e-3)}
    run = ab.train(SHORT, reward, objective="tb", **options, exact=True)
    # Of five other seeds the first rows lie between .11 and .13, the last ones between .019 and .025.
    assert run.history[0]["total_variation"] > 0.1
    assert run.history[-1]["total_variation"] < 0.05
    columns = run.evaluations()
    assert (
        columns["object"][0] == smiles_of(SHORT.word(SHORT.encode(columns["object"][0]))) or columns["object"][0] == ""
    )
    assert len(set(columns["object"])) == len(columns["object"])
    assert set(columns["status"]) == {"ok"}


def test_a_run_of_a_reward_in_jax_has_no_evaluations():
    run = ab.train("faces", objective="tb", steps=1, batch=2, exact=False)
    with pytest.raises(ConfigError, match="Only a reward in plain Python"):
        run.evaluations()


def test_without_the_extra_it_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "rdkit", None)
    monkeypatch.setitem(sys.modules, "rdkit.RDLogger", None)
    with pytest.raises(ImportError, match=r"pip install 'anabranch\[chem\]'"):
        canonical("CCO")
