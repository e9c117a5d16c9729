"""Every verb of the command line, from its arguments to its exit code."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

import anabranch as ab
from anabranch.cli import VERBS
from anabranch.cli.sources import start_jax
from support.tiny import FLAGS, MY_SPACES, STEPS, answer, fine, one_object

MUST_HAVE = (
    "task objective backward seed steps seconds states exact total_variation kl log_z log_z_exact floored facts".split()
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def trained(folder):
    """The folder of a run of faces, and what training it printed."""
    return folder / "faces", answer("train", "faces", *FLAGS, "--out", folder / "faces")


@pytest.fixture(scope="module")
def foreign(folder):
    settings = ("--env.k", "3", "--reward.heavy", "7")
    return folder / "subset", answer("train", MY_SPACES + ":task", *FLAGS, *settings, "--out", folder / "subset")


@pytest.mark.parametrize("arguments, code", [(["--help"], 0), (["-h"], 0), (["help"], 0), ([], 2)])
def test_help_names_every_verb(arguments, code):
    given = answer(*arguments)
    assert given[0] == code
    assert all(re.search(rf"^  {verb} ", given[1], re.MULTILINE) for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help(verb):
    out = fine(answer(verb, "--help"))
    assert out.startswith(f"usage: anabranch {verb}")


def test_help_of_a_task_lists_its_fields_with_defaults():
    out = fine(answer("train", "faces", "--objective", "subtb", "--help"))
    for flag in (
        "--reward.happy FLOAT",
        "--objective.lam FLOAT",
        "--policy.width INT",
        "--explore.per step|trajectory",
    ):
        assert flag in out
    assert "(default 2.0)" in out
    out = fine(answer("check", MY_SPACES + ":Subset", "--help"))
    assert "env: Subset" in out
    assert re.search(r"--env.n INT +\(required\)", out)


def test_version():
    assert fine(answer("--version")) == "anabranch 0.2.0\n"


LIGHT = """
import sys
from anabranch.cli import main
for words in ("--help", "train face", "train --help", "evaluate"):
    print("exit", main(words.split()))
