"""Phylogenies: sound, all topologies once, and scored as an independent count of changes says."""

import ast
import itertools
import math
import re

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.jukes_cantor import simulate_alignment
from anabranch.envs.parsimony import least_changes, site_patterns
from anabranch.envs.phylogeny import Parsimony, Phylogeny
from anabranch.evaluation.flows import exact_flows, maximum_entropy_log_pb
from anabranch.plots.svg import count_elements

LETTERS = {"R": "AG", "Y": "CT", "N": "ACGT", "-": "ACGT", "B": "CGT"}


def fasta_of(place, names, sequences):
    place.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in zip(names, sequences, strict=True)))
    return str(place)


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """Five taxa with ambiguous letters and gaps."""
    alignment, _ = simulate_alignment(5, 16, branch=0.4, seed=3)
    sequences = ["RYN-B" + alignment.sequences[0][5:], *alignment.sequences[1:4], alignment.sequences[4][:-2] + "N-"]
    return Phylogeny(fasta_of(tmp_path_factory.mktemp("five") / "five.fasta", alignment.names, sequences))


def nested(newick):
    """Pairs of pairs, read by Python itself."""
    return ast.literal_eval(re.sub(r"(t\d+)", r"'\1'", newick.rstrip(";")))


def least_cost(tree, letters):
    """The least changes for each letter at the root of a tree, by dynamic programming over letters (Sankoff 1975)."""
    if isinstance(tree, str):
        allowed = str(LETTERS.get(letters[tree], letters[tree]))
        return [0 if base in allowed else math.inf for base in "ACGT"]
    below = [least_cost(branch, letters) for branch in tree]
    return [sum(min(cost[k] + (k != j) for k in range(4)) for cost in below) for j in range(4)]


def changes_of(env, newick):
    names, sequences = env.aligned.names, env.aligned.sequences
    columns = [dict(zip(names, column, strict=True)) for column in zip(*sequences, strict=True)]
    return sum(min(least_cost(nested(newick), column)) for column in columns)


def splits_of(tree):
    """An unrooted tree: the two-sided splits of its taxa."""
    clades, everyone = set(), frozenset(re.findall(r"t\d+", str(tree)))

    def below(node):
        clade = frozenset([node]) if isinstance(node, str) else below(node[0]) | below(node[1])
        clades.add(frozenset([clade, everyone - clade]))
        return clade

    below(tree)
    return frozenset(clades)


def test_small_spaces_are_proved(five):
    for env in (Phylogeny("simulated-4"), five):
        report = ab.check(env)
        assert report.proved
        assert report.sound


@pytest.mark.parametrize("taxa, states", [(2, 2), (3, 7), (5, 266)])
def test_there_are_all_forests_and_all_trees(tmp_path, taxa, states):
    """(2n - 3)!! trees; forests by the recurrence a(n + 1) = (2n - 1) a(n) + a(n - 1) of the Bessel polynomials."""
    alignment, _ = simulate_alignment(taxa, 3, seed=0)
    graph = ab.state_graph(Phylogeny(fasta_of(tmp_path / "n.fasta", alignment.names, alignment.sequences)))
    assert graph.objects.size == math.prod(range(1, 2 * taxa - 2, 2))
    assert graph.num_states == states
    objects = [graph.decode(int(number)) for number in graph.objects]
    assert len({splits_of((nested(item), "t0")) for item in objects}) == len(objects)
    assert graph.num_trajectories == math.prod(math.comb(k, 2) for k in range(2, taxa + 1))


def test_the_order_of_joins_does_not_matter():
    env = Phylogeny("simulated-4")
    label = {pair: number for number, pair in enumerate(itertools.combinations(range(4), 2))}
    ends = [
        env.step(env.step(env.initial(), jnp.array(label[first])), jnp.array(label[second]))
        for first, second in [((0, 2), (1, 3)), ((1, 3), (0, 2))]
    ]
    assert (ends[0] == ends[1]).all()
    assert env.show(ends[0]) == "(t1,t3); (t2,t4);"
    assert [env.show(env.undo(ends[0], jnp.array(label[pair]))) for pair in ((0, 2), (1, 3))] == [
        "t1; (t2,t4); t3;",
        "(t1,t3); t2; t4;",
    ]
    assert np.flatnonzero(env.undoable(ends[0])).tolist() == [label[0, 2], label[1, 3]]
    assert env.backward_slot.tolist() == [0, 0, 0, 1, 1, 2]


def test_parsimony_is_the_least_number_of_changes(five):
    """All 105 trees of five taxa, with sets of letters, against Sankoff's algorithm in plain Python."""
    graph, reward = ab.state_graph(five), Parsimony(env=five)
    found = graph.map(reward.changes)[graph.objects]
    trees = [graph.decode(int(number)) for number in graph.objects]
    assert found.tolist() == [changes_of(five, tree) for tree in trees]
    assert len(set(found.tolist())) > 3
    bound = least_changes(five.aligned.sets)
    assert bound <= found.min()
    tempered = Parsimony(env=five, beta=0.5, shift=7.0)
    np.testing.assert_allclose(ab.log_rewards(graph, tempered), 0.5 * (7.0 - found), atol=1e-6)
    np.testing.assert_allclose(ab.log_rewards(graph, reward), bound - found, atol=1e-6)


def test_where_the_root_stands_does_not_matter(five):
    graph = ab.state_graph(five)
    found = graph.map(Parsimony(env=five).changes)[graph.objects]
    unrooted = {}
    for number, changes in zip(graph.objects, found, strict=True):
        unrooted.setdefault(splits_of(nested(graph.decode(int(number)))), []).append(int(changes))
    assert sorted(map(len, unrooted.values())) == [7] * 15
    assert all(len(set(values)) == 1 for values in unrooted.values())


