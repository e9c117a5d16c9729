"""The network over graphs: a renumbering of nodes renumbers the logits, padding changes nothing, and it learns."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.dag_graphs import Dag, Dags
from anabranch.envs.fragments import Fragments
from anabranch.envs.phylogeny import Phylogeny
from anabranch.policies.graph_network import Places
from anabranch.sampling.rollout import rollout
from anabranch.scoring.score import score
from anabranch.training.step import init
from support.my_spaces import Subset

SMALL = {"width": 16, "layers": 2}
FOUR_TAXA = ">a\nACGTAC\n>b\nACGTTT\n>c\nCCGTTA\n>d\nCATTAA\n"


def policy_of(env, *, identity, learned_backward=True):
    recipe = ab.GraphNetwork(identity=identity, **SMALL)
    return recipe.build(env, observer=ab.observer(env), key=jax.random.key(0), learned_backward=learned_backward)


def some_dags(nodes, count=12):
    """States along random walks."""
    env, rng = Dags(nodes=nodes), np.random.default_rng(0)
    states = []
    for _ in range(count):
        state = env.initial()
        for _ in range(rng.integers(1, env.max_steps)):
            legal = np.flatnonzero(np.asarray(env.legal(state)))
            if legal.size:
                state = env.step(state, jnp.asarray(rng.choice(legal)))
        states.append(state)
    return states


def renumbered(heads, order):
    """The heads of a graph whose node k was called order[k]."""
    nodes = len(order)

    def pairs(logits):
        return np.asarray(logits)[: nodes**2].reshape(nodes, nodes)[order][:, order].ravel()

    return np.concatenate([pairs(heads.forward), heads.forward[-1:], pairs(heads.backward), heads.log_flow[None]])


def flat(heads):
    return np.concatenate([heads.forward, heads.backward, heads.log_flow[None]])


def unlike_after_renumbering(identity):
    """The largest difference between renumbering nodes before and after the network."""
    env, order = Dags(nodes=4), np.array([2, 0, 1, 3])
    heads = eqx.filter_jit(policy_of(env, identity=identity).heads)
    worst = 0.0
    for state in some_dags(4):
        turned = Dag(state.edges[order][:, order], state.paths[order][:, order])
        worst = max(worst, np.abs(flat(heads(turned)) - renumbered(heads(state), order)).max())
    return worst


@pytest.mark.thorough
def test_a_renumbering_of_nodes_renumbers_the_logits():
    assert unlike_after_renumbering(identity=False) < 1e-5


def test_nodes_with_vectors_of_their_own_are_not_alike():
    """The negative control."""
    assert unlike_after_renumbering(identity=True) > 0.01


@pytest.mark.thorough
def test_nodes_that_are_not_there_change_nothing():
    """Neither what stands in them nor how many there are."""
    small, large = policy_of(Dags(nodes=3), identity=False), policy_of(Dags(nodes=5), identity=False)
    real = np.ix_(range(3), range(3))
    rng = np.random.default_rng(0)
    for state in some_dags(3):
        graph = Dags(nodes=3).graph(state)
        nodes, edges = rng.normal(size=(5, 1)), rng.normal(size=(5, 5, 2))
        nodes[:3], edges[real] = graph.nodes, graph.edges
        padded = ab.Graph(jnp.asarray(nodes, float), jnp.asarray(edges, float), jnp.arange(5) < 3)
        one, other = small(graph), large(padded)
        assert np.abs(one.forward[:-1].reshape(3, 3) - other.forward[:-1].reshape(5, 5)[real]).max() < 1e-5
        assert np.abs(one.forward[-1] - other.forward[-1]) < 1e-5
        assert np.abs(one.log_flow - other.log_flow) < 1e-5


def test_a_graph_without_nodes_is_finite():
    policy = policy_of(Dags(nodes=3), identity=True)
    heads = policy(ab.Graph(jnp.ones((3, 1)), jnp.zeros((3, 3, 2)), jnp.zeros(3, bool)))
    assert np.isfinite(flat(heads)).all()


def test_labels_about_the_same_nodes_are_told_apart():
    """Two labels about the pair (0, 1), one about (1, 0)."""
    places = Places.of(np.array([[0, 1], [1, 0], [0, 1]]), 2)
    logits = jnp.arange(8.0).reshape(2, 2, 2)
    assert np.asarray(places.picked(logits)).tolist() == [2.0, 4.0, 3.0]
    assert np.asarray(Places.of(np.zeros((3, 0), int), 4).picked(jnp.arange(3.0))).tolist() == [0.0, 1.0, 2.0]


@pytest.fixture(scope="module")
def four_taxa(tmp_path_factory):
    file = tmp_path_factory.mktemp("alignment") / "four.fasta"
    file.write_text(FOUR_TAXA)
    return Phylogeny(alignment=str(file))


def few_fragments():
    pytest.importorskip("rdkit")
    return Fragments(fragments=("[*:1]C[*:2]", "[*:1]c1ccccc1", "[*:1]N([*:2])[*:3]"), largest=3)


@pytest.mark.thorough
@pytest.mark.parametrize("space", ["dags", "phylogeny", "fragments"])
def test_a_graph_tells_states_apart(space, request):
    """As an observation must: no two states of a small space are the same graph to the network."""
    spaces = {"dags": lambda: Dags(nodes=3), "fragments": few_fragments}
    env = request.getfixturevalue("four_taxa") if space == "phylogeny" else spaces[space]()
    states = ab.state_graph(env).states
    nodes, edges, there = jax.jit(jax.vmap(env.graph))(states)
    columns = [np.asarray(nodes), np.asarray(edges), np.asarray(there)]
    assert all(np.isfinite(column).all() for column in columns)
    # What stands in nodes that are not there is not seen.
    columns[0] = np.where(columns[2][..., None], columns[0], 0.0)
    rows = np.concatenate([column.reshape(len(column), -1) for column in columns], 1)
    assert len(np.unique(rows, axis=0)) == len(rows)


@pytest.mark.thorough
def test_the_graph_of_fragments_is_their_tree():
    """The bonds that JAX finds are those of the tree that becomes the molecule."""
    env = few_fragments()
    states = ab.state_graph(env)
    for number in states.objects[:: max(1, states.objects.size // 40)]:
        state = jax.tree.map(lambda leaf, at=int(number): leaf[at], states.states)
        edges = np.asarray(env.graph(jnp.asarray(state)).edges)
        tree = env.tree(state)
        place = [at for at, label in enumerate(np.asarray(state)) if label > 0]
        # A fragment's own points in their order, without the one by which it was entered.
        entries = {other: entry for _, _, other, entry in tree.bonds}
        bonds = {
            (place[other], place[one], point - (one in entries and point > entries[one]))
            for one, point, other, _ in tree.bonds
        }
        found = {tuple(int(at) for at in entry) for entry in np.argwhere(edges) if entry[0] in place}
        assert found == bonds


def log_reward_of(state):
    """Some smooth reward of a graph whose nodes are not alike."""
    weights = jnp.sin(jnp.arange(state.edges.size)).reshape(state.edges.shape)
    return 1.5 * jnp.sum(weights * state.edges)


@pytest.mark.thorough
def test_packed_and_plain_gradients_agree():
    policy = ab.GraphNetwork(**SMALL)
    setup = ab.setup(Dags(nodes=3), log_reward_of, objective="tb", backward="learned", policy=policy, steps=1, batch=6)
    network = init(setup, 0).policy
    drawn = eqx.filter_jit(lambda network: rollout(network, setup.reading, jax.random.key(1), 6))(network)
    trajectories, seen, _ = drawn
    rewards = jax.vmap(log_reward_of)(trajectories.objects)

    def gradient(chunk, known):
        reading = dataclasses.replace(setup.reading, chunk=chunk)
        loss = eqx.filter_grad(
            lambda network: ab.DetailedBalance().loss(score(network, reading, trajectories, rewards, known=known))
        )
        return jax.tree.leaves(eqx.filter_jit(loss)(network))

    plain = gradient(None, None)
    for known in (None, seen):
        for one, other in zip(plain, gradient(7, known), strict=True):
            assert float(jnp.abs(one - other).max()) <= 1e-5 * max(float(jnp.abs(one).max()), 1.0)


class Flat(Dags):
    """A graph of the wrong shape."""

    def graph(self, state):
        return ab.Graph(jnp.ones((self.nodes, 1)), state.edges.astype(float), jnp.ones(self.nodes, bool))


class Elsewhere(Dags):
    """Labels about nodes that there are not."""

    @property
    def label_nodes(self):
        return super().label_nodes + 1


@pytest.mark.parametrize(
    "env, sentence",
    [
        (Subset(4, 2), "Subset does not define graph"),
        (Flat(nodes=3), r"Flat.graph must return Graph"),
        (Elsewhere(nodes=3), "Elsewhere.label_nodes must name 0, 1 or 2 of the 3 nodes"),
    ],
)
def test_what_is_no_graph_is_one_sentence(env, sentence):
    with pytest.raises(ab.ConfigError, match=sentence) as told:
        ab.train(env, lambda state: 0.0, objective="tb", policy=ab.GraphNetwork(), steps=1, batch=2)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"layers": 0}])
def test_sizes_are_checked(wrong):
    with pytest.raises(ab.ConfigError, match="GraphNetwork needs"):
        ab.GraphNetwork(**wrong)


LATER = pytest.mark.thorough


@pytest.mark.thorough
@pytest.mark.parametrize(
    "nodes, objective, changes",
    [
        pytest.param(3, "tb", {}, id="tb"),
        pytest.param(3, "tb", {"backward": "learned", "seeds": 2}, id="tb, two seeds", marks=LATER),
        pytest.param(3, "fm", {"steps": 1_500}, id="fm", marks=LATER),
        pytest.param(3, "subtb", {"steps": 1_200, "replay": ab.Replay(share=0.25)}, id="subtb, replay", marks=LATER),
        pytest.param(4, "mdb", {"steps": 2_500}, id="mdb, four nodes", marks=LATER),
    ],
)
def test_it_learns(nodes, objective, changes):
    """Exact total variation .05, of above .2 before."""
    options = {"steps": 600, "batch": 16, "policy": ab.GraphNetwork(width=16, layers=1), "exact": True, **changes}
    rate = ab.Adam(learning_rate=5e-3)
    env = Dags(nodes=nodes)
    run = ab.train(env, log_reward_of, objective=objective, optimizer=rate, callback=lambda _: None, **options)
    assert np.max(run.history[-1]["total_variation"]) < 0.05


@LATER
def test_it_learns_phylogenies_and_fragments(four_taxa):
    """Labels about pairs of trees and slots about one; labels about the whole graph."""
    options = {"objective": "tb", "backward": "learned", "batch": 16, "exact": True, "callback": lambda _: None}
    options |= {"optimizer": ab.Adam(learning_rate=5e-3), "policy": ab.GraphNetwork(width=16, layers=1)}
    rewards = {
        four_taxa: lambda state: 0.5 * jnp.sum(state[2]),
        few_fragments(): lambda state: 0.3 * jnp.sum(state > 2),
    }
    for env, reward in rewards.items():
        run = ab.train(env, reward, steps=800, **options)
        assert run.history[-1]["total_variation"] < 0.05, env
