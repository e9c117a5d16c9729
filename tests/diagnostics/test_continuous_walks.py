"""In a continuous space a sampler is held against draws of its target and against random walks; there is no search."""

import jax.numpy as jnp
import pytest

import anabranch as ab
from anabranch.diagnostics.walks import walked


@pytest.mark.thorough
def test_objects_of_a_target_and_of_walks_tell_of_its_mass():
    target = ab.LineGaussians()
    perfect, walks = walked(ab.Line(steps=2), target, zero_floor=1e-4, level=0.0, seed=0)
    assert (perfect.source, walks.source) == ("draws of the target", "random walks")
    assert perfect.log_mass == target.log_z
    # 1,024 walks whose weights spread over about a nat: a few hundredths.
    assert walks.log_mass == pytest.approx(target.log_z, abs=0.3)
    for found in (perfect, walks):
        assert found.states.place.shape == (found.log_reward.size, 1)
        assert found.log_reward.size == 256
        assert float(target.log_density(jnp.asarray(found.states.place[3]))) == pytest.approx(found.log_reward[3])


def test_a_reward_that_is_no_target_has_walks_alone():
    (walks,) = walked(ab.Line(steps=2), lambda state: -(state.place[0] ** 2), zero_floor=1e-4, level=0.0, seed=0)
    assert walks.source == "random walks"
