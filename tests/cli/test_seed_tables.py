"""Several objectives and several seeds on the command line: tables with means and intervals, runs and table on disk."""

import json
import re
from statistics import fmean

import pytest

import anabranch as ab
from anabranch.cli.seeds import NAMES, interval_of, mean_of
from anabranch.ground.means import half_width
from support.tiny import FLAGS, answer, fine

RAW = re.compile(r"\b(total_variation|total variation +│|log_z\w*|jsd|floored|top_log_reward|kl)\b")
"""Keys of JSON that no table may print."""


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    place = tmp_path_factory.mktemp("seeds") / "compared"
    command = ("compare", "faces", *FLAGS, "--objectives", "tb,db", "--seeds", 3, "--seed", 2, "--out", place)
    return place, fine(answer(*command))


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    place = tmp_path_factory.mktemp("seeds") / "swept"
    flags = (
        *FLAGS,
        "--objectives",
        "tb,db",
        "--seeds",
        2,
        "--over",
        "batch=4,8",
        "--over",
        "optimizer.learning_rate=1e-3,1e-2",
    )
    return place, fine(answer("sweep", "faces", *flags, "--out", place))


def require_names(out):
    """The tables name what they measure as a person would, not as JSON does."""
    assert "total variation (exact)" in out
    assert not RAW.findall("\n".join(line for line in out.splitlines() if line[0] in "│┃"))


def test_compare_prints_the_mean_and_the_interval_over_the_seeds(compared):
    place, out = compared
    graph, task = ab.state_graph(ab.make("faces").env), ab.make("faces")
    assert "faces, seeds 2 to 4" in out
    assert "mean ± half of the 95 % interval over the seeds" in out
    for name in ("tb", "db"):
        run = ab.load(place / name)
        assert run.setup.seeds == 3
        exact = [ab.total_variation(graph, one.policy, task.log_reward) for one in run.each()]
        mean, half = re.findall(rf"^│ {name} +│ +(0\.\d{{4}}) ± (0\.\d{{4}}) │", out, re.MULTILINE)[0]
        assert float(mean) == pytest.approx(fmean(exact), abs=1e-4)
        assert float(half) == pytest.approx(half_width(exact), abs=1e-4)


def test_compare_keeps_the_table_as_json(compared):
    place, _ = compared
    table = json.loads((place / "table.json").read_text())
    assert table["task"] == "faces"
    assert table["seeds"] == [2, 3, 4]
    assert [row["run"] for row in table["rows"]] == ["tb", "db"]
    for row in table["rows"]:
        assert (place / row["run"] / "run.json").is_file()
        assert row["mean"]["total_variation"] == pytest.approx(fmean(row["each"]["total_variation"]))
        assert row["interval"]["total_variation"] == pytest.approx(half_width(row["each"]["total_variation"]))
        assert row["interval"]["log_z_exact"] is None
        assert set(row["mean"]) > {"kl", "log_z", "P(happy)"}


@pytest.mark.thorough
def test_sweep_trains_several_objectives_and_keeps_runs_that_come_back(swept):
    place, out = swept
    require_names(out)
    table = json.loads((place / "table.json").read_text())
    rows = {row["run"]: row for row in table["rows"]}
    assert set(rows) == {f"{name}-{number}" for name in ("tb", "db") for number in (1, 2, 3, 4)}
    graph, task = ab.state_graph(ab.make("faces").env), ab.make("faces")
    for name, row in rows.items():
        run = ab.load(place / name)
        assert (run.setup.objective.name, run.setup.batch) == (row["objective"], row["settings"]["batch"])
        assert run.config["optimizer"]["learning_rate"] == row["settings"]["optimizer.learning_rate"]
        exact = [ab.total_variation(graph, one.policy, task.log_reward) for one in run.each()]
        assert row["each"]["total_variation"] == pytest.approx(exact, abs=1e-6)
        assert row["interval"]["total_variation"] == pytest.approx(half_width(exact), rel=1e-3)
        assert re.search(rf"^│ {name} +│ +{run.setup.batch} │", out, re.MULTILINE)
    assert "seeds" in fine(answer("evaluate", place / "tb-1", "--samples", 100))


def test_tables_of_seeds_print_names_that_a_person_knows(compared):
    evaluated = fine(answer("evaluate", compared[0] / "tb", "--samples", 100))
    for out in (compared[1], evaluated):
        require_names(out)
    for words in ("log Z (learned)", "log Z (exact)", "KL(target || model) (nats)"):
        assert words in compared[1]
        assert words in evaluated
    shown = set(re.findall(r"^│ (.+?) +│", evaluated, re.MULTILINE))
    assert shown <= {*NAMES.values(), *(f"P({fact})" for fact in ab.make("faces").facts)}


def test_a_folder_that_is_there_is_refused(compared):
    words = "exists already: choose another --out, or remove it. Nothing was overwritten."
    for command in (("compare", "faces"), ("sweep", "faces", "--over", "batch=4")):
        code, out, err = answer(*command, "--steps", 1, "--out", compared[0])
        assert (code, out) == (2, "")
        assert words in err


REFUSED = {
    "sweep faces --over batch=4 --objective tb --objectives tb,db": "takes --objective NAME or --objectives NAME,NAME",
    "sweep faces --over batch=4 --objectives tb,tbb": "There is no objective 'tbb'; did you mean tb?",
    "sweep faces --over batch=4 --objectives tb,tb": "--objectives needs different names; given 'tb,tb'.",
    "sweep faces --over batch=4 --seeds 0": "seeds must be a positive whole number; given 0.",
    "compare faces --seeds -1": "seeds must be a positive whole number; given -1.",
    "train faces --seed 2147483646 --seeds 2": "--seed 2147483646 with --seeds 2 goes beyond the largest seed",
}


@pytest.mark.parametrize("command", REFUSED)
def test_counts_and_names_are_refused_in_a_sentence(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = answer(*command.split())
    assert (code, out) == (2, "")
    assert REFUSED[command] in err
    assert list(tmp_path.iterdir()) == []


def test_a_mean_is_unknown_where_one_value_is():
    assert mean_of([1.0, None]) is None
    assert mean_of([1.0, float("inf")]) is None
    assert mean_of([1.0, 3.0]) == 2.0
    assert interval_of("kl", [1.0]) is None
    assert interval_of("kl", [1.0, 3.0]) == pytest.approx(12.7062, abs=1e-3)  # t(0.975; 1) times sqrt(2) / sqrt(2)
