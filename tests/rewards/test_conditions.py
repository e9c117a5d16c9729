"""Each kind of condition: its formula, its range, and what it says to what is not in it."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.ground.errors import ConfigError
from anabranch.rewards.conditions import CONDITIONS

KINDS = {
    "temperature": ab.Temperature(low=0.5, high=4.0),
    "preferences": ab.Preferences(rewards=2, exponent=3.0),
    "three preferences": ab.Preferences(rewards=3, combine="tchebycheff"),
    "goal": ab.Goal(low=(0.0, -1.0), high=(1.0, 1.0), width=0.5, tolerance=0.2),
    "one goal": ab.Goal(),
    "classes": ab.Classes(count=3),
}


def drawn(condition, count=400):
    return jax.vmap(condition.draw)(jax.random.split(jax.random.key(0), count))


def test_every_kind_has_its_row():
    assert {type(kind) for kind in KINDS.values()} == set(CONDITIONS.values())
    assert all(CONDITIONS[kind.name] is type(kind) for kind in KINDS.values())


@pytest.mark.parametrize(
    "kind, worth, value, expected",
    [
        ("temperature", -2.0, 0.5, -1.0),
        ("temperature", -np.inf, 2.0, -np.inf),
        ("preferences", [0.2, 0.6], [0.25, 0.75], 3.0 * np.log(0.5)),
        ("preferences", [0.0, 0.6], [1.0, 0.0], -np.inf),
        ("three preferences", [0.9, 0.8, 1.0], [0.5, 0.25, 0.25], np.log(1.0 - 0.05)),
        ("goal", [0.5, 0.5], [0.0, 1.0], -0.5 * (1.0 + 1.0)),
        ("classes", [0.1, 0.2, 0.3], 2, 0.3),
    ],
)
def test_log_reward_is_the_formula(kind, worth, value, expected):
    condition = KINDS[kind]
    found = condition.log_reward(jnp.asarray(worth, jnp.float32), condition.settled(value))
    assert np.isclose(float(found), expected, rtol=1e-5) or float(found) == expected


def test_a_reward_that_is_none_stays_none():
    assert np.isnan(KINDS["preferences"].log_reward(jnp.array([jnp.nan, 1.0]), jnp.array([0.5, 0.5])))


@pytest.mark.parametrize("kind", KINDS)
def test_draws_lie_in_the_range_and_differ(kind):
    condition, values = KINDS[kind], drawn(KINDS[kind])
    rows = np.asarray(values).reshape(400, -1)
    assert len(np.unique(rows, axis=0)) > 2
    for row in np.asarray(values)[:50]:
        condition.settled(row.tolist() if row.ndim else row.item())


@pytest.mark.parametrize("kind", ["temperature", "preferences", "goal", "one goal"])
def test_the_ends_of_a_range_are_drawn(kind):
    rows = np.asarray(drawn(KINDS[kind])).reshape(400, -1)
    for column in rows.T:
        assert (column == column.min()).sum() > 4
        assert (column == column.max()).sum() > 4


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_network_sees_tells_conditions_apart(kind):
    condition = KINDS[kind]
    seen = [np.asarray(condition.features(condition.settled(value))) for value in condition.grid()]
    assert len({row.tobytes() for row in seen}) == len(seen)
    assert np.abs(seen).max() <= 1.0 + 1e-6
    shape = jax.eval_shape(condition.middle)
    assert all(jax.eval_shape(lambda value=value: condition.settled(value)) == shape for value in condition.grid()[:3])


@pytest.mark.parametrize("kind", KINDS)
def test_the_level_comes_off_what_is_learned_and_comes_back(kind):
    condition, value = KINDS[kind], KINDS[kind].settled(KINDS[kind].grid()[-1])
    worth = jnp.asarray(-7.5) if condition.columns is None else jnp.full(condition.columns, 0.5)
    learned = condition.relative(worth, value, -7.0) + condition.level_at(-7.0, value)
    assert np.isclose(float(learned), float(condition.log_reward(worth, value)), rtol=1e-5)


def test_hindsight_makes_a_goal_of_what_was_reached():
    goal, worth = KINDS["one goal"], jnp.array([0.3])
    keys = jax.random.split(jax.random.key(1), 400)
    anew = np.asarray(jax.vmap(lambda key: goal.hindsight(key, worth))(keys))
    near = (np.abs(anew - 0.3) < 2.0 * goal.width).mean()
    by_chance = (np.abs(np.asarray(drawn(goal)) - 0.3) < 2.0 * goal.width).mean()
    assert near > by_chance + 0.2


REFUSED = [
    ("temperature", 5.0, r"The exponent beta must lie in the trained range, 0\.5 to 4; given 5\."),
    ("temperature", (1.0, 2.0), "The exponent beta must be one number; given"),
    ("temperature", float("nan"), "one number"),
    ("temperature", "hot", "one number"),
    ("preferences", (0.5, 0.6), r"sum to 1; given \(0\.5, 0\.6\), whose sum is 1\.1"),
    ("preferences", (1.5, -0.5), "weights of at least 0"),
    ("preferences", (0.2, 0.3, 0.5), "The preferences must be 2 numbers"),
    ("goal", (0.5, 2.0), r"The goal must lie in the trained range, \(0, -1\) to \(1, 1\); given \(0\.5, 2\)"),
    ("one goal", 1.5, "The goal must lie in the trained range, 0 to 1; given 1.5"),
    ("classes", 3, "0 to 2; given 3"),
    ("classes", 0.5, "a whole number"),
]


@pytest.mark.parametrize("kind, value, sentence", REFUSED)
def test_what_is_outside_of_the_range_is_refused_with_the_range(kind, value, sentence):
    with pytest.raises(ConfigError, match=sentence):
        KINDS[kind].settled(value)


@pytest.mark.parametrize(
    "make, sentence",
    [
        (lambda: ab.Temperature(low=2.0, high=1.0), "0 < low < high"),
        (lambda: ab.Preferences(rewards=1), "two rewards or more"),
        (lambda: ab.Preferences(exponent=0.0), "positive, finite exponent"),
        (lambda: ab.Goal(low=(0.0,), high=(1.0, 2.0)), "one low and one high for each property"),
        (lambda: ab.Goal(width=0.0), "positive width"),
        (lambda: ab.Classes(count=1), "two or more"),
    ],
)
def test_a_kind_without_sense_is_refused(make, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make()


@pytest.mark.thorough
def test_a_kind_of_a_users_own_is_a_record_like_the_others():
    @dataclasses.dataclass(frozen=True)
    class Shifted(ab.Condition):
        name = "shifted"
        columns = property(lambda self: None)

        def draw(self, key):
            return jax.random.uniform(key)

        def middle(self):
            return jnp.asarray(0.5)

        def features(self, value):
            return value[None]

        def log_reward(self, worth, value):
            return -((worth - value) ** 2)

        def settled(self, value):
            return ab.within(value, 0.0, 1.0, what="The shift")

        def grid(self):
            return [0.0, 1.0]

    env = ab.make("hypergrid", env={"side": 3}).env
    small = {"objective": "tb", "steps": 5, "batch": 4, "policy": ab.MLP(width=8)}
    run = ab.train(env, lambda state: state.sum() / 4.0, condition=Shifted(), **small)
    assert [row.condition for row in run.evaluate(samples=64).conditions.rows] == [0.0, 1.0]
    with pytest.raises(ConfigError, match="The shift must lie in the trained range, 0 to 1"):
        run.sample(1, condition=2.0)
