"""Samplers that learn beside the policy: where they draw, what they change, and what is refused."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid, HypergridReward
from anabranch.evaluation.divergences import target_distribution, total_variation_distance
from anabranch.evaluation.flows import exact_flows
from anabranch.graph.tabulate import tabulate
from anabranch.objectives import OBJECTIVES
from anabranch.training.gather import gathered
from anabranch.training.guides import GuideState
from anabranch.training.step import init, propose, reward, step
from support.python_trainings import GRID as SMALL
from support.spaces import absolute_policy

GRID = Hypergrid(dim=2, side=12)
HIDDEN = HypergridReward(env=GRID, r0=1e-4, r1=1.0, r2=3.0)
"""Four corners that hold a quarter of the mass each; all but the nearest lie behind a moat of almost no reward."""
QUICK = {"objective": "tb", "steps": 40, "batch": 16, "policy": ab.MLP(width=8, depth=1)}
TEACHER, THOMPSON = ab.Teacher(share=0.25), ab.Thompson(share=0.25, members=3, width=8, depth=1)
GUIDES = {"teacher": {"teacher": TEACHER}, "thompson": {"thompson": THOMPSON}}
BOTH = {"teacher": TEACHER, "thompson": THOMPSON}


def advanced(*, seed=3, **changes):
    """The state after a training without chunks, which compiles in a third of the time."""
    setup = ab.setup(GRID, HIDDEN, **{**QUICK, "chunk": None, **changes})
    state, metrics, fault = ab.advance(setup, init(setup, seed), jnp.array(setup.steps))
    assert not fault.raised.any()
    assert not fault.not_finite.any()
    return state, metrics


def trained(**changes):
    return ab.train(GRID, HIDDEN, callback=lambda row: None, **{**QUICK, "exact": False, **changes})


def bits(state):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(state.policy, eqx.is_array))]


def same_bits(one, other):
    return all((a == b).all() for a, b in zip(bits(one), bits(other), strict=True))


# --- where a teacher draws


def hidden_mode():
    """Words grown at one end, each in one way: a student that is right but for one word, of which it knows nothing."""
    env = tabulate("", lambda word: [word + "a", word + "b"] if len(word) < 4 else [])
    graph = ab.state_graph(env)
    words = [graph.decode(int(number)) for number in graph.objects]
    believed = np.linspace(0.0, 1.0, len(words))
    believed[words.index("bbbb")] = -8.0
    true = np.where(np.array(words) == "bbbb", 4.0, believed)
    return env, graph, words, believed, true


@pytest.fixture(scope="module")
def taught_alone():
    """A teacher beside a student that stands still: its law before and after, the student's, and both rewards."""
    env, graph, words, believed, true = hidden_mode()
    student = absolute_policy(exact_flows(graph, believed))
    table = jnp.zeros(graph.num_states).at[graph.objects].set(jnp.asarray(true, float))

    def log_reward(state):
        return table[student.lookup(state)]

    options = {
        "steps": 1_500,
        "batch": 32,
        "chunk": None,
        "policy": ab.Tabular(),
        "optimizer": ab.Adam(learning_rate=0.05),
    }
    aims = {"level": 0.0, "anneal": ab.Anneal(steps=0), "teacher": SEEKING}
    setup = ab.setup(env, log_reward, objective="tb", **options, **aims)
    begin = init(setup, 0, start=student)
    dynamic, static = eqx.partition(begin, eqx.is_array)

    def once(dynamic, _):
        state = eqx.combine(dynamic, static)
        after, _, fault = step(setup, state)
        stands = dataclasses.replace(after, policy=state.policy, optimizer=state.optimizer)
        return eqx.filter(stands, eqx.is_array), fault.raised

    later, faults = jax.jit(lambda dynamic: jax.lax.scan(once, dynamic, None, length=setup.steps))(dynamic)
    assert not faults.any()
    teachers = [one.sources[1].policy for one in (begin, eqx.combine(later, static))]
    laws = [ab.exact_law(graph, policy, log_reward).model for policy in (student, *teachers)]
    return words, believed, true, laws