def test_a_forest_costs_what_its_trees_cost(five):
    graph = ab.state_graph(five)
    found = graph.map(Parsimony(env=five).changes)
    for number in range(0, graph.num_states, 7):
        assert int(found[number]) == sum(changes_of(five, tree) for tree in graph.show(number).split(" "))


def test_columns_that_cost_nothing_are_left_out(five):
    columns, count = site_patterns(five.aligned.sets)
    assert columns.shape[1] == count.size < five.aligned.sets.shape[1]
    shared = np.array([[1, 1, 3], [1, 3, 2], [1, 1, 6]], np.uint32)
    assert site_patterns(shared)[0].shape == (3, 0)
    assert least_changes(shared) == 0
    assert least_changes(np.array([[1, 1], [2, 3], [4, 2], [1, 8]], np.uint32)) == 2 + 2


def test_orders_of_joins_are_counted_by_the_closed_form(five):
    graph = ab.state_graph(five)
    log_count = graph.map(five.log_path_count)
    np.testing.assert_allclose(log_count, np.log(graph.path_count), atol=1e-5)
    log_pb = log_count[graph.source] - log_count[graph.target]
    np.testing.assert_allclose(log_pb, maximum_entropy_log_pb(graph), atol=1e-5)
    assert np.exp(log_count).max() == pytest.approx(3)


def all_trees(taxa):
    """Every rooted tree once: the next taxon is hung onto each edge of each smaller tree, and above its root."""
    trees = [taxa[0]]
    for taxon in taxa[1:]:
        trees = [bigger for tree in trees for bigger in hung(tree, taxon)]
    return trees


def hung(tree, taxon):
    yield (tree, taxon)
    if not isinstance(tree, str):
        left, right = tree
        yield from ((branch, right) for branch in hung(left, taxon))
        yield from ((left, branch) for branch in hung(right, taxon))


def fitch(tree, sites):
    """Fitch's rule with one long integer a letter, a bit a site: letters kept, and changes so far."""
    if isinstance(tree, str):
        return sites[tree], 0
    (a, cost_a), (b, cost_b) = (fitch(branch, sites) for branch in tree)
    both = [x & y for x, y in zip(a, b, strict=True)]
    empty = sites["all"] & ~(both[0] | both[1] | both[2] | both[3])
    kept = [x | ((p | q) & empty) for x, p, q in zip(both, a, b, strict=True)]
    return kept, cost_a + cost_b + empty.bit_count()


def test_the_task_has_the_documented_log_z():
    """10,395 trees listed and scored without the library."""
    task = ab.make("phylogeny")
    names, sequences = task.env.aligned.names, task.env.aligned.sequences
    sites = {
        name: [int("".join("01"[letter == base] for letter in sequence), 2) for base in "ACGT"]
        for name, sequence in zip(names, sequences, strict=True)
    }
    sites["all"] = (1 << len(sequences[0])) - 1
    trees = all_trees(names)
    assert len(trees) == 10_395
    changes = np.array([fitch(tree, sites)[1] for tree in trees])
    graph = ab.state_graph(task.env)
    log_reward = ab.log_rewards(graph, task.log_reward)
    bound = least_changes(task.env.aligned.sets)
    assert np.sort(log_reward).tolist() == np.sort(bound - changes).tolist()
    assert changes.min() - bound == 8
    assert exact_flows(graph, log_reward).log_z == pytest.approx(-4.649764, abs=1e-6)
    assert np.logaddexp.reduce(bound - changes.astype(float)) == pytest.approx(-4.649764, abs=1e-6)


def test_newick_in_any_order_is_the_same_tree(five):
    state = five.encode("(t4:1,((t5,t1),(t3,t2)));")
    assert five.decode(state) == "(((t1,t5),(t2,t3)),t4);"
    assert bool(five.can_stop(state))
    for text in ("((t1,t2),(t3,t4));", "((t1,t2),(t3,(t4,(t5,t5))));", "((t1,t2),(t3,(t4,t6)));"):
        with pytest.raises(ab.ConfigError, match="must hold each of t1, t2, t3, t4, t5 once"):
            five.encode(text)


def test_trees_are_drawn_with_a_bracket_a_join_and_a_name_a_taxon(five):
    state = five.encode("((t1,t2),(t3,(t4,t5)));")
    picture = five.draw(state)
    assert count_elements(picture) == 4 + 5
    assert re.findall(r">(t\d)<", picture) == ["t1", "t2", "t3", "t4", "t5"]
    assert count_elements(five.draw(five.initial())) == 5


def test_names_are_escaped_in_pictures_and_trees(tmp_path):
    env = Phylogeny(fasta_of(tmp_path / "odd.fasta", ["a<b", "c(d)"], ["A", "C"]))
    state = env.step(env.initial(), jnp.array(0))
    assert env.decode(state) == "(a<b,'c(d)');"
    assert (env.encode(env.decode(state)) == state).all()
    assert count_elements(env.draw(state)) == 3


def test_impossible_settings_are_refused():
    with pytest.raises(ab.ConfigError, match="no alignment 'nowhere'"):
        Phylogeny("nowhere")
    for options in ({"beta": -1.0}, {"beta": float("inf")}, {"shift": float("nan")}):
        with pytest.raises(ab.ConfigError, match="beta >= 0 and shift must be finite"):
            Parsimony(env=Phylogeny("simulated-4"), **options)
