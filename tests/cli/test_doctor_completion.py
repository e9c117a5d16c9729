"""What an installation has, in words and as JSON; and what a shell completes."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from anabranch.cli import VERBS
from anabranch.cli.completion import candidates
from anabranch.envs.tasks import task_names
from support.tiny import answer, fine, one_object

ROOT = Path(__file__).parents[2]


def test_the_doctor_tells_versions_devices_extras_and_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("ANABRANCH_CACHE", str(tmp_path / "none" / "yet"))
    found = one_object(fine(answer("doctor", "--json")))
    assert found["versions"]["anabranch"] == importlib.metadata.version("anabranch")
    assert found["versions"]["jax"] == importlib.metadata.version("jax")
    assert "cpu" in found["machine"]["devices"]
    assert found["machine"]["cores"] >= 1
    assert set(found["extras"]) >= {"plots", "graphs", "studio", "chem", "rna", "ray"}
    assert not set(found["extras"]) & {"dev", "all", "docs"}
    assert found["folders"]["data sets"] == f"{tmp_path / 'none' / 'yet' / 'data'}, to be made"
    shown = fine(answer("doctor"))
    assert f"numpy       │ {importlib.metadata.version('numpy')}" in shown


def test_the_doctor_names_what_is_missing(monkeypatch):
    def version(name):
        if name in ("networkx", "rdkit"):
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr("anabranch.cli.doctor.version", version)
    extras = one_object(fine(answer("doctor", "--json")))["extras"]
    assert extras["graphs"] == "not installed: pip install 'anabranch[graphs]'"
    assert extras["chem"] == "not installed: pip install 'anabranch[chem]'", "one of two is not enough"
    assert extras["plots"] == "matplotlib 1.0"


@pytest.mark.parametrize(
    "words, some, none",
    [
        ([""], ["train", "doctor", "--help"], ["faces"]),
        (["tr"], ["train"], ["trian", "doctor"]),
        (["train", ""], ["faces", "hypergrid"], ["--steps"]),
        (["train", "hypergrid-s"], ["hypergrid-standard", "hypergrid-sparse"], ["faces"]),
        (["show", "sub"], ["subtb", "subsets"], ["faces"]),
        (["train", "faces", "--reward."], ["--reward.happy"], ["--steps"]),
        (["train", "hypergrid", "--reward.r"], ["--reward.r0"], ["--reward.happy"]),
        (["train", "faces", "--objective", "db", "--objective."], ["--objective.penalty"], ["--objective.lam"]),
        (["train", "faces", "--objective", "subtb", "--objective."], ["--objective.lam"], ["--steps"]),
        (["train", "--steps", "5", "fac"], ["faces"], ["--steps"]),
        (["train", "faces", "--objective", ""], ["tb", "pg"], ["TEXT", "faces"]),
        (["train", "faces", "--explore.per", "s"], ["step"], ["trajectory"]),
        (["reproduce", ""], ["subtb-grids"], ["faces"]),
        (["completion", ""], ["bash", "zsh", "fish"], ["faces"]),
    ],
)
def test_what_could_stand_next(words, some, none):
    found = candidates(words)
    assert set(some) <= set(found)
    assert not set(none) & set(found)


@pytest.mark.parametrize(
    "words", [["train", "faces", "--out", "x"], ["nothing", ""], ["train", "faces", "more"], ["zz"]]
)
def test_where_nothing_is_known_the_shell_offers_files(words):
    assert candidates(words) == []


def test_a_shell_is_named_and_others_are_refused():
    assert "complete -o default -F _anabranch anabranch" in fine(answer("completion", "bash"))
    code, out, err = answer("completion", "csh")
    assert (code, out) == (2, "")
    assert "There is no shell 'csh'" in err
    assert all(verb in candidates([""]) for verb in VERBS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes(tmp_path):
    program = tmp_path / "anabranch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m anabranch.cli "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(anabranch completion bash)"; COMP_WORDS=(anabranch train hypergrid-); COMP_CWORD=2; _anabranch; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True, env=environment)
    assert done.stdout.split() == [name for name in task_names() if name.startswith("hypergrid-")]
