"""`anabranch walk DIR`: one trajectory, and each equation of the balance that the objective has."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from anabranch.cli.conditions import CONDITION
from anabranch.cli.evaluating import CHECKPOINT, DIRECTORY, PRIOR, SEED, TASK, WHICH, open_one
from anabranch.cli.flags import Option, parse
from anabranch.cli.parts import BACKWARD, POLICY, with_view
from anabranch.cli.prior_and_data import with_sources
from anabranch.cli.sources import REWARD

if TYPE_CHECKING:
    from anabranch.envs.tasks import Task
    from anabranch.objectives.base import Objective
    from anabranch.objectives.equations import Equation
    from anabranch.runs.run import Run
    from anabranch.trajectories import Trajectories

OBJECTIVE = Option(
    name="objective",
    annotation=str,
    default=None,
    repeated=True,
    help="look at the policy through this condition; FILE.py:NAME of the run's own objective, to read it again",
)
MOST_EQUATIONS = 40
"""Equations that are printed: sub-trajectory balance has one for each pair of states."""
READABLE = math.log(1e6)
"""Nats up to which a flow is printed as a plain number."""
COMPARED = 16
"""Trajectories that are drawn for an objective that compares them."""


def walk(arguments: Sequence[str]) -> int:
    """Print one trajectory, and both sides of each equation that the objective's condition has on it."""
    options = (SEED, CONDITION, WHICH, CHECKPOINT, OBJECTIVE, TASK, REWARD, PRIOR, POLICY, BACKWARD)
    flags, view = with_view(parse("walk", DIRECTORY, options, arguments))
    run, task = open_one(flags)
    run = with_sources(run, task, prior=flags.options["prior"], data=None)
    from anabranch.diagnostics.balances import balance
    from anabranch.sampling.draw import sample_trajectories

    objective = view or run.setup.objective
    batch = COMPARED if objective.compares_trajectories else 1
    trajectories = sample_trajectories(task.env, run.policy, batch, seed=flags.options["seed"])
    equations = balance(run.setup, run.policy, trajectories, objective=objective)
    _show_trajectory(run, task, trajectories, title=f"One trajectory of {flags.positional}")
    _show_balance(objective, equations)
    _show_floor(run, task, trajectories)
    return 0


def flow_text(log_flow: float | None) -> str:
    """A flow whose logarithm is given in nats: a plain number where that can be read, else a power of e."""
    if log_flow is None:
        return "-"
    if log_flow == -math.inf:
        return "0"
    return f"{math.exp(log_flow):.6g}" if abs(log_flow) < READABLE else f"exp({log_flow:.5f})"


def density_text(log_density: float) -> str:
    """The logarithm of a density, in nats: the density itself may be above 1, and is no share of anything."""
    return f"{log_density:.4f}"


def _show_trajectory(run: "Run", task: "Task", trajectories: "Trajectories", *, title: str) -> None:
    import jax.numpy as jnp

    from anabranch.cli.tables import show_table
    from anabranch.continuous.contract import is_continuous
    from anabranch.environment import take
    from anabranch.policies.backward.uniform import UniformBackward
    from anabranch.sampling.draw import score_trajectories

    setup = run.setup
    backward = setup.backward or UniformBackward()
    nothing = jnp.zeros(trajectories.length.shape)
    scores = score_trajectories(task.env, run.policy, trajectories, nothing, backward=backward)
    text, columns = flow_text, ("P_F of the next edge", "P_B of that edge")
    if is_continuous(task.env):
        text, columns = density_text, ("log P_F density of the next move", "log P_B density of that move")
    length, rows = int(trajectories.length[0]), []
    for row in range(length):
        move = row < length - 1
        log_pb = text(float(scores.log_pb[row, 0])) if move and setup.backward is not None else "-"
        state = task.env.show(take(trajectories.states, (row, 0)))
        rows.append((str(row), state, text(float(scores.log_pf[row, 0])), log_pb))
    rows.append((str(length), "STOP", "", ""))
    show_table(title, ("row", "state", *columns), rows, left=2)


def _show_balance(objective: "Objective", equations: "list[Equation]") -> None:
    from anabranch.cli.tables import console, show_table
    from anabranch.objectives.base import BalanceObjective

    if not isinstance(objective, BalanceObjective):
        console().print(
            f"{objective.name} has no balance: its loss compares no two sides, and nothing has to be equal."
        )
        return
    if not equations:
        console().print(f"{objective.name} asks nothing of this trajectory: it stops where it starts.")
        return
    worst = max(abs(equation.residual) for equation in equations)
    by_size = sorted(range(len(equations)), key=lambda number: -abs(equations[number].residual))
    shown = [equations[number] for number in sorted(by_size[:MOST_EQUATIONS])]
    rows = [(one.name, flow_text(one.left), flow_text(one.right), f"{one.residual:+.5f}") for one in shown]
    note = f"the {len(shown)} of {len(equations):,} equations with the largest residuals"
    note = note if len(shown) < len(equations) else ""
    columns = ("rows", *objective.sides, "residual (nats)")
    show_table(f"The balance of {objective.name}", columns, rows, note=note)
    console().print(f"largest residual {worst:.5f} nats, of {len(equations):,}")


def _show_floor(run: "Run", task: "Task", trajectories: "Trajectories") -> None:
    import jax

    from anabranch.cli.tables import console
    from anabranch.environment import take
    from anabranch.rewards.log_reward import floor_text

    if float(jax.jit(task.log_reward)(take(trajectories.objects, 0))) == -math.inf:
        floor = floor_text(run.setup.zero_floor, run.setup.level)
        console().print(f"The reward of this object is 0; training puts {floor} in its place, and so does R.")
