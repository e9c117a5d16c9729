"""A target that is no reward, or of another dimension than its space, ends in one sentence before any step."""

import dataclasses

import jax.numpy as jnp
import pytest

import anabranch as ab

SMALL = {"objective": "tb", "steps": 2, "batch": 4, "policy": ab.MLP(width=8), "exact": False}


@dataclasses.dataclass(frozen=True)
class Broken(ab.Target):
    """What is given on one half of the plane."""

    value: float
    dim: int = 2

    def log_density(self, place):
        return jnp.where(place[0] > 0.0, self.value, -jnp.sum(place**2))


@pytest.mark.thorough
@pytest.mark.parametrize("value, shown", [(float("nan"), "nan"), (float("inf"), "inf")])
def test_a_reward_that_is_no_number_is_named(value, shown):
    with pytest.raises(ab.RewardError, match=rf"log_reward is {shown} for \(.*\): a reward must be a finite number"):
        ab.train(ab.Diffusion(steps=3), Broken(value), **SMALL)


@pytest.mark.thorough
def test_a_reward_of_zero_on_a_half_is_none_of_them():
    """The negative control."""
    assert ab.train(ab.Diffusion(steps=3), Broken(-jnp.inf), **SMALL).steps == 2


@pytest.mark.parametrize("env", [ab.Diffusion(dim=3, steps=3), ab.Line(), ab.Box(dim=1)], ids=str)
def test_another_dimension_is_a_sentence_and_no_page(env):
    with pytest.raises(ab.RewardError) as error:
        ab.train(env, Broken(0.0), **SMALL)
    given = getattr(env, "dim", 1)
    assert str(error.value) == (
        f"Broken is a target of 2 coordinates; the points of the space have {given}: give both the same dim."
    )