SEEKING = ab.Teacher(share=0.5, alpha=0.5, undersampled=19.0, epsilon=0.5)


def test_a_teacher_draws_where_the_residual_of_its_student_is_high(taught_alone):
    """Each word has one trajectory, so that the reward of the teacher is known: by hand, from both tables alone."""
    words, believed, true, (of_student, fresh, of_teacher) = taught_alone
    log_z = np.logaddexp.reduce(believed)
    delta = true - log_z - np.log(target_distribution(believed))
    weight = np.where(delta > 1e-9, 20.0, 1.0)
    goal = target_distribution(np.log(0.5 + weight * delta**2) + 0.5 * true)
    hidden = words.index("bbbb")
    assert goal[hidden] > 0.9
    assert of_student[hidden] < 1e-4
    assert total_variation_distance(goal, fresh) > 0.5
    assert total_variation_distance(goal, of_teacher) < 0.02


def corners_of(state):
    """The mass of each corner of the grid under the exact law."""
    graph = ab.state_graph(GRID)
    corner = (2 * np.asarray(graph.states)[graph.objects] > GRID.side - 1) @ np.array([1, 2])
    return np.bincount(corner, ab.exact_law(graph, state.policy, HIDDEN).model)


LONG = {"steps": 800, "seed": 0, "policy": ab.MLP(width=32), "optimizer": ab.Adam(learning_rate=3e-3)}


@pytest.mark.thorough
def test_a_teacher_finds_the_modes_that_its_student_misses():
    """The control: without one all mass stays in the nearest corner, to a thousandth; with one a third has left it."""
    (alone, _), (taught, _) = advanced(**LONG), advanced(**LONG, teacher=ab.Teacher(share=0.5))
    assert corners_of(alone)[0] > 0.999
    assert corners_of(taught)[0] < 0.67


@pytest.mark.thorough
def test_an_ensemble_finds_a_mode_that_the_policy_misses():
    """The control is that of the teacher; of members that are alike no more is found."""
    explored, _ = advanced(**LONG, thompson=ab.Thompson(members=5, width=32, prior=2.0))
    assert corners_of(explored)[0] < 0.9


# --- what they change


@pytest.mark.thorough
def test_a_share_of_zero_is_a_training_without_them_bit_for_bit():
    """And one above 0 is not."""
    (plain, metrics), (off, same) = advanced(), advanced(teacher=ab.Teacher(share=0.0), thompson=ab.Thompson(share=0.0))
    assert same_bits(plain, off)
    assert metrics.loss == same.loss
    assert len(jax.tree.leaves(plain)) == len(jax.tree.leaves(off))
    guided, _ = advanced(**BOTH)
    assert not same_bits(plain, guided)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", GUIDES)
def test_the_batch_has_the_shares_that_were_asked_for(kind):
    guides = {**GUIDES[kind], "replay": ab.Replay(share=0.25)}
    setup = ab.setup(GRID, HIDDEN, **QUICK, **guides)
    state = init(setup, 0)
    proposal = propose(setup, state)
    batch, _ = gathered(setup, state, proposal, reward(setup, proposal))
    assert [part.log_reward.shape[0] for part in batch.parts] == [8, 4, 4]
    drawn, guided, _ = batch.parts
    assert (drawn.seen is None, guided.seen is None) == (False, True)
    for part, place in ((drawn, slice(0, 8)), (guided, slice(8, 12))):
        np.testing.assert_array_equal(part.trajectories.actions, proposal.trajectories.actions[:, place])
        wanted = jax.vmap(HIDDEN)(part.trajectories.objects) - setup.level
        np.testing.assert_allclose(part.log_reward, wanted, rtol=1e-5)
    alone = ab.setup(GRID, HIDDEN, objective="tb", steps=40, batch=8, policy=setup.policy)
    np.testing.assert_array_equal(propose(alone, init(alone, 0)).trajectories.actions, drawn.trajectories.actions)


