"""Trainings under conditions with a reward in plain Python: asked once an object, and the same law as in JAX."""

import numpy as np
import pytest

import anabranch as ab
from support.two_rewards import HEAT, PAIR, SMALL, bits, quiet, two, two_in_python


@pytest.mark.thorough
def test_a_reward_in_plain_python_is_asked_once_for_an_object_under_all_conditions():
    asked = []

    def counted(objects):
        asked.extend(objects)
        return two_in_python(objects)

    reward = ab.python_reward(counted, survey=32)
    run = quiet(reward=reward, condition=PAIR, replay=ab.Replay(share=0.5), **{**SMALL, "steps": 30})
    twice = 2  # objects of the survey that are asked for again, to see whether the function repeats itself
    assert len(asked) - twice == len(set(asked)) <= 16
    assert run.evaluate(samples=32).total_variation is not None
    assert len(asked) - twice == len(set(asked)) <= 16


@pytest.mark.thorough
def test_plain_python_columns_teach_what_columns_in_jax_teach():
    options = {**SMALL, "level": 0.0, "zero_floor": 1e-4, "condition": PAIR}
    inside, outside = quiet(reward=two, **options), quiet(reward=ab.python_reward(two_in_python, survey=256), **options)
    for one, other in zip(bits(inside), bits(outside), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


@pytest.mark.thorough
def test_what_is_measured_asks_for_few_rewards_in_plain_python():
    env = ab.make("hypergrid", env={"dim": 3, "side": 12}).env
    asked = []

    def counted(objects):
        asked.extend(objects)
        return [[1.0 + x, 1.0 + y] for x, y, _ in objects]

    run = quiet(env=env, reward=ab.python_reward(counted, survey=32), condition=PAIR, **{**SMALL, "steps": 2})
    before = len(asked)
    measured = run.evaluate(exact=False)
    drawn = 100 + 8 * len(measured.conditions.rows)
    assert len(asked) - before <= drawn
    before = len(asked)
    assert all(finding.what for finding in ab.diagnose(run, evaluations=[measured], exact=False))
    assert len(asked) - before <= 100


@pytest.mark.thorough
def test_a_temperature_over_plain_python_is_the_power_of_its_reward():
    def score(objects):
        return [1.0 + x + y for x, y in objects]

    run = quiet(reward=ab.python_reward(score, survey=32), condition=HEAT, **SMALL)
    drawn = run.sample(5, condition=2.0)
    np.testing.assert_allclose(drawn.log_reward, [2.0 * np.log(1.0 + x + y) for x, y in drawn.objects], rtol=1e-5)
