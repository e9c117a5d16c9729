"""Tiers of constraints on the hypergrid, against plain Python; how many states reach them, exactly."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.hypergrid import Hypergrid
from anabranch.envs.hypergrid_coprime import CoprimeReward
from anabranch.envs.hypergrid_digits import DigitReward
from anabranch.envs.hypergrid_parity import ParityReward
from anabranch.envs.hypergrid_tiers import DIFFICULTIES
from support.catalogue import log_z_of

THREE = Hypergrid(dim=3, side=13)
PARITY = ParityReward(env=THREE, dims=2, planes=(1, 3, 4), weights=(1.0, 2.0, 4.0), r0=0.5)
COPRIME = CoprimeReward(
    env=THREE, dims=3, primes=(2, 3, 5), caps=(3, 2, 1), multiples=(0, 12, 0), weights=(1.0, 2.0, 4.0)
)
REACHED = CoprimeReward(env=THREE, dims=2, primes=(2, 3), caps=(3, 2), multiples=(0, 12), weights=(1.0, 2.0), r0=0.1)
DIGITS = DigitReward(env=THREE, dims=3, base=3, width=2, moduli=(1, 3), weights=(1.0, 2.0), seed=4)


def parity(x, t):
    columns = [format(v, "08b")[::-1][: PARITY.planes[t]] for v in x[:2]]
    return all(column.count("1") % 2 == 0 for column in zip(*columns, strict=True))


def coprime(reward):
    def keeps(x, t):
        x = x[: reward.dims]
        rests = []
        for rest in x:
            for prime in reward.primes * reward.caps[t]:
                rest = rest // prime if rest and rest % prime == 0 else rest  # noqa: PLW2901
            rests.append(rest)
        apart = all(math.gcd(a, b) == 1 for a, b in itertools.pairwise(x))
        return set(rests) == {1} and apart and reward.multiples[t] in (0, math.lcm(*x))

    return keeps


def digits(x, t):
    """Tier 1 looks at the lowest digit; tier 2 at the next, shifted by the seed's first number times the lowest."""
    low, next_one = [v % 3 for v in x], [v // 3 % 3 for v in x]
    factor = int(np.random.PCG64(4).random_raw()) % 3
    if t == 0:
        return all(v < 2 for v in low)
    return all((b + factor * a) % 3 < 2 for a, b in zip(low, next_one, strict=True)) and sum(next_one) % 3 == 0


@pytest.mark.parametrize(
    "reward, keeps, tiers",
    [
        (PARITY, parity, {0, 1, 2, 3}),
        (COPRIME, coprime(COPRIME), {0, 1, 2}),
        (REACHED, coprime(REACHED), {0, 1, 2}),
        (DIGITS, digits, {0, 1, 2}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_tiers_are_those_of_plain_python(reward, keeps, tiers):
    """R on every state of a grid, and the exact counts and log Z; all tiers are reached, and missed."""
    states = list(itertools.product(range(13), repeat=3))
    reached = [next((t for t in range(len(reward.weights)) if not keeps(x, t)), len(reward.weights)) for x in states]
    assert set(reached) == tiers
    expected = np.array([reward.r0 + sum(reward.weights[:t]) for t in reached])
    values = np.exp(np.asarray(jax.jit(jax.vmap(reward))(jnp.array(states)), float))
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    free = 13 ** (3 - reward.constrained)
    assert [free * n for n in reward.counts] == [sum(r > t for r in reached) for t in range(len(reward.weights))]
    assert reward.log_z == pytest.approx(math.log(expected.sum()), abs=1e-9)


def test_contradicting_multiples_leave_nothing():
    none = CoprimeReward(env=THREE, primes=(2, 3), caps=(2, 2, 2), multiples=(0, 6, 12))
    assert [count > 0 for count in none.counts] == [True, True, False]
    assert CoprimeReward(env=THREE, primes=(2, 3), caps=(2, 2, 2), multiples=(0, 35, 0)).counts[1:] == [0, 0]


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_presets_have_their_counts_in_closed_form(difficulty):
    """Where the side is a power of two, or of four, each tier leaves a known share of all states."""
    parity = ParityReward(env=Hypergrid(dim=12, side=2048), difficulty=difficulty)
    planes = itertools.accumulate(parity.rule("planes"), max)
    assert parity.counts == [2048**parity.constrained >> number for number in planes]
    digits = DigitReward(env=Hypergrid(dim=12, side=256), difficulty=difficulty)
    moduli = itertools.accumulate(digits.rule("moduli"), lambda a, b: a * b)
    shares = [(2**t * 4 ** (4 - t)) ** digits.constrained for t in range(1, 5)]
    assert digits.counts == [share // modulus for share, modulus in zip(shares, moduli, strict=False)]
    assert np.isfinite(CoprimeReward(env=Hypergrid(dim=12, side=128), difficulty=difficulty).log_z)


def test_tasks_have_their_stated_log_z():
    cases = {"hypergrid-xor": 8.877382, "hypergrid-coprime": 11.017629, "hypergrid-multiscale": 7.049255}
    for name, log_z in cases.items():
        assert ab.make(name).log_reward.log_z == pytest.approx(log_z, abs=1e-6)
    task = ab.make("hypergrid-multiscale")
    assert log_z_of(task.env, task.log_reward) == pytest.approx(7.049255, abs=1e-6)


def test_a_difficulty_is_a_setting_and_so_is_each_rule():
    task = ab.make("hypergrid-xor", reward={"difficulty": "hard", "planes": [1, 2, 3, 4]})
    assert task.log_reward.rule("planes") == (1, 2, 3, 4)
    assert task.log_reward.rule("dims") == 8
    assert task.log_reward.constrained == 2


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: ParityReward(env=THREE, planes=(1, 2)).log_z, "3 weights make as many tiers, but planes has 2"),
        (lambda: ParityReward(env=THREE, planes=(1, -2, 3)), "planes count binary digits"),
        (lambda: ParityReward(env=THREE, dims=0), "At least one coordinate"),
        (lambda: ParityReward(env=THREE, weights=(), planes=()), "at least one tier"),
        (lambda: ab.make("hypergrid-xor", reward={"difficulty": "simple"}), "easy"),
        (lambda: CoprimeReward(env=THREE, primes=(2, 4)), "different prime numbers, at least one; given"),
        (lambda: CoprimeReward(env=THREE, primes=(2, 2)), "different prime numbers"),
        (lambda: CoprimeReward(env=THREE, caps=(1, -1, 1)), "from 0 on"),
        (lambda: DigitReward(env=THREE, width=5), "1 <= width <= base"),
        (lambda: DigitReward(env=THREE, moduli=(0, 1)), "from 1 on"),
        (lambda: DigitReward(env=Hypergrid(dim=2, side=4)).log_z, "2 tiers need as many digits in base 4"),
    ],
)
def test_bad_input_is_a_sentence(make, words):
    with pytest.raises(ab.ConfigError, match=words):
        make()


def test_negative_weights_are_no_rewards():
    with pytest.raises(ab.RewardError, match=r"weights\[1\]=-1.0"):
        ParityReward(env=THREE, weights=(1.0, -1.0), planes=(1, 2))
