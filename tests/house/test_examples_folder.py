"""The programs of examples/ run, from any folder, and stay short."""

import runpy
import sys

import pytest

from support.house import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SAID = {
    "own_space": "22 partitions of 8",
    "phylogeny": "((Homo_sapiens,Pan),Gorilla)",
    "slow_reward": "20 faces evaluated",
    "structure_learning": "P(an edge from row to column)",
    "two_rewards": "of 36 points of the Pareto front",
}


def test_each_example_is_one_that_is_run_and_fits_a_screen_or_two():
    assert [path.stem for path in EXAMPLES] == sorted(SAID)
    for path in EXAMPLES:
        assert len(path.read_text().splitlines()) < 60, path


@pytest.mark.thorough
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path, monkeypatch, capsys):
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path), "60"])
    runpy.run_path(str(path), run_name="__main__")
    assert SAID[path.stem] in capsys.readouterr().out
