"""The promise of CONTRIBUTING: a part of the library is one file and one row, and the row reaches every door."""

import json

import pytest

import anabranch as ab
from anabranch.cli.catalogue import kinds
from anabranch.evaluation.metrics import METRICS
from anabranch.objectives import OBJECTIVES
from anabranch.policies.backward import BACKWARDS
from anabranch.policies.recipes import POLICIES
from support.my_parts import Doubled, Flat, LastFirst
from support.tiny import FLAGS, answer, fine

ROWS = {
    "doubled": (OBJECTIVES, "Doubled"),
    "flat": (POLICIES, "Flat"),
    "last-first": (BACKWARDS, "LastFirst"),
    "share-of-best": (METRICS, "ShareOfBest"),
}
STEPS = FLAGS[:2]


@pytest.fixture
def rows(monkeypatch):
    for name, (table, part) in ROWS.items():
        monkeypatch.setitem(table.rows, name, f"support.my_parts:{part}")


@pytest.mark.usefixtures("rows")
def test_a_row_is_all_that_a_new_part_needs(tmp_path):
    """Trained, kept, read back, measured and listed by its name, with its fields as flags."""
    out = tmp_path / "run"
    names = ("--objective", "doubled", "--policy", "flat", "--backward", "last-first")
    fields = ("--objective.factor", 3, "--policy.width", 12)
    code, _, err = answer("train", "faces", *names, *fields, *STEPS, "--out", out)
    assert code == 0, err
    run = ab.load(out)
    assert run.setup.objective == Doubled(factor=3.0)
    assert run.setup.policy == Flat(width=12)
    assert run.setup.backward == LastFirst()
    measured = json.loads(fine(answer("evaluate", out, "--json")))["metrics"]
    assert measured["share-of-best"]["value"] > 0
    listed = {name for rows in kinds().values() for name, _ in rows}
    assert set(ROWS) <= listed
    assert "--objective.factor FLOAT" in fine(answer("train", "faces", "--objective", "doubled", "--help"))


def test_without_its_row_there_is_no_such_part(tmp_path):
    """The negative control."""
    for flag, name in (("--objective", "doubled"), ("--policy", "flat"), ("--backward", "last-first")):
        code, _, err = answer("train", "faces", flag, name, *STEPS, "--out", tmp_path / "run")
        assert (code, f"{name!r}" in err) == (2, True), err
