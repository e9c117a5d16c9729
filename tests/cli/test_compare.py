"""`compare` and `walk`: runs of one task side by side, and the balance that each has learned."""

import math
import re

import jax.numpy as jnp
import pytest

import anabranch as ab
from anabranch.diagnostics.balances import balance
from support.tiny import FLAGS, answer, fine, one_object


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    command = ("compare", "faces", *FLAGS, "--objectives", "tb,fm, pg", "--out", folder / "compared")
    return folder / "compared", answer(*command)


def test_compare_prints_a_row_for_each_objective_and_keeps_the_runs(compared):
    place, given = compared
    rows = re.findall(r"^│ (\w+) +│ +(0\.\d{5}) │", fine(given), re.MULTILINE)
    assert [name for name, _ in rows] == ["tb", "fm", "pg"]
    graph, task = ab.state_graph(ab.make("faces").env), ab.make("faces")
    for name, printed in rows:
        exact = ab.total_variation(graph, ab.load(place / name).policy, task.log_reward)
        assert float(printed) == pytest.approx(exact, abs=1e-5)
    kept = {"tb", "fm", "pg", "compare.png", "table.json"}
    assert {file.name for file in place.iterdir()} == kept - ({"compare.png"} if "no picture" in given[1] else set())


@pytest.mark.thorough
def test_unknown_is_null(compared):
    place, given = compared
    fine(given)
    found = one_object(fine(answer("evaluate", place / "pg", "--json", "--samples", 1)))
    assert found["log_z"] is None
    assert found["backward"] is None
    assert found["estimates"]["log_z"]["error"] is None
    found = one_object(fine(answer("evaluate", place / "fm", "--json", "--samples", 2000)))
    assert found["backward"] is None
    assert found["log_z"] is not None


def walked(place, seed, *flags):
    """The balance that `walk` prints, a row (name, left, right, residual) for each equation, and all the text."""
    out = fine(answer("walk", place, "--seed", seed, *flags))
    rows = [[cell.strip() for cell in row.split("│")[1:-1]] for row in out.splitlines() if row.startswith("│")]
    start = next((number for number, row in enumerate(rows) if row[1] == "STOP"), len(rows) - 1)
    return rows[start + 1 :], rows[: start + 1], out


def number(text):
    """A flow as `walk` prints it, in nats: 0.25 or exp(-3.2)."""
    inner = re.fullmatch(r"exp\((\S+)\)", text)
    return float(inner[1]) if inner else math.log(float(text))


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_walk_shows_both_sides_of_the_trajectory_balance(compared, seed):
    (equation,), moves, out = walked(compared[0] / "tb", seed)
    run, task = ab.load(compared[0] / "tb"), ab.make("faces")
    trajectory = ab.sample_trajectories(task.env, run.policy, 1, seed=seed)
    state = trajectory.objects[0]
    log_reward = float(task.log_reward(state))
    assert ("The reward of this object is 0; training puts 0.0001" in out) == (log_reward == -math.inf)
    log_reward = max(log_reward, math.log(1e-4))
    scores = ab.score_trajectories(task.env, run.policy, trajectory, jnp.array([log_reward]))
    left, right = float(scores.log_z[0] + scores.log_pf.sum()), float(log_reward + scores.log_pb.sum())
    assert number(equation[1]) == pytest.approx(left, abs=2e-5)
    assert number(equation[2]) == pytest.approx(right, abs=2e-5)
    assert float(equation[3]) == pytest.approx(left - right, abs=2e-5)
    assert f"largest residual {abs(left - right):.5f}"[:-1] in out
    assert [row[1] for row in moves[-2:]] == [task.env.show(state), "STOP"]
    assert sum(number(row[2]) for row in moves[:-1]) == pytest.approx(float(scores.log_pf.sum()), abs=2e-5)
    assert sum(number(row[3]) for row in moves[:-2]) == pytest.approx(float(scores.log_pb.sum()), abs=2e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_walk_shows_the_flow_into_and_out_of_each_state(compared, seed):
    equations, moves, _ = walked(compared[0] / "fm", seed)
    run, task = ab.load(compared[0] / "fm"), ab.make("faces")
    trajectory = ab.sample_trajectories(task.env, run.policy, 1, seed=seed)
    assert {row[3] for row in moves[:-1]} == {"-"}, "flow matching has no P_B to show"
    assert [row[0] for row in equations] == [*(row[0] for row in moves[1:-1]), "STOP, R(x)"]
    expected = balance(run.setup, run.policy, trajectory)
    for printed, equation in zip(equations, expected, strict=True):
        assert number(printed[1]) == pytest.approx(equation.left, abs=2e-5)
        assert number(printed[2]) == pytest.approx(equation.right, abs=2e-5)
        assert float(printed[3]) == pytest.approx(equation.residual, abs=2e-5)


def test_walk_looks_through_another_objective(compared):
    (through,), _, out = walked(compared[0] / "fm", 0, "--objective", "tb")
    assert "The balance of tb" in out
    assert float(through[3]) == pytest.approx(number(through[1]) - number(through[2]), abs=5e-5)


def test_walk_without_a_log_z_has_no_balance(compared):
    equations, _, out = walked(compared[0] / "pg", 0)
    assert equations == []
    assert "pg has no balance: its loss compares no two sides" in out


@pytest.mark.thorough
def test_plot_sets_the_flow_of_another_run_beside(compared, tmp_path):
    place = compared[0]
    out = fine(answer("plot", place / "tb", "--beside", place / "pg", "--out", tmp_path / "pictures"))
    pair = [tmp_path / "pictures" / name for name in ("galleries.png", "flows.png")]
    assert out.split()[-2:] == [str(file) for file in pair]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in pair)


@pytest.mark.thorough
def test_a_run_of_another_space_cannot_stand_beside(compared, tmp_path):
    fine(answer("train", "hypergrid", "--env.side", 3, "--steps", 2, "--policy.width", 8, "--out", tmp_path / "grid"))
    code, out, err = answer("plot", compared[0] / "tb", "--beside", tmp_path / "grid", "--out", tmp_path / "pictures")
    assert (code, out) == (2, "")
    assert "is a run of Hypergrid(" in err
    assert "no picture shows both" in err
    assert not (tmp_path / "pictures").exists()
