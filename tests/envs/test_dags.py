"""Directed acyclic graphs, their scores on data, and what an exact law says about their edges."""

import itertools
import math
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

import anabranch as ab
from anabranch.envs.dag_graphs import MOST_NODES, Dags
from anabranch.envs.dag_scores import bge, bic, gaussian, random_network
from anabranch.envs.dags import DagReward, edge_marginal_correlation, edge_marginals
from anabranch.evaluation.exact_law import law_against
from anabranch.evaluation.flows import exact_flows, exact_policy

DATA = random_network(4, expected_edges=4.0, samples=30, noise=0.5, seed=3)[1] + 0.3


@lru_cache
def graph_of(nodes):
    return ab.state_graph(Dags(nodes=nodes))


def independences(edges):
    """What Markov-equivalent graphs have in common: the pairs that are joined, and the colliders without a shield."""
    joined = edges | edges.T
    nodes = range(len(edges))
    colliders = {
        (a, child, b)
        for a, b, child in itertools.permutations(nodes, 3)
        if a < b and edges[a, child] and edges[b, child] and not joined[a, b]
    }
    return joined.tobytes(), frozenset(colliders)


def test_graphs_are_proved():
    assert ab.check(Dags(nodes=3), seconds=120.0).proved


@pytest.mark.parametrize("nodes, count", [(1, 1), (3, 25), (4, 543)])
def test_there_are_as_many_graphs_as_is_known(nodes, count):
    graph = graph_of(nodes)
    assert graph.num_states == graph.objects.size == count
    edges = graph.states.edges
    assert len({one.tobytes() for one in edges}) == count
    assert np.allclose(graph.map(graph.env.log_path_count), np.log(graph.path_count), atol=1e-5)
    uniform = -np.log(graph.in_degree[graph.target])
    assert np.allclose(uniform, np.log(graph.path_count[graph.source]) - np.log(graph.path_count[graph.target]))


def test_counts_of_paths_are_exact_up_to_the_limit():
    """A complete graph has 2^(v - u - 1) paths from u to v, at 33 nodes 2^31 from the first to the last."""
    env, nodes = Dags(nodes=MOST_NODES), MOST_NODES
    order = np.random.default_rng(0).permutation(env.max_steps)
    labels = np.argwhere(np.triu(np.ones((nodes, nodes), bool), 1))[order] @ [nodes, 1]
    full, allowed = jax.lax.scan(lambda s, a: (env.step(s, a), env.legal(s)[a]), env.initial(), jnp.asarray(labels))
    assert allowed.all()
    gap = np.arange(nodes) - np.arange(nodes)[:, None]
    count = np.where(gap > 0, 2.0 ** (gap - 1), gap == 0)
    assert (np.asarray(full.paths).astype(np.uint32) == count).all()
    assert not env.legal(full).any(), "every further edge closes a cycle, the one with 2^31 paths too"
    assert int(env.encode(env.decode(full)).paths[0, -1]) == int(full.paths[0, -1]) == -(2**31)
    back, _ = jax.lax.scan(lambda s, a: (env.undo(s, a), None), full, jnp.asarray(labels[::-1]))
    assert all((a == b).all() for a, b in zip(back, env.initial(), strict=True))


def by_prediction(data, alpha_mu, alpha_w):
    """log density of the columns of data under the Normal-Wishart prior, one sample predicted after the other.

    The prior of some of all nodes is that of `Dags` with as many degrees of freedom less as nodes are left out.
    """
    count = data.shape[1]
    freedom, weight, mean = alpha_w, alpha_mu, np.zeros(count)
    scale = np.eye(count) * prior_scale(alpha_mu, alpha_w, count)
    total = 0.0
    for row in data:
        df = freedom - count + 1
        total += multivariate_t.logpdf(row, mean, scale * (weight + 1) / (weight * df), df)
        scale = scale + weight / (weight + 1) * np.outer(row - mean, row - mean)
        mean, weight, freedom = (weight * mean + row) / (weight + 1), weight + 1, freedom + 1
    return total


