"""Spaces made of spaces: proved, counted, observed, and worth what their parts are worth."""

import itertools
import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import take
from anabranch.envs.composite import bounds_of
from anabranch.envs.faces import Faces
from anabranch.envs.hypergrid import Hypergrid
from anabranch.envs.permutations import Permutations
from anabranch.envs.sets import FixedSizeSets, Subsets
from anabranch.envs.tree import PerfectTree
from anabranch.graph.enumeration import state_keys
from anabranch.policies.observation import observer
from support.catalogue import assert_path_counts
from support.my_spaces import Subset
from support.planted import BoundedGrid, Cells, Point, TokenGrid
from support.planted_forms import MergedSubset
from support.spaces import graph_of, skipping

SETS, GRID, TREE, ORDERS, FULL = (
    Subsets(items=2),
    Hypergrid(dim=2, side=3),
    PerfectTree(depth=2),
    Permutations(n=2),
    FixedSizeSets(items=3, size=2),
)


def sizes(env):
    """Numbers of states and objects."""
    graph = graph_of(env)
    return graph.num_states, graph.objects.size


def product_size(spaces):
    states, objects = zip(*map(sizes, spaces), strict=True)
    return math.prod(states), math.prod(objects)


def in_order_size(spaces):
    """Each space is begun behind every combination of objects of those before it."""
    states, objects = zip(*map(sizes, spaces), strict=True)
    return sum(math.prod(objects[:at]) * states[at] for at in range(len(spaces))), math.prod(objects)


def choose_size(spaces):
    states, objects = zip(*map(sizes, spaces), strict=True)
    return 1 + sum(states), sum(objects)


def repeat_size(space, times, least):
    states, objects = sizes(space)
    started = sum(objects**before * states for before in range(times))
    return started + (least == 0), sum(objects**count for count in range(least, times + 1))


CASES = [
    *[
        (kind(spaces), partial(count, spaces))
        for kind, count in ((ab.Product, product_size), (ab.InOrder, in_order_size), (ab.Choose, choose_size))
        for spaces in (
            [SETS, GRID],
            [GRID, ORDERS],
            [TREE, FULL, SETS],
            [ORDERS],
            [Faces(), SETS],
            [skipping(), Point(), TREE],
            [TokenGrid(side=2), Cells(cells=2)],
        )
    ],
    *[
        (ab.Repeat(space, times, least), partial(repeat_size, space, times, least))
        for space, times, least in (
            (SETS, 3, 1),
            (GRID, 2, 2),
            (ORDERS, 2, 0),
            (TREE, 3, 2),
            (skipping(), 2, 1),
            (TokenGrid(side=2), 2, 0),
        )
    ],
]
NESTED = [
    ab.Choose([ab.Product([SETS, TREE]), ab.Repeat(ORDERS, 2), ab.Choose([SETS, GRID])]),
    ab.Product([ab.InOrder([ORDERS, SETS]), ab.Choose([TREE, SETS])]),
    ab.InOrder([ab.Choose([ORDERS, TREE]), ab.Repeat(SETS, 2, least=0)]),
    ab.Repeat(ab.Choose([TREE, ab.Product([SETS, ORDERS])]), 2, least=0),
]
NESTED_SIZES = [
    partial(choose_size, NESTED[0].spaces),
    partial(product_size, NESTED[1].spaces),
    partial(in_order_size, NESTED[2].spaces),
    partial(repeat_size, NESTED[3].space, 2, 0),
]
ALL = [*CASES, *zip(NESTED, NESTED_SIZES, strict=True)]
QUICK = {0, 8, 16, 23, len(CASES), len(ALL) - 1}


@pytest.mark.parametrize(
    "env, counts",
    [case if at in QUICK else pytest.param(*case, marks=pytest.mark.thorough) for at, case in enumerate(ALL)],
    ids=[str(env)[:60] for env, _ in ALL],
)
def test_composites_are_proved_and_counted(env, counts):
    """Every law on every state; as many states and objects as arithmetic says; texts and objects tell them apart."""
    report = ab.check(env)
    assert report.proved
    assert (report.states, report.objects) == counts()
    graph = graph_of(env)
    assert len({graph.show(number) for number in range(graph.num_states)}) == graph.num_states
    slots = [part.num_slots for part in env.parts]
    assert env.num_slots == (sum(slots) if isinstance(env, ab.Product) else max([1, *slots]))
    assert longest_path(graph) == env.max_steps
    if env.overrides("log_path_count"):
        assert_path_counts(env)


def longest_path(graph):
    """The longest path, edge by edge in the order of the levels."""
    depth = np.zeros(graph.num_states, int)
    for _ in range(graph.num_states):
        longer = depth.copy()
        np.maximum.at(longer, graph.target, depth[graph.source] + 1)
        if (longer == depth).all():
            break
        depth = longer
    return int(depth.max())


@pytest.mark.parametrize(
    "env, tokens",
    [
        (ab.Product([GRID, ORDERS]), 12),
        (ab.Choose([GRID, ORDERS]), 15),
        (ab.InOrder([GRID, ORDERS]), 14),
        (ab.Repeat(ORDERS, 2, least=0), 15),
    ],
)
def test_tokens_have_a_range_for_each_part_and_the_stage(env, tokens):
    assert observer(env).vocabulary == tokens
    seen = np.asarray(graph_of(env).map(env.observe))
    sizes = [len(np.unique(column)) for column in seen.T]
    lowest, highest = seen.min(0), seen.max(0)
    assert (np.sort(lowest)[1:] > np.sort(highest)[:-1]).all()
    assert sum(sizes) == tokens


