"""`anabranch list` and `anabranch show SUBJECT`."""

import json
import os
import sys
from collections.abc import Sequence

from anabranch.cli.flags import parse
from anabranch.cli.sources import task_from
from anabranch.envs.tasks import make, task_names

SUBJECT = ("SUBJECT", "a task by name, FILE.py:NAME of a Task, or a run directory")


def list(arguments: Sequence[str]) -> int:
    """Name everything that can be chosen."""
    parse("list", None, (), arguments)
    from anabranch.cli.tables import show_table
    from anabranch.objectives import OBJECTIVES
    from anabranch.policies.backward import BACKWARDS
    from anabranch.policies.recipes import POLICIES

    show_table("tasks", ("name", "what it is"), [(name, make(name).summary) for name in task_names()], left=2)
    homes = {name: sys.modules[objective.__module__] for name, objective in OBJECTIVES.items()}
    for title, known in (("objectives", homes), ("backward policies", BACKWARDS), ("policies", POLICIES)):
        show_table(title, ("name", "what it is"), [(name, _first_line(thing)) for name, thing in known.items()], left=2)
    return 0


def show(arguments: Sequence[str]) -> int:
    """Describe a task, or print the configuration of a run."""
    spec = parse("show", SUBJECT, (), arguments).positional
    if spec not in task_names() and os.path.isdir(spec):
        from anabranch.storage.directory import RunDirectory

        print(json.dumps(RunDirectory.open(spec).read_config(), indent=2))
        return 0
    task = task_from(spec)
    from anabranch.cli.tables import show_table
    from anabranch.evaluation.divergences import log_partition
    from anabranch.graph.state_graph import state_graph
    from anabranch.ground.errors import SpaceTooLargeError
    from anabranch.rewards.log_reward import log_rewards

    rows = [("environment", str(task.env)), ("reward", str(task.log_reward))]
    rows += [("labels", f"{task.env.num_actions} and STOP"), ("longest path", f"{task.env.max_steps} moves")]
    try:
        graph = state_graph(task.env)
        rows += [("states", f"{graph.num_states:,}"), ("edges", f"{graph.num_edges:,}")]
        rows += [("finished objects", f"{graph.objects.size:,}"), ("trajectories", f"{graph.num_trajectories:,}")]
        rows.append(("log Z, exact", f"{log_partition(log_rewards(graph, task.log_reward)):.6f}"))
    except SpaceTooLargeError as large:
        rows.append(("states", str(large)))
    show_table(f"{spec}: {task.summary}", ("", ""), rows, left=2)
    print(f"anabranch train {spec} --help   lists the flags of its environment and reward")
    return 0


def _first_line(thing: object) -> str:
    return (thing.__doc__ or "").strip().splitlines()[0]