def prior_scale(alpha_mu, alpha_w, nodes):
    return alpha_mu * (alpha_w - nodes - 1) / (alpha_mu + 1)


@pytest.mark.parametrize("alpha_mu, alpha_w", [(1.0, 6.0), (0.5, 9.0)])
def test_bge_is_the_predictive_density_of_the_data(alpha_mu, alpha_w):
    nodes = DATA.shape[1]
    table = bge(DATA, alpha_mu=alpha_mu, alpha_w=alpha_w, centre=False).table()
    whole = prior_scale(alpha_mu, alpha_w, nodes)

    def density(columns):
        """With the degrees of freedom that are left, and the scale of the whole prior, not that of a smaller one."""
        if not columns:
            return 0.0
        left = alpha_w - nodes + len(columns)
        stretched = np.sqrt(prior_scale(alpha_mu, left, len(columns)) / whole)
        return by_prediction(DATA[:, columns] * stretched, alpha_mu, left) + DATA.shape[0] * len(columns) * np.log(
            stretched
        )

    for node, mask in itertools.product(range(nodes), range(2**nodes)):
        parents = [other for other in range(nodes) if mask >> other & 1]
        if node in parents:
            assert np.isnan(table[node, mask])
        else:
            assert table[node, mask] == pytest.approx(density([*parents, node]) - density(parents), abs=1e-8)


def test_the_gaussian_score_is_the_marginal_likelihood():
    table = gaussian(DATA, noise=0.4, weight_scale=1.5, centre=False).table()
    for node, mask in [(0, 0), (0, 0b0110), (3, 0b0111), (2, 0b1001)]:
        parents = DATA[:, [other for other in range(4) if mask >> other & 1]]
        covariance = 0.4**2 * np.eye(len(DATA)) + 1.5**2 * parents @ parents.T
        expected = multivariate_normal.logpdf(DATA[:, node], np.zeros(len(DATA)), covariance)
        assert table[node, mask] == pytest.approx(expected, abs=1e-8)


def test_bic_is_the_best_fit_less_its_parameters():
    table = bic(DATA).table()
    for node, mask in [(0, 0), (1, 0b1100), (3, 0b0111)]:
        columns = [DATA[:, other] for other in range(4) if mask >> other & 1]
        design = np.stack([np.ones(len(DATA)), *columns], 1)
        rest = DATA[:, node] - design @ np.linalg.lstsq(design, DATA[:, node])[0]
        fit = multivariate_normal.logpdf(rest, np.zeros(len(DATA)), np.eye(len(DATA)) * rest.var()).item()
        parameters = len(columns) + 2
        assert table[node, mask] == pytest.approx(fit - parameters / 2 * np.log(len(DATA)), abs=1e-8)


@pytest.mark.parametrize("score, equivalent", [("bge", True), ("bic", True), ("gaussian", False)])
def test_markov_equivalent_graphs_have_one_score_where_they_should(score, equivalent):
    """543 graphs of 4 nodes make 185 classes (Gillispie & Perlman 2001)."""
    graph = graph_of(4)
    log_reward = ab.log_rewards(graph, DagReward(env=graph.env, score=score, data=DATA))
    classes: dict = {}
    for edges, value in zip(graph.object_states.edges, log_reward, strict=True):
        classes.setdefault(independences(edges), []).append(value)
    assert len(classes) == 185
    spread = max(max(values) - min(values) for values in classes.values())
    assert (spread < 1e-3) == equivalent
    assert max(map(max, classes.values())) - min(map(min, classes.values())) > 1.0