def test_tokens_beside_floats_become_zeros_and_ones():
    env = ab.InOrder([GRID, SETS])
    assert observer(env).vocabulary is None
    state = env.encode(((2, 1), (1,)))
    assert env.observe(state).tolist() == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1]
    author = ab.Product([TokenGrid(side=2), SETS])
    assert author.observe((jnp.array([1, 0]), jnp.array([True, False]))).tolist() == [0, 1, 0, 0, 0, 0, 1, 0, 1, 0]


def test_what_is_not_begun_is_at_its_initial_state():
    """So that two states are equal wherever all that was built is."""
    for env in (ab.InOrder([SETS, TREE]), ab.Choose([SETS, TREE]), ab.Repeat(ORDERS, 3, least=0)):
        graph = graph_of(env)
        texts = [graph.show(number) for number in range(graph.num_states)]
        assert len(set(texts)) == len(set(state_keys(graph.states))) == graph.num_states
        untouched = graph.states[1]
        at_first = jax.tree.map(lambda leaf: leaf[0], untouched)
        begun = np.asarray(graph.states[0])
        if isinstance(env, ab.Repeat):
            rows = np.asarray(untouched)
            assert all((rows[n, begun[n] :] == at_first[begun[n] :]).all() for n in range(graph.num_states))


@pytest.mark.thorough
def test_bounds_hold_in_every_state():
    inner = ab.Product([SETS, BoundedGrid()]), ab.Repeat(BoundedGrid(), 2), ab.Choose([SETS, ORDERS])
    for env in (*inner, ab.InOrder([inner[2], ab.Repeat(ORDERS, 2, least=0)])):
        pairs = jax.tree.leaves(
            bounds_of(env), is_leaf=lambda node: isinstance(node, tuple) and isinstance(node[0], int)
        )
        leaves = jax.tree.leaves(graph_of(env).states)
        assert [(int(leaf.min()), int(leaf.max())) for leaf in leaves] == pairs
    assert ab.Product([SETS, TokenGrid()]).bounds() is None


def test_objects_are_tuples():
    assert graph_objects(ab.Product([ORDERS, TREE])) == set(itertools.product([(0, 1), (1, 0)], graph_objects(TREE)))
    assert graph_objects(ab.InOrder([ORDERS, TREE])) == graph_objects(ab.Product([ORDERS, TREE]))
    assert graph_objects(ab.Choose([ORDERS, TREE])) == {
        *((0, order) for order in [(0, 1), (1, 0)]),
        *((1, leaf) for leaf in graph_objects(TREE)),
    }
    pairs = set(itertools.product([(0, 1), (1, 0)], repeat=2))
    assert graph_objects(ab.Repeat(ORDERS, 2, least=0)) == {(), ((0, 1),), ((1, 0),), *pairs}


def graph_objects(env):
    graph = graph_of(env)
    return {graph.decode(number) for number in graph.objects}


def test_texts_and_pictures():
    env = ab.Choose([ab.Product([SETS, ORDERS]), ab.Repeat(TREE, 2), SETS])
    state = jax.tree.map(np.asarray, env.encode((0, ((1,), (1, 0)))))
    assert env.show(state) == "0: ({1} & 1 0)"
    assert env.show(jax.tree.map(np.asarray, env.encode((1, ("LR", "RR"))))) == "1: (LR > RR)"
    assert env.show(jax.tree.map(np.asarray, env.initial())) == "(nothing chosen)"
    assert env.draw(state) is None
    picked = jax.tree.map(np.asarray, env.encode((2, (1,))))
    assert env.draw(picked) == SETS.draw(np.array([False, True]))
    in_order = ab.InOrder([SETS, TREE])
    assert in_order.show(jax.tree.map(np.asarray, in_order.initial())) == "({})"
    assert in_order.show(take(graph_of(in_order).states, -1)) == "({0 1} > RR)"


def test_hooks_are_there_where_all_parts_have_them():
    assert ab.InOrder([SETS, TREE]).overrides("encode")
    assert not ab.InOrder([SETS, Subset(n=2, k=1)]).overrides("encode")
    assert ab.Choose([SETS, TREE]).overrides("log_path_count")
    assert not ab.Choose([SETS, skipping()]).overrides("log_path_count")
    assert not ab.Product([SETS, TREE]).overrides("log_path_count")
    assert not ab.Product([Point()]).overrides("observe")
    assert ab.Choose([SETS, ab.Repeat(MergedSubset(), 2)]).merges_objects
    assert not ab.Choose([SETS, TREE]).merges_objects


def test_equal_parts_make_equal_composites():
    assert ab.Product([SETS, TREE]) == ab.Product((Subsets(items=2), PerfectTree(depth=2)))
    assert hash(ab.Repeat(SETS, 2)) == hash(ab.Repeat(Subsets(items=2), 2))
    assert ab.InOrder([SETS, TREE]) != ab.InOrder([TREE, SETS])
    assert ab.Repeat(SETS, 2) != ab.Repeat(SETS, 2, least=0)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ab.Product([]), "Product needs at least one environment; given an empty list."),
        (lambda: ab.Choose(()), "Choose needs at least one environment"),
        (lambda: ab.Repeat(SETS, 0), "times must be a positive whole number; given 0."),
        (lambda: ab.Repeat(SETS, 2, least=3), "least is a whole number from 0 to times=2; given 3."),
        (lambda: ab.Repeat(SETS, 2, least=-1), "given -1"),
        (lambda: ab.Product([SETS, TREE]).encode(((0,),)), "a tuple of 2 parts"),
        (lambda: ab.InOrder([SETS, TREE]).encode(((0,), "L", "R")), "a tuple of 2 parts"),
        (lambda: ab.Choose([SETS, TREE]).encode((2, "L")), "0 to 1, and the object there"),
        (lambda: ab.Repeat(SETS, 2).encode(()), "a tuple of 1 to 2 objects"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()
