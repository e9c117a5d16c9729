"""Mixtures of plateaus: what is drawn has the density that is stated, also in thin boxes and at the ends of a draw."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.continuous.box import plateaus

DRAWS, GRID = 20_000, 200_001
FAR = 1.95 / np.sqrt(DRAWS)
"""A distance of Kolmogorov and Smirnov that draws of the density itself exceed once in 1,000 times."""
CASES = [(0.0, 1.0, 1.0), (0.0, 1.0, 6.0), (0.3, 0.32, 3.0), (0.9999, 1.0, 1.0), (0.999995, 1.0, 1.0)]


def mixture(low, high, spread, seed):
    """Of one coordinate, with numbers as wild as `spread` makes them."""
    numbers = spread * np.random.default_rng(seed).standard_normal(4 * 8)
    return plateaus(jnp.asarray(numbers, jnp.float32), jnp.array([low]), jnp.array([high]))


def masses(density, low, high):
    """Middles of a fine grid, and the mass of each of its cells."""
    edges = np.linspace(low, high, GRID)
    middles = 0.5 * (edges[1:] + edges[:-1])
    return middles, np.exp(np.asarray(jax.vmap(density.log_density)(jnp.asarray(middles)[:, None]))) * np.diff(edges)


def distance(density, low, high, draws):
    middles, mass = masses(density, low, high)
    stated = np.interp(np.sort(draws), middles, np.cumsum(mass))
    return np.abs(stated - (np.arange(draws.size) + 0.5) / draws.size).max()


def drawn(density, seed=1):
    return np.asarray(jax.vmap(density.draw)(jax.random.split(jax.random.key(seed), DRAWS)))[:, 0]


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("low, high, spread", CASES)
def test_its_mass_is_one_and_draws_have_it(low, high, spread):
    density = mixture(low, high, spread, 0)
    draws = drawn(density)
    assert ((draws >= np.float32(low)) & (draws <= np.float32(high))).all()
    assert masses(density, low, high)[1].sum() == pytest.approx(1.0, abs=2e-3 if high - low < 1e-3 else 1e-4)
    if high - low > 1e-3:  # float32 has few numbers in thinner ones
        assert distance(density, low, high, draws) < FAR


def test_draws_of_another_mixture_are_seen():
    """The negative control of the distance."""
    other = mixture(0.0, 1.0, 1.2, 0)
    assert distance(mixture(0.0, 1.0, 1.0, 0), 0.0, 1.0, drawn(other)) > FAR


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("level", [0.0, 2.0**-24, 1.0 - 2.0**-24, 1.0])
@pytest.mark.parametrize("low, high, spread", CASES)
def test_the_least_and_the_largest_uniform_number_give_points(monkeypatch, level, low, high, spread):
    monkeypatch.setattr(jax.random, "uniform", lambda key, shape: jnp.full(shape, level, jnp.float32))
    density = mixture(low, high, spread, 2)
    keys = jax.random.split(jax.random.key(0), 50)
    points = np.asarray([density.draw(key) for key in keys])
    assert ((points >= np.float32(low)) & (points <= np.float32(high))).all()
    assert np.isfinite([density.log_density(jnp.asarray(point)) for point in points]).all()
