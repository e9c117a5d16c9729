"""Discrete energies and the Ising model against sums that NumPy and plain Python take over all configurations."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.energies import PairwiseEnergy, PottsReward, Sites, lattice_edges
from anabranch.envs.ising import Ising, IsingReward
from anabranch.evaluation.flows import exact_flows
from anabranch.plots.svg import count_elements

THREE = Sites(sites=3, values=3, columns=2)


def test_a_small_space_is_proved():
    report = ab.check(THREE)
    assert report.proved
    assert report.sound


def test_paths_are_counted_by_the_closed_form():
    graph = ab.state_graph(THREE)
    assert graph.num_states == 4**3
    assert graph.objects.size == 3**3
    np.testing.assert_allclose(graph.map(THREE.log_path_count), np.log(graph.path_count), atol=1e-5)


def test_every_term_of_a_factor_graph_counts_once():
    """Against plain Python, on all complete and partial assignments; one edge stands twice, once turned around."""
    random = np.random.default_rng(0)
    edges = np.array([[0, 1], [2, 1], [1, 0]])
    couplings, fields = random.normal(size=(3, 3, 3)), random.normal(size=(3, 3))
    with_fields = PairwiseEnergy(env=THREE, edges=edges, couplings=couplings, fields=fields)
    without = PairwiseEnergy(env=THREE, edges=edges, couplings=couplings)
    graph = ab.state_graph(THREE)
    found, bare = graph.map(with_fields), graph.map(without)
    for number in range(graph.num_states):
        x = graph.decode(number)
        pairs = sum(couplings[e][x[u], x[v]] for e, (u, v) in enumerate(edges) if x[u] >= 0 and x[v] >= 0)
        assert bare[number] == pytest.approx(pairs, abs=1e-5)
        sites = sum(fields[i, value] for i, value in enumerate(x) if value >= 0)
        assert found[number] == pytest.approx(pairs + sites, abs=1e-5)


def potts_log_z(rows, columns, values, coupling, field=0.0, torus=False):
    """Summed over all assignments in plain Python."""
    total = 0.0
    for x in itertools.product(range(values), repeat=rows * columns):
        log_reward = field * x.count(0)
        for i, j in itertools.product(range(rows), range(columns)):
            if torus or j + 1 < columns:
                log_reward += coupling * (x[i * columns + j] == x[i * columns + (j + 1) % columns])
            if torus or i + 1 < rows:
                log_reward += coupling * (x[i * columns + j] == x[(i + 1) % rows * columns + j])
        total += math.exp(log_reward)
    return math.log(total)


def test_the_task_has_the_documented_log_z():
    task = ab.make("potts")
    graph = ab.state_graph(task.env)
    log_z = exact_flows(graph, ab.log_rewards(graph, task.log_reward)).log_z
    assert log_z == pytest.approx(potts_log_z(2, 4, 3, 1.0), abs=1e-6)
    assert log_z == pytest.approx(13.431133, abs=1e-6)


@pytest.mark.parametrize("torus", [False, True])
def test_fields_and_borders_of_the_potts_model(torus):
    task = ab.make("potts", env={"sites": 6, "columns": 3, "values": 2}, reward={"field": -0.4, "torus": torus})
    graph = ab.state_graph(task.env)
    log_reward = ab.log_rewards(graph, task.log_reward)
    assert np.logaddexp.reduce(log_reward) == pytest.approx(potts_log_z(2, 3, 2, 1.0, -0.4, torus), abs=1e-6)
    assert not np.isclose(potts_log_z(2, 3, 2, 1.0, -0.4, torus), potts_log_z(2, 3, 2, 1.0, -0.4, not torus))


@pytest.mark.parametrize("rows, columns, torus, count", [(3, 4, False, 17), (3, 4, True, 24), (1, 5, True, 5)])
def test_lattices_have_each_edge_once(rows, columns, torus, count):
    edges = lattice_edges(rows, columns, torus=torus)
    assert len(edges) == len({frozenset(edge) for edge in edges.tolist()}) == count
    for u, v in edges:
        steps = [abs(a - b) for a, b in zip(divmod(u, columns), divmod(v, columns), strict=True)]
        around = [[0, rows - 1], [0, columns - 1]] if torus else []
        assert sorted(steps) in [[0, 1], *around]


def log_z_by_transfer_matrix(side, coupling):
    """log of the trace of the side-th power of the matrix between rows of a torus, with the mean edge sum beside it."""
    rows = np.array(list(itertools.product((-1, 1), repeat=side)))
    inside = (rows * np.roll(rows, 1, axis=1)).sum(1)

    def log_z(coupling):
        matrix = np.exp(coupling * (rows @ rows.T + 0.5 * (inside[:, None] + inside[None, :])))
        return np.log(np.linalg.matrix_power(matrix, side).trace())

    return log_z(coupling), (log_z(coupling + 1e-5) - log_z(coupling - 1e-5)) / 2e-5


@pytest.fixture(scope="module")
def sixteen_spins():
    """All 65,536 configurations of the 4 x 4 torus, and their edge sums by the library."""
    task = ab.make("ising", env={"side": 4})
    spins = np.array(list(itertools.product((-1, 1), repeat=16)), np.int8)
    return spins, np.asarray(jax.jit(jax.vmap(task.log_reward.edge_sum))(spins)), task


@pytest.mark.parametrize("coupling, log_z", [(0.2, 11.771470), (0.4406868, 15.521916), (1.0, 32.698721)])
def test_ising_has_the_known_log_z(sixteen_spins, coupling, log_z):
    spins, edge_sums, task = sixteen_spins
    assert spins.shape == (65_536, 16)
    assert np.logaddexp.reduce(coupling * edge_sums) == pytest.approx(log_z, abs=1e-6)
    expected, mean_edge_sum = log_z_by_transfer_matrix(4, coupling)
    assert expected == pytest.approx(log_z, abs=1e-6)
    weight = np.exp(coupling * edge_sums - log_z)
    assert weight @ edge_sums == pytest.approx(mean_edge_sum, rel=1e-6)
    if coupling == 0.4406868:
        assert mean_edge_sum / 16 == pytest.approx(1.565624, abs=1e-6)
    reward = IsingReward(env=task.env, coupling=coupling)
    assert float(reward(jnp.asarray(spins[5]))) == pytest.approx(coupling * edge_sums[5], rel=1e-6)


def test_ising_is_a_special_case():
    """The same log-rewards from a factor graph, and from the Potts model with twice the coupling, shifted."""
    ising = Ising(side=3)
    env = Sites(sites=9, values=2, columns=3)
    edges = lattice_edges(3, 3, torus=True)
    couplings = np.tile(0.3 * np.array([[1.0, -1.0], [-1.0, 1.0]]), (len(edges), 1, 1))
    general = PairwiseEnergy(env=env, edges=edges, couplings=couplings)
    potts = PottsReward(env=env, coupling=0.6, torus=True)
    spins = np.array(list(itertools.product((-1, 1), repeat=9)), np.int8)[::5]
    expected = jax.vmap(IsingReward(env=ising, coupling=0.3))(spins)
    values = ((spins + 1) // 2).astype(np.int32)
    np.testing.assert_allclose(jax.vmap(general)(values), expected, atol=1e-5)
    np.testing.assert_allclose(jax.vmap(potts)(values) - 0.3 * len(edges), expected, atol=1e-5)


def test_states_are_shown_and_drawn_in_rows():
    state = jnp.array([0, -1, 2])
    assert THREE.show(state) == "0./2"
    assert Sites(sites=3, values=12, columns=3).show(jnp.array([11, 0, -1])) == "11 0 ."
    assert count_elements(THREE.draw(state)) == 3 + 2


SQUARE = np.zeros((1, 3, 3))


@pytest.mark.parametrize(
    "make, kind, words",
    [
        (lambda: Sites(sites=0), ab.ConfigError, "sites >= 1, values >= 2 and columns >= 1"),
        (lambda: Sites(values=1), ab.ConfigError, "given sites=8, values=1, columns=4"),
        (lambda: PottsReward(env=THREE), ab.ConfigError, "given 3 sites and 2 columns"),
        (lambda: PottsReward(env=Sites(), coupling=math.inf), ab.RewardError, "finite; given inf"),
        (lambda: PairwiseEnergy(env=THREE, edges=np.array([[0, 3]]), couplings=SQUARE), ab.ConfigError, r"\(0, 3\)"),
        (lambda: PairwiseEnergy(env=THREE, edges=np.array([[1, 1]]), couplings=SQUARE), ab.ConfigError, r"\(1, 1\)"),
        (
            lambda: PairwiseEnergy(env=THREE, edges=np.array([[0, 1]]), couplings=SQUARE[:, :2]),
            ab.ConfigError,
            r"given \(1, 2\), \(1, 2, 3\), \(3, 3\)",
        ),
        (
            lambda: PairwiseEnergy(env=THREE, edges=np.array([[0, 1]]), couplings=SQUARE + np.nan),
            ab.RewardError,
            "must be finite",
        ),
    ],
)
def test_impossible_energies_are_refused(make, kind, words):
    with pytest.raises(kind, match=words):
        make()
