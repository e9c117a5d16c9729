"""Targets: log Z against quadrature of another kind, and perfect draws against the density."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

import anabranch as ab
from anabranch.continuous.places import Timed

SIGMAS = 5.0
"""Standard errors that an estimate may be off: with this many tests, one in 10^5 whole runs of a right target fails."""


def log_densities(target, places):
    return np.asarray(jax.vmap(target.log_density)(jnp.asarray(places, float)), np.float64)


def on_grid(target, low, high, n):
    """The log of an integral by midpoints, in the plane or on the line."""
    width = (high - low) / n
    ticks = low + width * (np.arange(n) + 0.5)
    places = np.stack(np.meshgrid(*[ticks] * target.dim), -1).reshape(-1, target.dim)
    return math.log(np.sum(np.exp(log_densities(target, places))) * width**target.dim)


# --- log Z, by the plainest rule there is


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("target, low, high, n", [
    (ab.TwoGaussians(), -10.0, 10.0, 200),
    (ab.TwoGaussians(dim=1, apart=3.0, deviation=0.5), -10.0, 10.0, 400),
    (ab.GaussianGrid(), -13.0, 13.0, 260),
    (ab.ScatteredGaussians(), -50.0, 50.0, 250),
    (ab.LineGaussians(), -12.0, 12.0, 1_000),
    (ab.LineGaussians(total=0.2), -12.0, 12.0, 1_000),
    (ab.ManyWell(dim=2), -7.0, 7.0, 400),
    (ab.BoxCorners(), 0.0, 1.0, 200),
    (ab.BoxCorners(dim=3, r0=0.01, r1=1.0, r2=3.0), 0.0, 1.0, 60),
    (ab.CoupledAngles(), -math.pi, math.pi, 120),
    (ab.CoupledAngles(dim=3, wells=2, field=1.0, coupling=-0.7), -math.pi, math.pi, 40),
    (ab.CoupledAngles(dim=1, wells=2), -math.pi, math.pi, 120),
], ids=str)  # fmt: skip
def test_log_z_is_that_of_a_grid(target, low, high, n):
    assert on_grid(target, low, high, n) == pytest.approx(target.log_z, abs=2e-5)


def test_the_numbers_of_the_papers():
    assert ab.ManyWell(dim=32).log_z == pytest.approx(164.695675, abs=1e-6)
    assert ab.ManyWell(dim=16).log_z == pytest.approx(2 * 41.173919, abs=2e-6)
    assert ab.ManyWell(dim=8).log_z == pytest.approx(41.173919, abs=1e-6)
    assert ab.BoxCorners().log_z == pytest.approx(-1.187444, abs=1e-6)
    assert ab.ScatteredGaussians().deviation == pytest.approx(math.log(1.0 + math.e))
    one = integrate.quad(lambda x: math.exp(-(x**4) + 6 * x**2 + x / 2), -5, 5, epsabs=1e-12)[0]
    assert ab.ManyWell(dim=2).log_z == pytest.approx(math.log(one * math.sqrt(2 * math.pi)), abs=1e-10)


def test_the_funnel_is_normal_in_each_coordinate():
    target, generator = ab.Funnel(dim=4, deviation=2.0), np.random.default_rng(0)
    places = generator.normal(0.0, 2.0, (50, 4))
    first, others = places[:, :1], places[:, 1:]
    expected = stats.norm.logpdf(first, 0.0, 2.0) + stats.norm.logpdf(others, 0.0, np.exp(first / 2)).sum(1)[:, None]
    np.testing.assert_allclose(log_densities(target, places), expected[:, 0], rtol=1e-4)
    assert np.isfinite(log_densities(ab.Funnel(), [[-200.0] + [50.0] * 9])).all()


@pytest.mark.parametrize("dim, kinds, width", [(1, 3, 0.1), (2, 2, 0.3)])
def test_log_z_of_kinds_is_a_sum_of_integrals(dim, kinds, width):
    target = ab.KindBumps(dim=dim, kinds=kinds, width=width)
    ticks = (np.arange(200) + 0.5) / 200
    places = np.stack(np.meshgrid(*[ticks] * dim), -1).reshape(-1, dim)
    total = 0.0
    for kind in range(kinds):
        middle = (kind + 1) / (kinds + 1)
        bump = (kind + 1) * np.exp(-np.sum((places - middle) ** 2, -1) / (2 * width**2))
        total += np.mean(0.1 + bump)
    assert target.log_z == pytest.approx(math.log(total), abs=1e-5)
    env = ab.KindsAndPoints(kinds=kinds, dim=dim)
    state = env.encode((1, (0.5,) * dim))
    expected = math.log(0.1 + 2 * math.exp(-dim * (0.5 - 2 / (kinds + 1)) ** 2 / (2 * width**2)))
    assert float(target(state)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("target", [
    ab.LennardJones(),
    ab.LennardJones(dim=9, depth=2.0),
    ab.LennardJones(depth=1.5, stiffness=3.0, near=0.9),
], ids=str)  # fmt: skip
def test_log_z_of_three_particles_is_that_of_importance_sampling(target):
    """From particles that are only held: no change of coordinates, so no shared mistake."""
    generator, n = np.random.default_rng(1), 200_000
    places = generator.standard_normal((n, target.dim)) / math.sqrt(target.stiffness)
    held = 0.5 * target.stiffness * np.sum(places**2, -1)
    weights = np.exp(log_densities(target, places) + held)
    error = weights.std() / math.sqrt(n) / weights.mean()
    found = math.log(weights.mean()) + 0.5 * target.dim * math.log(2 * math.pi / target.stiffness)
    assert abs(found - target.log_z) < SIGMAS * error
    assert error < 0.02


def test_three_particles_have_a_finite_energy_and_gradient_where_they_coincide():
    target = ab.LennardJones()
    value, slope = jax.value_and_grad(target.log_density)(jnp.zeros(6))
    near, pull = target.near, 12.0 * target.depth * (0.8**-13 - 0.8**-7)
    assert float(value) == pytest.approx(-3 * (target.depth * (near**-12 - 2 * near**-6) + pull * near), rel=1e-4)
    assert np.isfinite(slope).all()
    side = jnp.array([0.0, 0.0, 1.0, 0.0, 0.5, math.sqrt(0.75)])
    held = 0.5 * float(jnp.sum(side**2))
    assert float(target.log_density(side)) == pytest.approx(3 * target.depth - held, abs=1e-4)


# --- draws

DRAWN = [
    (ab.TwoGaussians(), 3.0, 0.8),
    (ab.GaussianGrid(), 0.0, 0.45),
    (ab.ScatteredGaussians(), ab.ScatteredGaussians().modes.places[7], 1.0),
    (ab.LineGaussians(), 0.0, 0.8),
    (ab.Funnel(dim=3), 0.0, 0.6),
    (ab.ManyWell(dim=4), [1.75, 0.0, 1.75, 0.0], [0.17, 0.8, 0.17, 0.8]),
    (ab.BoxCorners(), None, None),
    (ab.CoupledAngles(), 0.0, 0.2),
]
"""Each with the middle and the width of a density that lies within it."""


def evidence_from_draws(target, draws, middle, width):
    """1 / Z as the mean of h / R under R / Z, of a density h that is narrow (Gelfand and Dey 1994), and its error."""
    if isinstance(target, ab.BoxCorners):  # whose R has edges: h is even on the cube of a mode
        inside = (np.abs(draws - 0.15) < 0.05).all(-1)
        log_h = np.where(inside, -target.dim * math.log(0.1), -np.inf)
    else:
        log_h = stats.norm.logpdf(draws, middle, width).sum(-1)
    terms = np.exp(log_h - log_densities(target, draws))
    return terms.mean(), terms.std() / math.sqrt(len(terms))


@pytest.mark.parametrize("target, middle, width", DRAWN, ids=[type(target).__name__ for target, _, _ in DRAWN])
def test_draws_density_and_log_z_agree(target, middle, width):
    draws = target.draws(20_000, np.random.default_rng(3))
    assert draws.shape == (20_000, target.dim)
    found, error = evidence_from_draws(target, draws, middle, width)
    assert abs(found - math.exp(-target.log_z)) < SIGMAS * error
    assert error < 0.1 * found
    assert abs(found - math.exp(-target.log_z - 0.6)) > SIGMAS * error, "the test would see a log Z that is 0.6 off"


def test_draws_of_another_target_are_seen():
    """The negative control: a fifth more spread, a well left out."""
    target, middle, width = DRAWN[0]
    wide = ab.TwoGaussians(deviation=1.2).draws(20_000, np.random.default_rng(3))
    found, error = evidence_from_draws(target, wide, middle, width)
    assert abs(found - 1.0) > SIGMAS * error
    target, middle, width = DRAWN[5]
    half = target.draws(20_000, np.random.default_rng(3))
    found, error = evidence_from_draws(target, half[half[:, 0] > 0], middle, width)
    assert abs(found - math.exp(-target.log_z)) > SIGMAS * error


def test_a_first_coordinate_of_the_many_well_has_its_distribution():
    draws = ab.ManyWell(dim=8).draws(5_000, np.random.default_rng(5))
    ticks = np.linspace(-5, 5, 4_001)
    below = np.cumsum(np.exp(-(ticks**4) + 6 * ticks**2 + ticks / 2))
    assert stats.kstest(draws[:, 0::2].ravel(), lambda x: np.interp(x, ticks, below / below[-1])).pvalue > 1e-4
    assert stats.kstest(draws[:, 1::2].ravel(), "norm").pvalue > 1e-4


def test_draws_of_three_particles_have_the_moments_of_weighted_ones():
    target, generator, n = ab.LennardJones(depth=2.0), np.random.default_rng(2), 200_000
    proposed = generator.standard_normal((n, 6))
    weights = np.exp(log_densities(target, proposed) + 0.5 * np.sum(proposed**2, -1))
    first, second = np.triu_indices(3, 1)

    def near(places):
        particles = places.reshape(-1, 3, 2)
        return (np.linalg.norm(particles[:, first] - particles[:, second], axis=-1) < 1.2).sum(-1)

    expected = np.average(near(proposed), weights=weights)
    found, plain = near(target.draws(20_000, generator)), near(proposed)
    error = math.hypot(found.std() / math.sqrt(20_000), np.std(weights * (plain - expected)) / weights.mean() / n**0.5)
    assert abs(found.mean() - expected) < SIGMAS * error
    assert abs(plain.mean() - expected) > SIGMAS * error, "particles that do not see each other are told apart"


def test_no_draws_where_rejection_takes_too_long():
    generator = np.random.default_rng(0)
    assert ab.LennardJones(depth=6.0).draws(1, generator) is None
    assert ab.CoupledAngles(coupling=9.0).draws(1, generator) is None
    assert ab.LogisticRegression().log_z is None
    assert ab.LogisticRegression().draws(1, generator) is None
    assert ab.KindBumps().draws(1, generator) is None


# --- modes


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("target, count", [
    (ab.TwoGaussians(), 2),
    (ab.GaussianGrid(), 25),
    (ab.ScatteredGaussians(), 40),
    (ab.LineGaussians(), 3),
    (ab.ManyWell(), 16),
    (ab.ManyWell(dim=16), 256),
    (ab.BoxCorners(dim=3), 8),
    (ab.CoupledAngles(), 9),
], ids=str)  # fmt: skip
def test_modes_are_peaks_that_perfect_draws_find(target, count):
    modes, generator = target.modes, np.random.default_rng(0)
    assert modes.places.shape == (count, target.dim)
    nudged = modes.places[:, None] + 0.02 * generator.standard_normal((count, 8, target.dim))
    heights = log_densities(target, modes.places)
    around = log_densities(target, nudged.reshape(-1, target.dim)).reshape(count, 8)
    # But for a twentieth of a nat: near another one a normal's own centre is not quite the peak.
    assert (heights[:, None] >= around - 0.05).all()
    if count > 100:  # the shallowest of many wells is too rare
        return
    draws = target.draws(20_000, generator)
    found = [bool((np.linalg.norm(draws - place, axis=-1) < modes.radius).any()) for place in modes.places]
    assert all(found)


def test_too_many_modes_are_not_counted():
    assert ab.ManyWell(dim=32).modes is None
    assert ab.BoxCorners(dim=12).modes is None
    assert ab.CoupledAngles(dim=8).modes is None
    assert ab.Funnel().modes is None


# --- what they are called with


def test_a_target_reads_the_place_of_a_state():
    target = ab.TwoGaussians()
    state = Timed(jnp.ones(2), jnp.array(3))
    assert float(target(state)) == float(target.log_density(jnp.ones(2)))
    with pytest.raises(ab.RewardError, match="a target of 2 coordinates; the points of the space have 3"):
        target(Timed(jnp.ones(3), jnp.array(3)))


def test_a_target_takes_the_size_of_its_space():
    assert ab.ManyWell().fitted(ab.Diffusion(dim=12)) == ab.ManyWell(dim=12)
    assert ab.KindBumps().fitted(ab.KindsAndPoints(kinds=5, dim=2)) == ab.KindBumps(dim=2, kinds=5)
    assert ab.LineGaussians().fitted(ab.Line()) == ab.LineGaussians()
    with pytest.raises(ab.ConfigError, match=r"Diffusion has no kinds"):
        ab.KindBumps().fitted(ab.Diffusion())


@pytest.mark.parametrize("make, words", [
    (lambda: ab.ManyWell(dim=7), "needs dim >= 2, a multiple of 2; given dim=7"),
    (lambda: ab.GaussianGrid(dim=9), "needs dim >= 1 and <= 4; given dim=9"),
    (lambda: ab.Funnel(dim=1), "needs dim >= 2; given dim=1"),
    (lambda: ab.Funnel(deviation=0.0), "needs a positive, finite deviation; given deviation=0.0"),
    (lambda: ab.TwoGaussians(apart=math.nan), "needs a positive, finite apart"),
    (lambda: ab.LennardJones(dim=4), r"needs dim=6 \(the plane\) or dim=9 \(space\); given dim=4"),
    (lambda: ab.LennardJones(near=1.0), "needs near < 1"),
    (lambda: ab.BoxCorners(r0=0.0), "needs r0 > 0"),
    (lambda: ab.CoupledAngles(coupling=math.inf), "needs a finite coupling"),
    (lambda: ab.KindBumps(floor=0.0), "needs a positive, finite floor"),
])  # fmt: skip
def test_settings_out_of_range_are_one_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()


@pytest.mark.parametrize("target", [*(row[0] for row in DRAWN), ab.KindBumps(), ab.LogisticRegression()], ids=str)
def test_targets_are_hashable_records_that_name_their_fields(target):
    assert hash(target) == hash(dataclasses.replace(target))
    assert repr(target).startswith(type(target).__name__)
