"""`list runs` and `show RUN`: what is on disk, in words, without reading its arrays."""

import json
import shutil

import pytest

import anabranch as ab
from anabranch.storage.directory import RunDirectory
from anabranch.storage.lock import RunLock
from support.tiny import STEPS, answer, fine, train_faces

HALF = STEPS // 2
"""The step of the checkpoint before the last: chosen, as by default it depends on the time that compiling takes."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A finished run, one that was stopped, one that is written at present, and one that is damaged."""
    place = tmp_path_factory.mktemp("runs")
    train_faces(out=place / "done", checkpoint=ab.Checkpoint(steps=HALF, seconds=1e9))
    for name in ("stopped", "written", "broken"):
        shutil.copytree(place / "done", place / name)
    kept = RunDirectory(place / "stopped").checkpoints
    kept.keep_only(step for step in kept.steps() if step < STEPS)
    (place / "broken" / "run.json").write_text("{")
    lock = RunLock.take(place / "written")
    yield place
    lock.release()


def test_every_run_of_a_folder_has_a_line(folder):
    rows = [line.split("│")[1:] for line in fine(answer("list", "runs", folder)).splitlines() if "│" in line]
    names = [cells[0].strip() for cells in rows]
    lines = {name: "│".join(cells) for name, cells in zip(names, rows, strict=True) if name}
    assert set(lines) == {str(folder / name) for name in ("broken", "done", "stopped", "written")}
    done = lines[str(folder / "done")]
    assert f"faces │ tb        │ {STEPS} steps" in done
    total_variation = RunDirectory(folder / "done").read_metrics()[-1]["total_variation"]
    assert f"{total_variation:.4f}" in done
    assert f"stopped at step {HALF} of {STEPS} " in lines[str(folder / "stopped")]
    assert f"step {STEPS} of {STEPS}, trained by process" in lines[str(folder / "written")]
    assert "run.json is not" in lines[str(folder / "broken")]


def test_a_folder_that_is_not_there_is_said(tmp_path):
    code, _, err = answer("list", "runs", tmp_path / "none")
    assert (code, "There is no folder" in err) == (2, True)


def test_a_run_is_shown_with_its_checkpoints_and_settings(folder):
    out = fine(answer("show", folder / "done"))
    assert f"of the steps {STEPS} (best), {HALF}" in out
    assert '"epsilon": 0.1' in out
    assert "anabranch 0." in out
    assert json.loads(fine(answer("show", folder / "done", "--json")))["task"] == "faces"