print([name for name in ("jax", "numpy", "equinox", "optax", "rich", "scipy") if name in sys.modules])
"""


def test_help_and_a_wrong_name_answer_without_jax(tmp_path):
    places = {name: text for name, text in os.environ.items() if not name.startswith("JAX_")}
    options = {"env": {**places, "XDG_CACHE_HOME": str(tmp_path)}, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", LIGHT], timeout=60, check=True, **options)
    assert re.findall(r"exit (\d)", done.stdout) == ["0", "2", "0", "2"]
    assert done.stdout.splitlines()[-1] == "[]"
    assert "did you mean faces?" in done.stderr


def test_compiled_programs_are_kept_in_the_users_cache(monkeypatch, tmp_path):
    kept = {}
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(jax.config, "update", kept.__setitem__)
    start_jax()
    assert kept["jax_compilation_cache_dir"] == str(tmp_path / "anabranch" / "compiled")
    kept.clear()
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME", raising=False)
    start_jax()
    assert kept == {}


def test_train_keeps_a_run_and_reports_it(trained):
    place, given = trained
    out = fine(given)
    assert f"kept in {place}" in out
    assert f"{STEPS} steps in" in out
    assert re.search(r"log Z, learned .* exact 2\.4849", out)
    assert re.search(r"total variation, exact .*0\.\d{5}.* 42 states", out)
    assert "P(happy)" in out
    assert ab.load(place).steps == STEPS


def test_evaluate_prints_one_json_object(trained):
    place, _ = trained
    found, run = one_object(fine(answer("evaluate", place, "--json", "--samples", 2000))), ab.load(place)
    assert set(found) >= set(MUST_HAVE)
    assert [found[key] for key in MUST_HAVE[:7]] == ["faces", "tb", "uniform", 0, STEPS, run.seconds, 42]
    task = ab.make("faces")
    law = ab.exact_law(ab.state_graph(task.env), run.policy, task.log_reward)
    assert found["exact"] is True
    assert found["total_variation"] == law.total_variation
    assert found["kl"] == law.kl
    assert found["log_z"] == run.policy.level + float(run.policy.log_z)
    assert found["log_z_exact"] == pytest.approx(math.log(12))
    assert found["floored"] == pytest.approx(1 - found["facts"]["valid"])
    assert found["facts"] == {name: law.fact(fact) for name, fact in task.facts.items()}


def test_evaluate_prints_a_table(trained):
    out = fine(answer("evaluate", trained[0], "--samples", 2000))
    assert re.search(r"log Z, importance-weighted .* ± ", out)
    assert re.search(r"objects of reward 0 .*% .*trained at the floor 0\.0001", out)


def test_sample_prints_objects_with_their_rewards(trained):
    task, place = ab.make("faces"), trained[0]
    lines = [json.loads(line) for line in fine(answer("sample", place, "--n", 8, "--json")).splitlines()]
    assert len(lines) == 8
    for line in lines:
        state = task.env.encode(tuple(line["object"]))
        assert line["text"] == task.env.show(state)
        assert line["reward"] == pytest.approx(float(jnp.exp(task.log_reward(state))))
    text = fine(answer("sample", place, "--n", 8)).splitlines()
    assert [line.split(maxsplit=1)[1] for line in text] == [line["text"] for line in lines]
    assert fine(answer("sample", place, "--n", 8, "--seed", 1)).splitlines() != text


def test_plot_writes_four_pictures(trained, tmp_path):
    pytest.importorskip("anabranch.plots")
    pytest.importorskip("matplotlib")
    out = fine(answer("plot", trained[0], "--out", tmp_path / "pictures"))
    names = [f"{name}.png" for name in ("gallery", "graph", "distribution", "curves")]
    assert out.split() == [str(tmp_path / "pictures" / name) for name in names]
    assert all((tmp_path / "pictures" / name).read_bytes().startswith(b"\x89PNG") for name in names)


def test_check_proves_a_strangers_class_with_its_fields():
    out = fine(answer("check", MY_SPACES + ":Subset", "--env.n", 5, "--env.k", 3))
    assert "26 states" in out
    assert len(re.findall(r"^ *L\d+ +(proved|not applicable)", out, re.MULTILINE)) == 10
    assert "Faces" in fine(answer("check", "faces"))
    assert "11 states" in fine(answer("check", "--seed", 1, MY_SPACES + ":task"))


def test_list_names_all_that_can_be_chosen():
    out = fine(answer("list"))
    for name in ("faces", "fm", "db", "tb", "subtb", "pg", "uniform", "learned", "mlp", "tabular"):
        assert re.search(rf"^│ {name} +│ \w", out, re.MULTILINE)


def test_show_describes_a_task_and_a_run(trained):
    out = fine(answer("show", "faces"))
    for text in ("42", "96", "20", "120", "2.484907", "6 and STOP"):
        assert re.search(rf"│ {re.escape(text)} +│", out)
    assert json.loads(fine(answer("show", trained[0], "--json"))) == json.loads((trained[0] / "run.json").read_text())


def test_a_strangers_task_from_training_to_evaluation(foreign):
    place, given = foreign
    fine(given)
    config = json.loads((place / "run.json").read_text())
    assert config["task"] == MY_SPACES + ":task"
    assert config["env"] == {"class": "Subset", "n": 4, "k": 3}
    assert config["reward"] == {"heavy": 7.0}
    found = one_object(fine(answer("evaluate", place, "--json", "--task", MY_SPACES + ":task")))
    assert found["states"] == 15
    assert found["log_z_exact"] == pytest.approx(math.log(7 * 7 + 8))
    assert found["facts"] == {}
    out = fine(answer("sample", place, "--json", "--n", 20, "--task", MY_SPACES + ":task"))
    for line in map(json.loads, out.splitlines()):
        assert line["reward"] == pytest.approx(7 if line["object"][0] else 1)


@pytest.mark.thorough
def test_reward_settings_are_kept_and_used(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = fine(answer("train", *FLAGS, "--reward.happy", 4, "faces", "--seed", 5, "--optimizer.decay", "none"))
    assert "kept in runs/faces-tb-5" in out
    config = json.loads(Path("runs/faces-tb-5/run.json").read_text())
    assert config["reward"] == {"happy": 4.0, "sad": 1.0, "invalid": 0.0}
    assert config["optimizer"]["decay"] == "none"
    assert config["seed"] == 5
    assert f"exact {math.log(20):.4f}" in out
    found = one_object(fine(answer("evaluate", "runs/faces-tb-5", "--json", "--samples", 2000)))
    assert found["log_z_exact"] == pytest.approx(math.log(20))
