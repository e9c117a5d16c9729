"""Bayesian networks on data of one's own: categories, far origins, files that change."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import gammaln

import anabranch as ab
from anabranch.envs.dag_graphs import Dags
from anabranch.envs.dags import DagReward
from anabranch.envs.table_files import parse_table, table_content
from support.tiny import answer

IRIS = parse_table(table_content("iris"), where="iris")
ENV = Dags(nodes=4)


@pytest.fixture(scope="module")
def graph():
    return ab.state_graph(ENV)


def law_of(graph, table):
    """R / Z by a table of local scores, in float64."""
    masks = np.einsum("xuv,u->xv", graph.object_states.edges, 1 << np.arange(4))
    log_reward = np.sum(table[np.arange(4), masks], axis=1)
    return np.exp(log_reward - np.logaddexp.reduce(log_reward))


def rational_bge(shift, *, centre):
    """BGe of iris + shift by its definition, every determinant an exact fraction; alpha_mu = 1, alpha_w = 6."""
    rows = [[Fraction(cell) + shift for cell in row] for row in IRIS.cells.tolist()]
    samples, nodes, scale = len(rows), 4, Fraction(1, 2)
    mean = [sum(column) / samples for column in zip(*rows, strict=True)]
    weight = 0 if centre else Fraction(samples, samples + 1)
    matrix = [
        [
            scale * (u == v) + sum((row[u] - mean[u]) * (row[v] - mean[v]) for row in rows) + weight * mean[u] * mean[v]
            for v in range(nodes)
        ]
        for u in range(nodes)
    ]

    def determinant(inside):
        signed = ((_sign(order), order) for order in itertools.permutations(range(len(inside))))
        return sum(
            sign * math.prod(matrix[inside[row]][inside[column]] for row, column in enumerate(order))
            for sign, order in signed
        )

    def log_density(inside):
        freedom, size = 6 - nodes + len(inside), len(inside)
        found = determinant(inside)
        return (
            sum(gammaln((freedom + samples - i) / 2) - gammaln((freedom - i) / 2) for i in range(size))
            - size / 2 * math.log(samples + 1)
            - samples * size / 2 * math.log(math.pi)
            + freedom * size / 2 * math.log(0.5)
            - (freedom + samples) / 2 * (math.log(found.numerator) - math.log(found.denominator))
        )

    joint = [log_density([u for u in range(nodes) if mask >> u & 1]) if mask else 0.0 for mask in range(2**nodes)]
    return np.array([[joint[mask | 1 << node] - joint[mask] for mask in range(2**nodes)] for node in range(nodes)])


def _sign(order):
    return (-1) ** sum(a > b for a, b in itertools.combinations(order, 2))


@pytest.mark.parametrize("centre, shift", [(True, 0), (True, 10**8), (True, 10**9), (False, 10**8), (False, 10**9)])
def test_the_law_of_far_columns_is_that_of_rational_arithmetic(graph, centre, shift):
    exact = law_of(graph, rational_bge(shift, centre=centre))
    reward = DagReward(env=ENV, data=IRIS.numbers() + shift, centre=centre)
    assert abs(exact - law_of(graph, reward.local_score().table())).sum() / 2 < 1e-3
    if centre:
        assert abs(exact - law_of(graph, rational_bge(0, centre=True))).sum() / 2 < 1e-12, "the origin is of no matter"


@pytest.mark.parametrize("score", ["bge", "gaussian", "bic"])
def test_digits_that_are_lost_are_said(score):
    for shift in (1e15, 1e18):
        with pytest.raises(ab.ConfigError, match=r"column '\d' has values near .* the digits that the score needs are"):
            DagReward(env=ENV, data=IRIS.numbers() + shift, score=score).local_score()
    DagReward(env=ENV, data=np.round(IRIS.numbers() * 1e9) + 1e17).local_score()  # as of clocks in nanoseconds


def by_hand(codes, categories, node, parents, sample_size):
    """BDeu as it is printed: a product over the combinations of the parents, and over the categories of the node."""
    combinations = math.prod(categories[u] for u in parents)
    total = 0.0
    for combination in itertools.product(*(range(categories[u]) for u in parents)):
        here = [row for row in codes if all(row[u] == value for u, value in zip(parents, combination, strict=True))]
        prior = sample_size / combinations
        total += math.lgamma(prior) - math.lgamma(prior + len(here))
        for value in range(categories[node]):
            count = sum(row[node] == value for row in here)
            share = prior / categories[node]
            total += math.lgamma(share + count) - math.lgamma(share)
    return total


def test_bdeu_is_the_closed_form():
    codes = np.random.default_rng(0).integers(0, [2, 3, 2, 4], (40, 4))
    codes[:, 3] = (codes[:, 0] + codes[:, 1]) % 4
    table = DagReward(env=ENV, data=codes, score="bdeu", equivalent_sample_size=2.5).local_score().table()
    for node, mask in itertools.product(range(4), range(16)):
        parents = [u for u in range(4) if mask >> u & 1]
        if node not in parents:
            assert table[node, mask] == pytest.approx(by_hand(codes, (2, 3, 2, 4), node, parents, 2.5), abs=1e-9)


def test_bdeu_of_a_tiny_table_in_fractions():
    """Three falls h h t of a coin, alone and beside a coin that falls alike: at sample size 1 the first h has
    probability 1/2, the second 3/4 or (1/4 + 1) / (1/2 + 1) = 5/6, the t 1/6 or 1/2."""
    coins = [["h", "h"], ["h", "h"], ["t", "t"]]
    table = DagReward(env=Dags(nodes=2), data=coins, score="bdeu").local_score().table()
    alone = Fraction(1, 2) * Fraction(3, 4) * Fraction(1, 6)
    given = Fraction(1, 2) * Fraction(5, 6) * Fraction(1, 2)
    assert table[0, :3:2] == pytest.approx([math.log(alone), math.log(given)], abs=1e-12)


def test_bdeu_of_equivalent_graphs_is_one_and_needs_a_table():
    reward = DagReward(env=Dags(nodes=3), data=np.random.default_rng(1).integers(0, 3, (30, 3)), score="bdeu")
    chains = [[[0, 1, 0], [0, 0, 1], [0, 0, 0]], [[0, 0, 0], [1, 0, 1], [0, 0, 0]], [[0, 0, 0], [1, 0, 0], [0, 1, 0]]]
    values = [float(reward(reward.env.encode(edges))) for edges in chains]
    assert values == pytest.approx([values[0]] * 3, abs=1e-5)
    collider = float(reward(reward.env.encode([[0, 1, 0], [0, 0, 0], [0, 1, 0]])))
    assert abs(collider - values[0]) > 1e-3
    with pytest.raises(ab.ConfigError, match="BDeu scores are tabulated, up to 12 nodes; given 13"):
        DagReward(env=Dags(nodes=13), data=np.zeros((4, 13), int), score="bdeu")


@pytest.mark.thorough
def test_a_run_on_a_file_comes_back_as_long_as_the_file_is_the_same(tmp_path):
    table, run = tmp_path / "t.csv", tmp_path / "run"
    table.write_text("a,b,c\n" + "\n".join(f"{x},{x * x % 5},{x % 3}" for x in range(12)))
    task = ab.make("dags", env={"nodes": 2}, reward={"data": str(table), "columns": ["c", "a"]})
    ab.train(
        task.env,
        task.log_reward,
        name="dags",
        objective="vargrad",
        steps=1,
        batch=2,
        exact=False,
        out=run,
        callback=print,
    )
    reward = ab.load(run).setup.log_reward
    assert reward.observed.names == ("c", "a")
    assert reward.data == str(table)
    table.write_text(table.read_text() + "\n1,2,3")
    with pytest.raises(ab.ConfigError, match=r"t\.csv has changed: its SHA-256 is .* Put the file back, or"):
        ab.load(run)
    table.unlink()
    with pytest.raises(ab.ConfigError, match=r"There is no table .*t\.csv.* with SHA-256 [0-9a-f]{64}"):
        ab.load(run)


@pytest.mark.parametrize("flags, sentence", [
    (("--reward.data", "asia"), "asia has 5 columns (smoke, lung, bronc, xray, dysp) and the graphs have 4 nodes:"),
    (("--env.nodes", "5", "--reward.data", "asia"), "asia, line 2, column 'smoke', is"),
    (("--reward.data", "iris", "--reward.score", "bdeu"), "which is no category"),
    (("--reward.data", "nowhere.csv"), "There is no table 'nowhere.csv'"),
])  # fmt: skip
def test_data_that_do_not_fit_are_a_sentence(flags, sentence):
    code, _, err = answer("train", "dags", *flags)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_equal_data_are_one_reward_wherever_they_come_from():
    once, again = DagReward(env=ENV, data="iris"), DagReward(env=ENV, data="iris")
    assert once == again
    assert hash(once) == hash(again)
    assert once != DagReward(env=ENV, data="iris", centre=False)
    assert DagReward(env=ENV, data=[["1", "2", "3", "4"]] * 2) == DagReward(env=ENV, data=[["1", "2", "3", "4"]] * 2)