@pytest.mark.thorough
@pytest.mark.parametrize("score", ["bge", "gaussian", "bic"])
def test_rewards_add_up_node_by_node_and_edge_by_edge(score, monkeypatch):
    env = Dags(nodes=4)
    reward = DagReward(env=env, score=score, noise=0.5, data=DATA)
    table = reward.local_score().table()
    graph = graph_of(4)
    log_reward = ab.log_rewards(graph, reward)
    for edges, value in zip(graph.object_states.edges, log_reward, strict=True):
        masks = [int(column @ [1, 2, 4, 8]) for column in edges.T]
        expected = sum(table[node, mask] - table[node, 0] for node, mask in enumerate(masks))
        assert value == pytest.approx(expected, abs=1e-4)
    gained = graph.map(lambda state: jax.vmap(lambda action: reward.delta(state, action))(jnp.arange(16)))
    step = log_reward[graph.target] - log_reward[graph.source]
    assert np.allclose(gained[graph.source, graph.action], step, atol=1e-3)
    assert np.allclose(gained[graph.target, graph.action], step, atol=1e-3), "the edge may be there already"
    monkeypatch.setattr("anabranch.envs.dags.MOST_CACHED", 3)
    assert np.allclose(jax.vmap(reward)(graph.object_states), log_reward, atol=2e-3), "as without a table"


def test_random_networks_are_acyclic_and_their_data_follow_them():
    counts = []
    for seed in range(200):
        edges, _ = random_network(5, expected_edges=4.0, samples=1, noise=0.1, seed=seed)
        Dags(nodes=5).encode(edges)
        counts.append(edges.sum())
    # Binomial(10, .4): standard error of the mean .11.
    assert np.mean(counts) == pytest.approx(4.0, abs=0.45)
    for seed in range(8):
        edges, data = random_network(5, expected_edges=5.0, samples=5_000, noise=0.5, seed=seed)
        for node in range(5):  # of 5,000 samples the standard error of a deviation is a hundredth
            parents = np.nonzero(edges[:, node])[0]
            weights, *_ = np.linalg.lstsq(data[:, parents], data[:, node])
            assert (data[:, node] - data[:, parents] @ weights).std() == pytest.approx(0.5, rel=0.06)
    assert not random_network(4, expected_edges=0.0, samples=1, noise=1.0, seed=0)[0].any()


def test_records_are_equal_where_their_data_are():
    env = Dags(nodes=4)
    first, again, other = (DagReward(env=env, data=table) for table in (DATA, DATA.copy(), DATA + 1))
    assert first == again != other
    assert hash(first) == hash(again)
    assert DagReward(env=env) == DagReward(env=Dags(nodes=4)) != DagReward(env=env, seed=1)
    mutable = DATA.copy()
    held = DagReward(env=env, data=mutable)
    mutable[:] = 0
    assert held == first


def test_the_exact_policy_has_the_target_s_edge_marginals():
    task = ab.make("dags", env={"nodes": 3})
    graph = ab.state_graph(task.env)
    log_reward = ab.log_rewards(graph, task.log_reward)
    law = law_against(graph, exact_policy(exact_flows(graph, log_reward)), log_reward)
    target, model = edge_marginals(law)
    weight = np.exp(log_reward - np.logaddexp.reduce(log_reward))
    assert target == pytest.approx(np.einsum("x,xuv->uv", weight, graph.object_states.edges))
    assert model == pytest.approx(target, abs=1e-5)
    assert edge_marginal_correlation(law) > 0.9999
    flat = law_against(graph, exact_policy(exact_flows(graph, np.zeros(25))), log_reward)
    assert edge_marginal_correlation(flat) < 0.9
    for name, fact in task.facts.items():
        tail, head = map(int, name.split(">"))
        expected = target[tail, head] if max(tail, head) < 3 else 0.0
        assert law.fact(fact) == pytest.approx(expected, abs=1e-5)


def test_unknown_scores_are_refused():
    with pytest.raises(ab.ConfigError, match=r"must be bge\|gaussian\|bic\|bdeu; given 'bde'"):
        ab.make("dags", reward={"score": "bde"})


