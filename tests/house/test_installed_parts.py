"""A package adds a task and parts of each kind by entry points alone; one that is broken is named, and harms nobody."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "support" / "package"
ROOT = Path(__file__).parents[2]


def installed(folder, points, *, name="anabranch-example"):
    """A folder as pip leaves it: the modules, and beside them what the package says of itself."""
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in rows.items()) for group, rows in points.items()
    ]
    (about / "entry_points.txt").write_text("\n".join(lines))
    return folder


def command(folder, *arguments):
    paths = os.pathsep.join([str(folder), str(ROOT / "src")])
    environment = {**os.environ, "PYTHONPATH": paths}
    run = [sys.executable, "-m", "anabranch.cli", *map(str, arguments)]
    done = subprocess.run(run, check=False, capture_output=True, text=True, env=environment, cwd=folder, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    points = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["entry-points"]
    folder = installed(tmp_path_factory.mktemp("site"), points)
    shutil.copy(PACKAGE / "anabranch_example.py", folder)
    return folder


@pytest.mark.thorough
def test_a_package_adds_a_task_and_parts_of_each_kind(site):
    names = ("--objective", "huber-tb", "--policy", "narrow", "--backward", "first", "--reward", "even")
    fields = ("--objective.width", 4, "--policy.width", 8, "--env.n", 3, "--steps", 20)
    code, _, err = command(site, "train", "coins", *names, *fields, "--out", "run")
    assert code == 0, err
    config = json.loads((site / "run" / "run.json").read_text())
    assert (config["objective"]["name"], config["objective"]["width"]) == ("huber-tb", 4.0)
    code, out, err = command(site, "evaluate", "run", "--reward", "even", "--json")
    assert code == 0, err
    assert "heads" in json.loads(out)["metrics"]
    code, out, _ = command(site, "list")
    assert code == 0
    for name in ("coins", "huber-tb", "narrow", "first", "heads"):
        assert f" {name} " in out.replace("\n", " \n "), name
    assert command(site, "check", "coins")[0] == 0
    code, _, err = command(site, "train", "coins", "--reward", "odd")
    assert (code, "FILE.py:NAME, or one of even; given 'odd'" in err) == (2, True), err


BROKEN = {
    "anabranch.tasks": ({"coins": "nothing_there:coins"}, ("train", "coins")),
    "anabranch.objectives": ({"huber-tb": "nothing_there:Objective"}, ("train", "faces", "--objective", "huber-tb")),
    "anabranch.policies": ({"narrow": "json:dumps"}, ("train", "faces", "--policy", "narrow")),
    "anabranch.backward_policies": ({"first": "json:JSONDecoder"}, ("train", "faces", "--backward", "first")),
}


@pytest.mark.thorough
def test_a_broken_package_is_named_and_harms_nobody(tmp_path):
    site = installed(tmp_path, {group: rows for group, (rows, _) in BROKEN.items()}, name="broken-one")
    words = {
        "anabranch.tasks": "'coins' (nothing_there:coins) of the package broken-one cannot be loaded, Module",
        "anabranch.objectives": "of the package broken-one cannot be loaded, ModuleNotFoundError",
        "anabranch.policies": "The entry point 'narrow' of anabranch.policies is not a class with build()",
        "anabranch.backward_policies": "of anabranch.backward_policies is not a class that extends BackwardPolicy",
    }
    for group, (_, asked) in BROKEN.items():
        code, out, err = command(site, *asked)
        assert (code, out) == (2, ""), err
        assert words[group] in err
        assert err.count("\n") == 1
    code, out, err = command(site, "list")
    assert (code, err) == (0, "")
    assert "cannot be loaded" in out
    assert "trajectory balance" in out.lower()
    assert command(site, "train", "faces", "--steps", 5, "--out", "run")[0] == 0


def test_a_name_of_the_library_stays_the_librarys(tmp_path):
    site = installed(tmp_path, {"anabranch.objectives": {"tb": "nothing_there:Objective"}})
    assert command(site, "train", "faces", "--objective", "tb", "--steps", 5, "--out", "run")[0] == 0
