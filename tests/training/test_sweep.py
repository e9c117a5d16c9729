"""Sweeps: lanes of one program equal the runs that they stand for."""

import pytest

import anabranch as ab
from anabranch.cli import main

OPTIONS = {"objective": "tb", "steps": 30, "batch": 4, "policy": ab.MLP(width=8)}


@pytest.mark.thorough
def test_a_lane_equals_the_run_that_it_stands_for():
    """Rates and epsilon are traced in a sweep and constants in a run: the numbers agree to float32 rounding."""
    task = ab.make("faces")
    over = {"optimizer.learning_rate": [1e-3, 1e-2], "explore.epsilon": [0.0, 0.3], "log_z_rate": [0.5]}
    found = ab.sweep(
        task.env, task.log_reward, over=over, seeds=2, seed=5, explore=ab.Explore(), optimizer=ab.Adam(), **OPTIONS
    )
    assert [swept.settings["explore.epsilon"] for swept in found] == [0.0, 0.3, 0.0, 0.3]
    lane = found[3]
    run = ab.train(
        task.env,
        task.log_reward,
        explore=ab.Explore(epsilon=0.3),
        optimizer=ab.Adam(learning_rate=1e-2),
        log_z_rate=0.5,
        seed=6,
        **OPTIONS,
    )
    assert lane.total_variation is not None
    assert lane.total_variation[1] == pytest.approx(run.history[-1]["total_variation"], abs=1e-4)
    assert lane.total_variation[0] != pytest.approx(lane.total_variation[1], abs=1e-4)
    other = found[2].total_variation
    assert other is not None
    assert other[1] != pytest.approx(lane.total_variation[1], abs=1e-4)


@pytest.mark.thorough
def test_what_changes_a_shape_has_a_program_of_its_own():
    task = ab.make("faces")
    seen = []
    found = ab.sweep(task.env, task.log_reward, over={"batch": [2, 3]}, callback=seen.append, **OPTIONS)
    assert [swept.settings for swept in found] == [{"batch": 2}, {"batch": 3}]
    assert seen == found


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({}, "needs settings to vary"),
        ({"batsch": [1]}, "did you mean batch"),
        ({"explore.epsilon": [0.1]}, "give explore= as a record"),
        ({"batch": []}, "list of values"),
        ({"batch": [0]}, "positive whole number"),
    ],
)
def test_bad_sweeps_are_sentences(over, words):
    task = ab.make("faces")
    with pytest.raises(ab.ConfigError, match=words):
        ab.sweep(task.env, task.log_reward, over=over, **OPTIONS)


@pytest.mark.thorough
def test_the_verb_prints_a_table_and_refuses_in_a_sentence(capsys):
    few = ["--steps", "10", "--batch", "2", "--seeds", "2", "--policy.width", "8"]
    assert main(["sweep", "faces", "--over", "optimizer.learning_rate=1e-3,1e-2", *few]) == 0
    printed = capsys.readouterr().out
    assert "0.001" in printed
    assert "total variation (exact)" in printed
    assert "loss (mean of the last tenth)" in printed
    assert "total_variation" not in printed
    for arguments, words in ((["--over", "explore.eps=1"], "no setting of explore"), ([], "at least one --over")):
        assert main(["sweep", "faces", *arguments]) == 2
        assert words in capsys.readouterr().err
