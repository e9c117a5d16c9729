"""Settings of rewards in plain Python that exclude each other, and trainings that cannot have such a reward."""

import math

import pytest

import anabranch as ab
from anabranch.ground.errors import ConfigError
from anabranch.rewards.python_reward import python_reward
from support import scores
from support.python_trainings import SETTINGS, trained


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout": 1.0}, "timeout=1 needs a process that can be killed: workers=1"),
        ({"batch_size": 0}, "batch_size must be at least 1; given 0"),
        ({"workers": "many"}, "workers takes a number of processes, ray, or the address"),
        ({"exponent": -1.0}, "exponent must be positive"),
        ({"weights": (math.inf,)}, "weights must be finite"),
        ({"noisy": True, "cache": "a"}, "a noisy reward is asked anew"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_that_are_none(settings, words):
    with pytest.raises(ConfigError, match=words):
        python_reward(scores.values, **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"search": ab.LocalSearch(share=0.5)}, "local search evaluates inside of a compiled step"),
        ({"objective": "mdb"}, "mdb needs the reward of every state on the way"),
        ({"objective": "fl-db"}, "needs the energy of partial objects"),
        ({"seeds": 2}, "train its seeds one after another"),
    ],
    ids=["search", "mdb", "fl-db", "seeds"],
)
def test_what_needs_rewards_inside_of_a_step_is_refused_in_a_sentence(settings, words):
    with pytest.raises(ConfigError, match=words):
        trained(scores.values, train=settings)


@pytest.mark.thorough
def test_a_policy_gradient_learns_from_no_earlier_policy():
    with pytest.raises(ConfigError, match="on-policy only: inflight must be 1; given 2"):
        trained(scores.values, train={"objective": "pg"}, inflight=2)
    assert trained(scores.values, train={"objective": "pg"}).steps == SETTINGS["steps"]