@pytest.mark.thorough
def test_each_of_several_seeds_is_what_it_is_alone():
    both, _ = advanced(**BOTH, seeds=2)
    for lane in range(2):
        alone, _ = advanced(**BOTH, seed=3 + lane)
        for one, other in zip(bits(both), bits(alone), strict=True):
            np.testing.assert_allclose(one[lane], other, rtol=2e-4, atol=2e-5)


@pytest.mark.thorough
def test_a_guide_that_is_no_number_is_a_fault():
    setup = ab.setup(GRID, HIDDEN, chunk=None, teacher=TEACHER, **QUICK)
    state = init(setup, 0)
    own = next(one for one in state.sources if isinstance(one, GuideState))
    broken = dataclasses.replace(own, policy=eqx.tree_at(lambda policy: policy.log_z, own.policy, jnp.array(jnp.nan)))
    spoiled = dataclasses.replace(state, sources=(state.sources[0], broken))
    for begin, expected in ((state, False), (spoiled, True)):
        _, _, fault = ab.advance(setup, begin, jnp.array(1))
        assert bool(fault.not_finite) == expected


OFF_POLICY = [name for name, kind in OBJECTIVES.items() if not (kind.on_policy or kind.needs_data)]


@pytest.mark.thorough
@pytest.mark.parametrize("objective", OFF_POLICY)
def test_every_objective_that_is_valid_off_policy_takes_them(objective):
    task = ab.make("subsets", env={"items": 5})
    options = {"objective": objective, "steps": 20, "batch": 8, "policy": ab.MLP(width=8, depth=1), "exact": False}
    if "log_prior" in OBJECTIVES[objective].needs:
        options["prior"] = trained_prior(task)
    run = ab.train(task.env, task.log_reward, **options, **BOTH, callback=lambda row: None)
    assert np.isfinite(run.history[-1]["loss"])


def trained_prior(task):
    setup = ab.setup(task.env, task.log_reward, objective="tb", steps=1, batch=2, policy=ab.MLP(width=8, depth=1))
    return init(setup, 0).policy


# --- rewards in plain Python


@pytest.mark.thorough
@pytest.mark.parametrize("inflight", [1, 3])
def test_what_a_guide_draws_is_evaluated_in_plain_python(inflight):
    """A reward in Python is asked for the objects of all samplers, and teaches what the one in JAX does."""
    asked = set()

    def score(objects):
        asked.update(tuple(item) for item in objects)
        return [1.0 + sum(item) for item in objects]

    options = {**QUICK, "exact": False, "level": 0.0, "zero_floor": 1e-4, "anneal": ab.Anneal(steps=0), **BOTH}
    plain = ab.train(SMALL, ab.python_reward(score, inflight=inflight), callback=lambda row: None, **options)
    assert asked == {(row, column) for row in range(4) for column in range(4)}
    assert np.isfinite(plain.history[-1]["loss"])
    if inflight == 1:
        traced = ab.train(SMALL, lambda s: jnp.log(1.0 + s.sum()), callback=lambda row: None, **options)
        for one, other in zip(bits(plain), bits(traced), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


# --- what is refused

REFUSED = [
    ({"objective": "pg"}, "The objective pg is valid on-policy only: leave out {}."),
    ({"objective": "soft-pg"}, "The objective soft-pg is valid on-policy only: leave out {}."),
    ({"objective": "ml", "data": [(0, 0)]}, "The objective ml learns from its data set alone: leave out {}."),
    ({"batch": 1}, "{}.share=0.25 of batch=1 is less than one trajectory: raise either, or leave {} out."),
    ({"replay": ab.Replay(share=0.75)}, "Replay, local search, teacher and thompson take the whole batch of 16"),
]


@pytest.mark.parametrize("kind", GUIDES)
@pytest.mark.parametrize(("changes", "sentence"), REFUSED)
def test_what_does_not_go_with_them_is_refused_in_a_sentence(kind, changes, sentence):
    with pytest.raises(ab.ConfigError) as refusal:
        trained(**GUIDES[kind], **changes)
    assert str(refusal.value).startswith(sentence.replace("{}", kind))
