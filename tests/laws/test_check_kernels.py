"""`check` of spaces whose steps are densities: one fault a law, each refuted; and the library's own spaces, sound."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.continuous.box import Box
from anabranch.continuous.diffusion import Diffusion
from anabranch.continuous.kinds import KindsAndPoints
from anabranch.continuous.line import Line
from anabranch.continuous.torus import Torus
from anabranch.laws.check import examine
from anabranch.laws.weighted_mass import weighted_mass
from support import walks_with_faults
from support.tiny import answer
from support.walks_with_faults import (
    Blind,
    Circle,
    Elsewhere,
    Endless,
    Growing,
    Heavy,
    Lost,
    Slope,
    Stuck,
    Uncounted,
    Upward,
    Walk,
    Wide,
    Wrong,
)

QUICK = {"seconds": 0.0, "walks": 64}
"""Six kernels are weighed, whatever the time."""


def test_a_lawful_walk_is_sound_and_its_report_says_what_was_done():
    report = ab.check(Walk(), **QUICK)
    assert report.sound
    assert list(report.laws) == ["K1", "K2", "K3", "K4", "K5", "K6", "K7"]
    assert report.laws["K1"] == "sampled: 6 kernels"
    assert (report.walks, report.states, report.edges, report.objects) == (64, 192, 128, 64)
    assert "64 random walks: 192 states, 128 moves, 64 objects" in str(report)


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize(
    ("env", "law", "words"),
    [
        (Heavy(), "K1", "the density of Heavy.forward at Timed(place="),
        (Wide(), "K2", "draw and log_density must speak of one distribution"),
        (Elsewhere(), "K3", "but Elsewhere.backward(child, None) gives that parent no finite log-density"),
        (Lost(), "K4", "which is not the initial state"),
        (Upward(), "K4", "from which forward does not lead there"),
        (Endless(), "K5", "after max_steps = 2 moves Endless.can_move is still true"),
        (Stuck(), "K5", "neither can_move nor can_stop is true"),
        (Circle(), "K5", "back to the initial state, which must have no parent"),
        (Slope(), "K6", "the gradient of forward(...).log_density(child) in Slope is not finite"),
        (Blind(), "K6", "Blind.observe returns a number that is not finite"),
        (Wrong(), "K7", "the log-density of forward"),
        (Uncounted(), "K7", "forward_numbers must be a whole number >= 1"),
        (Growing(), "K7", "forward changes the shape of the leaf .place of the state"),
    ],
)
def test_each_fault_breaks_its_law(env, law, words):
    report = examine(env, **QUICK)
    assert law in report.refuted, str(report)
    assert words in report.refuted[law], report.refuted[law]
    assert report.refuted[law].endswith(".")
    with pytest.raises(ab.LawError, match=f"{type(env).__name__}.*breaks {next(iter(report.refuted))} "):
        ab.check(env, **QUICK)


@pytest.mark.thorough
def test_a_density_of_four_coordinates_is_weighed_without_a_grid():
    assert ab.check(Walk(dim=4), **QUICK).sound
    assert "by importance weights" in examine(Heavy(dim=4), **QUICK).refuted["K1"]
    assert {"K1", "K2"} & set(examine(Wide(dim=4), **QUICK).refuted)


def test_the_mass_of_a_cut_density_is_that_of_what_can_be_drawn():
    """Uniform draws of a cube of which a fitted normal covers more; a density of 1.2 adds up to 1.2."""
    random = np.random.default_rng(0)
    places = random.random((16_000, 3))

    def inside(points):
        return ((points >= 0) & (points <= 1)).all(1)

    for factor in (1.0, 1.2):
        found = weighted_mass(places, np.full(16_000, np.log(factor)), inside, 1.0, random)
        assert found is not None
        assert abs(found.mass - factor) < 5 * found.error * factor
        assert found.error < 0.03
        assert found.astray is None


SPACES = [Line(), Box(dim=1), KindsAndPoints(), Diffusion(dim=2, steps=5)]
MORE = [
    *(Box(dim=2), Box(dim=3), Torus(), Torus(dim=1), KindsAndPoints(dim=2)),
    *(
        Diffusion(dim=dim, steps=20, process=process, schedule=schedule)
        for dim, process, schedule in itertools.product((1, 2, 10), ("pinned", "preserving"), ("even", "cosine"))
    ),
]


@pytest.mark.parametrize("env", [SPACES[0], *(pytest.param(env, marks=pytest.mark.thorough) for env in SPACES[1:])])
def test_the_librarys_spaces_are_sound(env):
    assert ab.check(env, **QUICK).sound


@pytest.mark.thorough
@pytest.mark.parametrize("env", MORE, ids=str)
def test_all_of_the_librarys_spaces_are_sound(env):
    assert ab.check(env, seconds=5.0).sound


@pytest.mark.thorough
def test_the_command_line_prints_the_report():
    path = walks_with_faults.__file__
    good, bad = (answer("check", f"{path}:{name}", "--seconds", "0", "--walks", "16") for name in ("Walk", "Endless"))
    assert good[0] == 0
    assert "K5   sampled" in good[1]
    assert bad[0] != 0
    assert "breaks K5" in bad[1]


def test_the_laws_are_asked_in_jax():
    """A kernel that branches in Python is told so."""

    class Branching(Walk):
        def forward(self, state, numbers):
            mean = numbers[:1] if state.time == 0 else state.place
            return walks_with_faults.Timed(self.normal(mean, jnp.ones(1)), state.time + 1)

    assert "branches in Python" in examine(Branching(), **QUICK).refuted["K7"]
