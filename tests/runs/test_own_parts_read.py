"""Parts of a user's own are trained with, and come back: from Python and on the command line."""

import dataclasses
import json
import shutil

import numpy as np
import optax
import pytest

import anabranch as ab
from support.my_parts import Doubled, Flat, LastFirst, doubled, flat, last_first
from support.my_spaces import Heavy, Subset
from support.tiny import MY_SPACES, STEPS, answer, train_faces

MY_PARTS = MY_SPACES.replace("my_spaces", "my_parts")
OWN = {"objective": doubled, "policy": flat, "backward": last_first}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run of faces whose parts are all a user's own, in its directory."""
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(3e-3))
    return train_faces(**OWN, optimizer=optimizer, out=tmp_path_factory.mktemp("own") / "run")


def test_a_run_of_own_parts_is_read_with_them(kept):
    """The settings are those of the run, not those of the part that is given."""
    loaded = ab.load(kept.directory, objective=Doubled(), policy=Flat(), backward=LastFirst())
    assert loaded.setup.objective == doubled
    assert loaded.setup.policy == flat
    assert loaded.setup.backward == last_first
    assert (loaded.steps, loaded.interrupted) == (STEPS, False)
    for mine, read in zip(kept.policy.weights, loaded.policy.weights, strict=True):
        np.testing.assert_array_equal(mine, read)
    task = ab.make("faces")
    graph = ab.state_graph(task.env)
    assert ab.total_variation(graph, loaded.policy, task.log_reward) == pytest.approx(
        kept.history[-1]["total_variation"], abs=1e-9
    )


@pytest.mark.parametrize("missing, words", [
    ("objective", r"the objective Doubled, which is not one of this library.*objective=Doubled.*--objective FILE.py"),
    ("policy", r"the policy Flat, which is not one of this library.*policy=Flat.*--policy FILE.py:Flat"),
    ("backward", r"the backward LastFirst, which is not one of this library.*backward=LastFirst"),
])  # fmt: skip
def test_what_is_missing_is_named_with_its_argument(kept, missing, words):
    with pytest.raises(ab.RunError, match=words):
        ab.load(kept.directory, **{kind: part for kind, part in OWN.items() if kind != missing})


@pytest.mark.parametrize("given, words", [
    ({"objective": ab.TrajectoryBalance()}, "has the objective Doubled; the given one is TrajectoryBalance"),
    ({"policy": ab.MLP()}, "has the policy Flat; the given one is MLP"),
])  # fmt: skip
def test_a_part_that_is_another_is_refused(kept, given, words):
    with pytest.raises(ab.RunError, match=words):
        ab.load(kept.directory, **{**OWN, **given})


def test_an_optimiser_of_ones_own_is_taken_back_where_it_is_given(kept):
    sgd = optax.sgd(1e-3)
    assert ab.load(kept.directory, **OWN, optimizer=sgd).setup.optimizer is sgd


@pytest.mark.thorough
def test_the_command_line_takes_own_parts_from_a_file(kept):
    flags = [f"--{kind}={MY_PARTS}:{name}" for kind, name in zip(OWN, ("Doubled", "Flat", "LastFirst"), strict=True)]
    for verb, more in (("evaluate", ("--json", "--samples", 100)), ("sample", ("--n", 1)), ("walk", ())):
        code, out, err = answer(verb, kept.directory, *flags, *more)
        assert (code, err) == (0, ""), verb
        assert out
    code, out, _ = answer("walk", kept.directory, *flags, "--objective", "tb")
    assert code == 0
    assert "The balance of tb" in out
    code, out, err = answer("evaluate", kept.directory)
    assert (code, out) == (2, "")
    assert "--objective FILE.py:Doubled" in err


@pytest.mark.parametrize("name, words", [
    ("Needy", "cannot be made without arguments"),
    ("flat", "is an object of Flat, not an anabranch.Objective"),
    ("nothing", "has no 'nothing'"),
])  # fmt: skip
def test_a_name_that_is_no_objective_is_refused(kept, name, words):
    code, _, err = answer("evaluate", kept.directory, f"--objective={MY_PARTS}:{name}")
    assert code == 2
    assert words in err


def test_loading_executes_nothing_that_the_directory_names(kept, tmp_path):
    """A class named in run.json is compared, never imported."""
    place = tmp_path / "run"
    shutil.copytree(kept.directory, place)
    config = json.loads((place / "run.json").read_text())
    config["objective"]["class"] = "os.system"
    (place / "run.json").write_text(json.dumps(config))
    with pytest.raises(ab.RunError, match=r"the objective os\.system; the given one is Doubled"):
        ab.load(place, **OWN)


@pytest.mark.thorough
def test_walk_shows_the_flow_matching_that_was_learned(tmp_path):
    """Once learned, what flows into each state is what flows out of it: no uniform P_B is asked about."""
    task = ab.Task(Subset(4, 2), Heavy(), "subset")
    quick = {"policy": ab.MLP(width=32), "optimizer": ab.Adam(learning_rate=1e-2)}
    ab.train(task.env, task.log_reward, objective="fm", **quick, steps=1000, batch=16, out=tmp_path / "fm")
    code, out, _ = answer("walk", tmp_path / "fm", "--task", f"{MY_SPACES}:task")
    assert code == 0
    assert "The balance of fm" in out
    worst = float(out.split("largest residual ")[1].split()[0])
    assert worst < 0.01


def test_own_parts_have_settings_in_run_json(kept):
    config = json.loads((kept.directory / "run.json").read_text())
    assert config["objective"] == {**dataclasses.asdict(doubled), "name": "doubled", "class": "Doubled"}
    assert config["backward"] == {"name": "last-first", "class": "LastFirst"}