def test_tasks_name_every_edge_as_a_fact():
    assert len(ab.make("dags").facts) == 12
    assert len(ab.make("dags-5").facts) == 20


@pytest.mark.parametrize("item, sentence", [
    ([[0, 1], [0, 0]], "3 nodes has 3 rows and 3 columns; given shape (2, 2)"),
    ([[0, 1, 0], [0, 0, 1]], "given shape (2, 3)"),
    ([[0, 1, 0], [0, 0], [0, 0, 0]], "rows of an adjacency matrix must be equally long"),
    ([[0, 2, 0], [0, 0, 0], [0, 0, 0]], "holds 0 and 1; given 2"),
    ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], "has the cycle 0>1>2>0: a DAG has none"),
    ([[0, 0, 0], [1, 0, 1], [0, 1, 0]], "has the cycle 1>2>1"),
    ([[0, 0, 0], [0, 0, 0], [1, 0, 1]], "has the cycle 2>2"),
])  # fmt: skip
def test_what_is_no_acyclic_graph_is_refused_in_a_sentence(item, sentence):
    with pytest.raises(ab.ConfigError) as caught:
        Dags(nodes=3).encode(item)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("settings, sentence", [
    ({"noise": 0.0}, "noise must be positive"),
    ({"alpha_mu": math.inf}, "alpha_mu must be positive and finite"),
    ({"alpha_w": 5.0}, "above nodes + 1 = 5; given 5.0"),
    ({"expected_edges": 7.0}, "between 0 and 6; given 7.0"),
    ({"samples": 0}, "samples >= 1"),
    ({"data": np.zeros((5, 3))}, "a column for each of 4 nodes; given shape (5, 3)"),
    ({"data": np.full((5, 4), np.nan)}, "data, row 1, column '1', is missing (nan), the first of 20 such"),
    ({"data": np.full((5, 4), np.inf)}, "data, row 1, column '1', is inf: a score needs finite numbers"),
    ({"data": [["1", "2", "3", "x"]]}, "data, row 1, column '4', is 'x', which is no number"),
    ({"data": [[1, 2], [3]]}, "rows of one length"),
    ({"data": np.full((5, 4), 0.5), "score": "bdeu"}, "is 0.5, which is no category"),
    ({"score": "bdeu"}, "the score bdeu is of categories: give the data"),
    ({"columns": ("a",)}, "columns are chosen from data"),
    ({"equivalent_sample_size": 0.0}, "equivalent_sample_size must be positive"),
    ({"data": np.full((5, 4), 1e200)}, "overflow in float64"),
])  # fmt: skip
def test_impossible_rewards_are_refused(settings, sentence):
    with pytest.raises(ab.ConfigError) as caught:
        DagReward(env=Dags(nodes=4), **settings).local_score()
    assert sentence in str(caught.value)


@pytest.mark.parametrize("data", [DATA[:4], np.column_stack([DATA[:, :3], DATA[:, 0] - DATA[:, 1]])])
def test_bic_refuses_data_that_nodes_fit_without_rest(data):
    with pytest.raises(ab.ConfigError, match="BIC needs more samples than nodes"):
        DagReward(env=Dags(nodes=4), score="bic", data=data)(Dags(nodes=4).initial())


def test_impossible_numbers_of_nodes_are_refused():
    for nodes in (0, MOST_NODES + 1):
        with pytest.raises(ab.ConfigError, match=f"between 1 and 33.*given {nodes}"):
            Dags(nodes=nodes)


def test_pictures_and_texts_show_the_edges():
    env = Dags(nodes=3)
    state = env.encode([[0, 1, 1], [0, 0, 0], [0, 0, 0]])
    assert env.show(state) == "0>1 0>2"
    assert env.draw(state).count("<polygon") == 2
    assert env.draw(state).count("<circle") == 3
    assert env.show(env.initial()) == "(no edges)"
