"""Multiplying every reward by a constant changes nothing: not what is learned, not what is measured."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.bits import BitStrings
from anabranch.objectives.named import objective_named
from anabranch.objectives.trajectory_balance import TrajectoryBalance
from anabranch.rewards.log_reward import energies, floor_text, log_reward_values, minus_level, rewarded
from anabranch.sampling.reference_level import flow_start, survey_of
from support.my_spaces import Subset

SPACE = Subset(5, 3)
STEPS = 30
SHIFTS = (-1e6, 512.0, 1e6)
"""Nats; with a reward in sixteenths of a nat float32 carries each shifted one exactly."""


@dataclasses.dataclass(frozen=True)
class Shifted:
    """log R in sixteenths of a nat, with energies, plus a constant; one object has a reward of 0."""

    shift: float = 0.0

    def __call__(self, state):
        value = jnp.round(16 * jnp.sin(state @ jnp.arange(1.0, 6.0))) / 16
        return jnp.where(state[0] & state[1] & state[2], -jnp.inf, value + self.shift)

    def energy(self, state):
        return -self(state)


def trained(shift, name, **options):
    given = {"steps": STEPS, "batch": 8, "explore": ab.Explore(epsilon=0.1), "policy": ab.MLP(width=16)}
    return ab.train(SPACE, Shifted(shift), objective=name, exact=False, callback=lambda _: None, **given, **options)


@pytest.mark.parametrize("name, options", [
    ("tb", {"backward": "learned", "replay": ab.Replay(share=0.25)}),
    pytest.param("tb", {"search": ab.LocalSearch(share=0.25, rounds=2)}, marks=pytest.mark.thorough),
    pytest.param("db", {}, marks=pytest.mark.thorough),
    pytest.param("fm", {}, marks=pytest.mark.thorough),
    pytest.param("fl-subtb", {"seeds": 2}, marks=pytest.mark.thorough),
])  # fmt: skip
def test_a_constant_factor_changes_no_bit_of_what_is_learned(name, options):
    plain, scaled = (trained(shift, name, **options) for shift in (0.0, SHIFTS[-1]))
    for one, other in zip(jax.tree.leaves(plain.policy), jax.tree.leaves(scaled.policy), strict=True):
        np.testing.assert_array_equal(one, other)
    for row, moved in zip(plain.history, scaled.history, strict=True):
        assert row["loss"] == moved["loss"]
        np.testing.assert_allclose(np.subtract(moved["log_z"], row["log_z"]), SHIFTS[-1], atol=1e-6)
        np.testing.assert_allclose(np.subtract(moved["log_reward"], row["log_reward"]), SHIFTS[-1], atol=1e-6)


@pytest.mark.parametrize("shift", SHIFTS)
def test_the_level_moves_with_the_reward_and_the_start_stays(shift):
    near, far = survey_of(SPACE, Shifted()), survey_of(SPACE, Shifted(shift))
    assert far.level == near.level + shift
    for name in ("tb", "fm", "db", "fl-db", "subtb"):
        goal = objective_named(name)
        starts = [
            flow_start(SPACE, Shifted(more), goal, level=near.level + more, zero_floor=1e-4) for more in (0.0, shift)
        ]
        assert starts[0] == starts[1]


@pytest.mark.thorough
def test_log_z_starts_near_its_value():
    """The log Z of 500 free bits is 347 nats: it starts there, instead of walking there in thousands of steps."""
    env = BitStrings(length=500, word=4)
    start = flow_start(env, lambda state: jnp.zeros(()), TrajectoryBalance(), level=0.0, zero_floor=1e-4)
    assert start.log_z == pytest.approx(500 * math.log(2), abs=0.01)


def walked_log_z(setup):
    """What random walks say of log Z at the first exponent: nearly its value, since beta is small."""
    survey = survey_of(setup.env, setup.log_reward)
    relative = np.where(np.isneginf(survey.log_reward), math.log(setup.zero_floor), survey.log_reward - setup.level)
    weight = survey.log_weight(setup.anneal.start * relative)[0]
    return float(np.logaddexp.reduce(weight) - math.log(weight.size))


@dataclasses.dataclass(frozen=True)
class Steep:
    """log R falls by 100 nats with each item: random objects span hundreds of nats."""

    def __call__(self, state):
        return -100.0 * state.sum().astype(float)


def test_an_annealed_training_starts_at_the_log_z_of_its_first_exponent():
    """That of R itself lies hundreds of nats away, of which Adam walks a fraction before beta is 1."""
    common = {"objective": "tb", "steps": 100, "batch": 8, "policy": ab.MLP(width=16)}
    annealed = ab.setup(SPACE, Steep(), **common)
    assert annealed.first_beta == annealed.anneal.start < 0.05
    policy = ab.init(annealed, 0).policy
    assert float(policy.log_z) == pytest.approx(walked_log_z(annealed), abs=2.0)
    plain = ab.init(ab.setup(SPACE, Steep(), anneal=ab.Anneal(steps=0), **common), 0).policy
    assert float(plain.log_z) < float(policy.log_z) - 100.0


def test_what_the_loss_sees_is_relative_to_the_level():
    states = jnp.eye(5, dtype=bool)
    states = states.at[0].set(jnp.array([True, True, True, False, False]))
    plain = rewarded(Shifted(), states, zero_floor=1e-3)
    for shift in SHIFTS:
        found = rewarded(Shifted(shift), states, zero_floor=1e-3, level=shift)
        np.testing.assert_array_equal(found.log_reward, plain.log_reward)
        np.testing.assert_array_equal(found.floored, [True, False, False, False, False])
        own = energies(SPACE, Shifted(shift), states, zero_floor=1e-3, level=shift)
        np.testing.assert_array_equal(own, -plain.log_reward)
    assert float(plain.log_reward[0]) == pytest.approx(math.log(1e-3))


def test_a_reward_that_keeps_float64_is_asked_to_subtract_the_level_itself():
    @dataclasses.dataclass(frozen=True)
    class Precise:
        constant: float = 1e9

        def __call__(self, state):
            return jnp.sum(state) * 0.125 + self.constant

        def minus(self, level):
            return Precise(self.constant - level)

    state = jnp.ones(5, bool)
    assert float(minus_level(Precise(), 1e9)(state)) == 0.625
    assert log_reward_values(Precise(), state[None])[0] == 1e9 + 0.625
    lossy = float(jnp.float32(1e9 + 0.625)) - 1e9
    assert lossy != 0.625, "float32 alone has no room for it"


def test_the_floor_is_a_share_of_a_typical_reward():
    assert floor_text(1e-4, 0.0) == "0.0001"
    assert floor_text(1e-4, -18.0) == f"{1e-4 * math.exp(-18.0):.3g}"
    assert floor_text(1e-4, -1e4) == "exp(-10009.2)"


@dataclasses.dataclass(frozen=True)
class PreciseAtObjects:
    """A reward whose `minus` is a plain function: its energies are shifted in float32."""

    def __call__(self, state):
        return 700.0 + state.sum().astype(float)

    def energy(self, state):
        return -self(state)

    def minus(self, level):
        return lambda state: (700.0 - level) + state.sum().astype(float)


def test_a_level_subtracted_by_a_plain_function_leaves_the_energies():
    states = jnp.eye(4)[:3]
    shifted = energies(SPACE, PreciseAtObjects(), states, zero_floor=1e-4, level=700.0)
    np.testing.assert_allclose(shifted, -states.sum(axis=1))
