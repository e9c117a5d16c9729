"""Sampling: frequencies against the exact law, with negative controls; masks; exploration; seeds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import anabranch as ab
from anabranch.evaluation.divergences import target_distribution, total_variation_distance
from anabranch.evaluation.flows import (
    edge_law,
    exact_flows,
    exact_policy,
    maximum_entropy_log_pb,
    terminal_distribution,
)
from anabranch.policies.backward.learned import LearnedBackward
from anabranch.policies.heads import masked_log_softmax
from anabranch.sampling.explore import ON_POLICY, Explore
from anabranch.sampling.labels import draw_label
from anabranch.sampling.rollout import luck, rollout
from anabranch.scoring.reading import Reading
from support.spaces import SPACES, Slots, graph_of, numbers_of, random_log_pb, random_log_reward

# A chi-square test of a sound sampler rejects with this probability; seeds are fixed, so it never flickers.
LEVEL = 1e-4


def exact_table(space, log_pb_of=None):
    graph = graph_of(SPACES[space]())
    log_reward = random_log_reward(graph)
    return graph, log_reward, exact_policy(exact_flows(graph, log_reward, log_pb_of and log_pb_of(graph)))


def chi_square_p(counts, probabilities):
    return stats.chisquare(counts, probabilities / probabilities.sum() * counts.sum()).pvalue


def object_counts(graph, states):
    place = np.full(graph.num_states, -1)
    place[graph.objects] = np.arange(graph.objects.size)
    return np.bincount(place[numbers_of(graph, states)], minlength=graph.objects.size)


SAMPLED = [name if name in ("faces", "slots") else pytest.param(name, marks=pytest.mark.thorough) for name in SPACES]


@pytest.mark.parametrize("space", SAMPLED)
def test_objects_come_in_proportion_to_their_reward(space):
    graph, log_reward, policy = exact_table(space)
    counts = object_counts(graph, ab.sample(graph.env, policy, 20_000, seed=3).states)
    target = target_distribution(log_reward)
    assert chi_square_p(counts, target) > LEVEL
    slightly_wrong = target_distribution(log_reward * 1.1)
    assert chi_square_p(counts, slightly_wrong) < LEVEL


@pytest.mark.parametrize("space", SPACES)
def test_the_exact_law_of_the_exact_policy_is_the_target(space):
    for log_pb_of in (None, maximum_entropy_log_pb, random_log_pb):
        with jax.enable_x64(True):
            graph, log_reward, policy = exact_table(space, log_pb_of)
            law = edge_law(graph, policy, Reading(graph.env, LearnedBackward()))
            model = terminal_distribution(graph, law)
        assert total_variation_distance(model, target_distribution(log_reward)) < 1e-12


def backward_visits(graph, log_pb, number):
    """The probability that a walk back by P_B from state `number` passes through each state."""
    log_visits = np.full(graph.num_states, -np.inf)
    log_visits[number] = 0.0
    for edges in reversed(graph.edge_levels):
        np.logaddexp.at(log_visits, graph.source[edges], log_visits[graph.target[edges]] + log_pb[edges])
    return np.minimum(np.exp(log_visits), 1.0)


@pytest.mark.parametrize("space", SPACES)
def test_walks_back_follow_p_b(space):
    """The states passed on the way back from one object, against their exact probabilities."""
    graph, _, policy = exact_table(space, random_log_pb)
    number = int(graph.objects[-2])
    state = jax.tree.map(lambda leaf: np.repeat(leaf[number][None], 4_000, axis=0), graph.states)
    walks = ab.sample_backward(graph.env, policy, state, seed=5, backward="learned")
    mask = np.asarray(walks.mask)
    passed = numbers_of(graph, jax.tree.map(lambda leaf: np.asarray(leaf)[mask], walks.states))
    shares = np.bincount(passed, minlength=graph.num_states) / 4_000
    exact = backward_visits(graph, random_log_pb(graph), number)
    # Five standard deviations of a share of 4,000 walks.
    assert (np.abs(shares - exact) <= 5 * np.sqrt(exact * (1 - exact) / 4_000) + 1e-12).all()
    assert np.abs(shares - backward_visits(graph, random_log_pb(graph, seed=9), number)).max() > 0.03


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("space", SPACES)
def test_walks_back_are_real_trajectories(space):
    graph, _, policy = exact_table(space)
    states = ab.sample(graph.env, policy, 50, seed=0).states
    walks = ab.sample_backward(graph.env, policy, states, seed=1)
    assert (numbers_of(graph, walks.objects) == numbers_of(graph, states)).all()
    edges = set(zip(graph.source.tolist(), graph.action.tolist(), graph.target.tolist(), strict=True))
    length, actions = np.asarray(walks.length), np.asarray(walks.actions)
    rows = [numbers_of(graph, jax.tree.map(lambda leaf: leaf[t], walks.states)) for t in range(actions.shape[0])]
    assert (rows[0] == 0).all()
    for column in range(50):
        for t in range(length[column] - 1):
            assert (rows[t][column], actions[t, column], rows[t + 1][column]) in edges
        assert actions[length[column] - 1, column] == graph.env.num_actions


@pytest.mark.thorough
@pytest.mark.parametrize("per", ["step", "trajectory"])
def test_exploration_follows_its_definition(per):
    """At epsilon 1 faces are uniform; at one half the law is the mixture, per trajectory exactly."""
    graph, log_reward, policy = exact_table("faces")
    uniform = np.full(20, 1 / 20)
    for epsilon in (0.5, 1.0):
        explore = Explore(epsilon=epsilon, per=per)
        counts = object_counts(graph, _explored(policy, graph.env, explore))
        mixture = epsilon * uniform + (1 - epsilon) * target_distribution(log_reward)
        if per == "trajectory" or epsilon == 1.0:
            assert chi_square_p(counts, mixture) > LEVEL
        else:
            assert chi_square_p(counts, mixture) < LEVEL
        assert chi_square_p(counts, target_distribution(log_reward)) < LEVEL


def _explored(policy, env, explore, at_step=0):
    draw = eqx.filter_jit(
        lambda policy, key: rollout(policy, Reading(env, None), key, 20_000, explore=explore, at_step=at_step)
    )
    return draw(policy, jax.random.key(2))[0].objects


@pytest.mark.thorough
def test_annealed_exploration_ends():
    graph, log_reward, policy = exact_table("faces")
    explore = Explore(epsilon=1.0, anneal=100)
    target = target_distribution(log_reward)
    assert chi_square_p(object_counts(graph, _explored(policy, graph.env, explore, at_step=100)), target) > LEVEL
    assert chi_square_p(object_counts(graph, _explored(policy, graph.env, explore, at_step=50)), target) < LEVEL


def test_a_high_temperature_is_a_random_walk():
    graph, _log_reward, policy = exact_table("faces")
    hot = Explore(epsilon=0.0, temperature=1e6)
    counts = object_counts(graph, _explored(policy, graph.env, hot))
    assert chi_square_p(counts, np.full(20, 1 / 20)) > LEVEL


def test_the_same_seed_gives_the_same_objects_and_another_does_not():
    graph, _, policy = exact_table("words")
    first, again, other = (ab.sample(graph.env, policy, 64, seed=seed).objects for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_columns_of_a_batch_do_not_repeat():
    """Each trajectory draws its own numbers: neighbours are not copies, and the first steps are uniform."""
    graph, _, policy = exact_table("faces")
    actions = np.asarray(ab.sample_trajectories(graph.env, policy, 512, seed=0).actions)[:3]
    assert len({tuple(column) for column in actions.T}) > 60
    pairs = np.mean((actions[:, 1:] == actions[:, :-1]).all(axis=0))
    assert pairs < 0.08


def test_a_label_of_weight_zero_is_never_drawn():
    weights = jnp.array([0.0, 0.3, 0.0, 0.7, 0.0])
    ends = jnp.array([2.0**-24, 1e-7, 0.2999999, 0.3, 0.3000001, 0.9999999, 1.0])
    drawn = jax.vmap(lambda u: draw_label(u, weights))(ends)
    assert set(np.asarray(drawn)) == {1, 3}
    assert int(drawn[0]) == 1
    assert int(drawn[-1]) == 3


def test_the_mask_leaves_no_weight_on_what_is_not_allowed():
    logits = jnp.array([50.0, 0.0, -80.0, 3.0])
    mask = jnp.array([False, True, True, False])
    log_probs, log_weight = masked_log_softmax(logits, mask)
    assert np.isneginf(log_probs[jnp.array([0, 3])]).all()
    assert float(jnp.exp(log_probs).sum()) == pytest.approx(1.0)
    assert float(log_weight) == pytest.approx(0.0, abs=1e-6)


def test_an_empty_row_gives_zeros_and_finite_gradients():
    nothing = jnp.zeros(3, bool)
    log_probs, log_weight = masked_log_softmax(jnp.array([1.0, 2.0, 3.0]), nothing)
    assert (log_probs == 0.0).all()
    assert float(log_weight) == 0.0
    gradient = jax.grad(lambda x: masked_log_softmax(x, nothing)[0].sum())(jnp.array([1.0, 2.0, 3.0]))
    assert (gradient == 0.0).all()


def test_the_gradient_of_a_masked_row_is_finite_at_huge_logits():
    mask = jnp.array([True, False, True])
    gradient = jax.grad(lambda x: masked_log_softmax(x, mask)[0][0])(jnp.array([1e30, 1e38, -1e30]))
    assert np.isfinite(gradient).all()
    assert float(gradient[1]) == 0.0


def test_a_forced_stop_has_log_probability_exactly_zero():
    graph, _, policy = exact_table("faces")
    trajectories = ab.sample_trajectories(graph.env, policy, 32, seed=0)
    scores = ab.score_trajectories(graph.env, policy, trajectories, jnp.zeros(32))
    assert (np.asarray(scores.log_pf)[3] == 0.0).all()
    assert (np.asarray(scores.log_pb)[3] == 0.0).all()


def test_uniform_p_b_counts_undoable_labels_and_slots_do_not_change_it():
    env = Slots(3, 2)
    graph = graph_of(env)
    for backward in ("uniform", "learned"):
        policy = ab.Tabular().build(env, observer=None, key=None, learned_backward=backward == "learned")
        log_pb = edge_law(
            graph, policy, Reading(env, ab.UniformBackward() if backward == "uniform" else LearnedBackward())
        ).log_pb
        assert np.allclose(np.exp(log_pb), 1 / graph.in_degree[graph.target])


def test_no_random_number_of_a_rollout_is_zero(monkeypatch):
    """A number of 0 would draw the first label even where its weight is 0: one in eight million is."""
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape: jnp.zeros(shape))
    uniforms, _ = luck(Reading(ab.make("faces").env, None), jax.random.key(0), 4, ON_POLICY, 0)
    assert (np.asarray(uniforms) == 1.0).all()
