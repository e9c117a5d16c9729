"""Trainings of continuous spaces: what is learned, resumed, searched, conditioned and refused."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.continuous.densities import normal_log_density
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.kinds import KindsAndPoints
from anabranch.continuous.line import Line
from anabranch.ground.errors import ConfigError
from anabranch.policies.drift import Drift
from anabranch.sampling.langevin import langevin

LOG_Z = float(np.log(1.3 * np.sqrt(2.0 * np.pi)))
SMALL = {"objective": "tb", "steps": 40, "batch": 8, "policy": ab.MLP(width=16, depth=1), "exact": False}
NOISE = Diffusion(dim=2, steps=5, scale=1.5)


def two_hills(state):
    """Of widths .5 and .8, so that Z is 1.3 times the square root of 2 pi."""
    x = state.place[0]
    return jnp.logaddexp(-0.5 * ((x - 2) / 0.5) ** 2, -0.5 * ((x + 1) / 0.8) ** 2)


def bell(state):
    return normal_log_density(state.place, 0.5, 1.0).sum()


def quiet(env, reward, **options):
    return ab.train(env, reward, callback=lambda row: None, **{**SMALL, **options})


def bits(run):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(run.policy, eqx.is_array))]


# --- what is learned


def test_a_line_is_learned_to_its_integral():
    """The untrained line is off by more than a nat; 600 steps bring ELBO, log Z and the learned number together."""
    run = quiet(Line(), two_hills, steps=600, batch=64, policy=ab.MLP(width=32), optimizer=ab.Adam(learning_rate=4e-3))
    found = ab.estimate(Line(), run.policy, two_hills, samples=2_000, seed=1)
    assert found.log_z.value == pytest.approx(LOG_Z, abs=0.03)
    assert found.elbo.value == pytest.approx(LOG_Z, abs=0.05)
    assert run.history[-1]["log_z"] == pytest.approx(LOG_Z, abs=0.05)


@pytest.mark.thorough
def test_a_kind_and_a_point_are_drawn_by_their_reward():
    """Kind k has weight k + 1: a sixth, a third and a half of 2,000 draws, whose standard error is .011 at most."""

    def reward(state):
        return jnp.log(state.kind + 1.0)

    env = KindsAndPoints(components=2)
    run = quiet(env, reward, steps=600, batch=64, optimizer=ab.Adam(learning_rate=5e-3))
    kinds = [kind for kind, _ in run.sample(2_000, seed=2).objects]
    np.testing.assert_allclose(np.bincount(kinds) / 2_000, [1 / 6, 1 / 3, 1 / 2], atol=0.05)


@pytest.mark.thorough
def test_the_pathwise_gradient_is_that_of_the_loss_in_the_draws():
    """Against a difference of the ELBO of one key at two values of one parameter; many draws, as ReLUs have kinks."""
    setup = ab.setup(NOISE, bell, **{**{k: v for k, v in SMALL.items() if k != "exact"}, "objective": "pathwise-kl"})
    from anabranch.training.pathwise import pathwise_scores

    policy, key = ab.init(setup, 0).policy, jax.random.key(3)
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)

    def loss(shift):
        moved = eqx.tree_at(lambda one: one.biases[-1], parameters, parameters.biases[-1].at[0].add(shift))
        return setup.objective.loss(pathwise_scores(setup, eqx.combine(moved, static), key, 2_048))

    slope = jax.jit(jax.grad(loss))(0.0)
    difference = (jax.jit(loss)(0.02) - jax.jit(loss)(-0.02)) / 0.04
    assert float(slope) == pytest.approx(float(difference), rel=0.03, abs=1e-3)


@pytest.mark.thorough
def test_conditions_have_a_log_z_each():
    """R^beta of a normal law of two coordinates: log Z(beta) = log(2 pi / beta) - beta log(2 pi)."""
    env = Diffusion(dim=2, steps=8, scale=1.5)
    heat = ab.Temperature(low=0.5, high=2.0)
    options = {"steps": 800, "batch": 64, "policy": ab.MLP(width=32), "optimizer": ab.Adam(learning_rate=4e-3)}
    run = quiet(env, bell, condition=heat, **options)
    for beta in (0.5, 2.0):
        log_z = np.log(2 * np.pi / beta) - beta * np.log(2 * np.pi)
        assert run.at(beta).evaluate(samples=1_000, exact=False).log_z == pytest.approx(log_z, abs=0.15)


# --- the same numbers


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"replay": ab.Replay(share=0.25), "search": ab.LocalSearch(share=0.25, rounds=3, accept="metropolis")},
        {"backward": "learned"},
        {"policy": Drift(width=16, depth=1)},
    ],
)
def test_half_a_training_and_the_rest_are_the_whole_bit_for_bit(tmp_path, extra):
    whole = quiet(NOISE, bell, **extra)
    quiet(NOISE, bell, out=tmp_path / "run", checkpoint=ab.Checkpoint(steps=20), **{**extra, "steps": 40})
    checkpoints = sorted((tmp_path / "run" / "checkpoints").iterdir())
    assert len(checkpoints) > 1
    loaded = ab.load(tmp_path / "run", task=ab.Task(env=NOISE, log_reward=bell))
    for one, other in zip(bits(whole), bits(loaded), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.thorough
def test_seeds_of_one_program_are_those_trained_alone():
    both = quiet(NOISE, bell, seeds=2)
    for one, other in zip(bits(both[1]), bits(quiet(NOISE, bell, seed=1)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


# --- Langevin steps


def variance_after(rounds, step):
    """Of standard normal places after some rounds of a step size that is hardly adapted any more."""
    start = NOISE.initial()
    places = jax.random.normal(jax.random.key(4), (4_000, 2))
    objects = type(start)(places, jnp.full(4_000, NOISE.steps))

    def log_reward(states):
        return jax.vmap(lambda state: normal_log_density(state.place, 0.0, 1.0).sum())(states)

    options = {"rounds": rounds, "always_better": False}
    moved, _ = langevin(NOISE, log_reward, jax.random.key(5), objects, jnp.log(jnp.array(step)), **options)
    assert (np.asarray(moved.place) != np.asarray(places)).any(1).mean() > 0.5
    return float(moved.place.var())


def test_langevin_steps_leave_the_target_as_it_is():
    """The variance of 8,000 numbers of variance 1 has a standard error of .016."""
    assert variance_after(30, 0.5) == pytest.approx(1.0, abs=0.05)


@pytest.mark.thorough
def test_langevin_steps_keep_the_condition_of_an_object():
    options = {"replay": ab.Replay(share=0.25), "search": ab.LocalSearch(share=0.25, rounds=3, accept="metropolis")}
    run = quiet(NOISE, bell, condition=ab.Temperature(low=0.5, high=2.0), **options)
    assert np.isfinite(run.history[-1]["loss"])


# --- refused in a sentence


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"objective": "fm"}, "fm adds up over labels, and Diffusion is continuous"),
        ({"objective": "soft-dqn"}, "soft-dqn adds up over labels"),
        ({"objective": "mdb"}, "every state is a finished object"),
        ({"backward": "maxent"}, "maxent is one of labels"),
        ({"teacher": ab.Teacher(share=0.25)}, "teacher draws labels"),
        ({"thompson": ab.Thompson(share=0.25)}, "thompson draws labels"),
        ({"policy": ab.Tabular()}, "continuous"),
    ],
)
def test_what_does_not_go_with_densities_is_refused(options, sentence):
    with pytest.raises((ConfigError, ab.SpaceTooLargeError), match=sentence):
        quiet(NOISE, bell, **options)


def test_what_needs_a_drift_or_a_gradient_is_refused():
    with pytest.raises(ConfigError, match="Line has none"):
        quiet(Line(), two_hills, policy=Drift())
    with pytest.raises(ConfigError, match="needs normal steps"):
        quiet(Line(), two_hills, objective="pathwise-kl")
    with pytest.raises(ConfigError, match="needs normal steps"):
        ab.train("faces", objective="pathwise-kl")
    with pytest.raises(ConfigError, match="no P_B to learn"):
        quiet(Line(), two_hills, backward="learned")
    in_python = ab.python_reward(lambda objects: [1.0 for _ in objects], survey=32)
    with pytest.raises(ConfigError, match="is plain Python"):
        quiet(NOISE, in_python, policy=Drift())
    with pytest.raises(ConfigError, match="one for each condition"):
        quiet(NOISE, bell, policy=Drift(), condition=ab.Temperature(low=0.5, high=2.0))


def test_a_step_of_a_continuous_space_is_no_label():
    with pytest.raises(ConfigError, match=r"where a step ends is drawn from Diffusion\.forward"):
        NOISE.step(NOISE.initial(), jnp.array(0))
    with pytest.raises(ab.SpaceTooLargeError, match="continuous: its states cannot be listed"):
        ab.state_graph(NOISE)
