"""`anabranch list` and `anabranch show SUBJECT`."""

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from anabranch.cli.catalogue import Rows, part_tables
from anabranch.cli.describing import show_part
from anabranch.cli.flags import Option, parse
from anabranch.cli.sources import task_from
from anabranch.cli.user_files import names_user_file
from anabranch.envs.tasks import task_names
from anabranch.ground.errors import ConfigError, SpaceTooLargeError, did_you_mean

if TYPE_CHECKING:
    from anabranch.envs.tasks import Task

SUBJECT = ("SUBJECT", "a name that `anabranch list` shows, FILE.py:NAME of a Task, or a run directory")


def list(arguments: Sequence[str]) -> int:
    """Name everything that can be chosen; `list runs` names the runs of a folder."""
    if arguments and arguments[0] == "runs":
        from anabranch.cli.run_listing import list_runs

        return list_runs(arguments[1:])
    markdown = Option(name="markdown", annotation=bool, default=False, help="print the page docs/parts.md")
    asked = parse("list", None, (markdown,), arguments)
    from anabranch.cli.catalogue import kinds, page
    from anabranch.cli.tables import show_table

    if asked.options["markdown"]:
        print(page(), end="")
        return 0
    for kind, rows in kinds().items():
        show_table(kind, ("name", "what it is"), rows, left=2)
    return 0


def show(arguments: Sequence[str]) -> int:
    """Describe a task or a named part of a training, or a run."""
    as_json = Option(name="json", annotation=bool, default=False, help="print run.json of a run")
    flags = parse("show", SUBJECT, (as_json,), arguments)
    spec = flags.positional
    tables = part_tables()
    kind = next((kind for kind, table in tables.items() if spec in table), None)
    if kind is not None and spec not in task_names():
        show_part(kind, spec, tables[kind][spec])
        return 0
    if spec not in task_names() and os.path.isdir(spec):
        from anabranch.cli.run_listing import show_run
        from anabranch.storage.directory import RunDirectory

        if flags.options["json"]:
            print(json.dumps(RunDirectory.open(spec).read_config(), indent=2))
        else:
            show_run(spec)
        return 0
    if not names_user_file(spec) and spec not in task_names():
        nearest = did_you_mean(spec, [*task_names(), *(name for table in tables.values() for name in table)])
        raise ConfigError(f"There is no task {spec!r}, nor a part of a training of that name{nearest}")
    task = task_from(spec)
    from anabranch.cli.tables import show_table
    from anabranch.continuous.contract import is_continuous

    rows = [("environment", str(task.env)), ("reward", str(task.log_reward))]
    rows += _of_densities(task) if is_continuous(task.env) else _of_labels(task)
    show_table(f"{spec}: {task.summary}", ("", ""), rows, left=2)
    print(f"anabranch train {spec} --help   lists the flags of its environment and reward")
    return 0


def _of_labels(task: "Task") -> Rows:
    """What a space of labels is, listed where it is small enough."""
    from anabranch.evaluation.divergences import log_partition
    from anabranch.graph.state_graph import state_graph
    from anabranch.rewards.log_reward import log_rewards

    rows = [("labels", f"{task.env.num_actions} and STOP"), ("longest path", f"{task.env.max_steps} moves")]
    try:
        graph = state_graph(task.env)
        rows += [("states", f"{graph.num_states:,}"), ("edges", f"{graph.num_edges:,}")]
        rows += [("finished objects", f"{graph.objects.size:,}"), ("trajectories", f"{graph.num_trajectories:,}")]
        rows.append(("log Z, exact", f"{log_partition(log_rewards(graph, task.log_reward)):.6f}"))
    except SpaceTooLargeError as large:
        rows.append(("states", str(large)))
    return rows


def _of_densities(task: "Task") -> Rows:
    """What a continuous space is, and what is known of its target."""
    from anabranch.continuous.contract import require_continuous

    env = require_continuous(task.env)
    backward = f"{env.backward_numbers} of each P_B" if env.backward_numbers else "P_B is the space's own"
    rows = [("steps", "moves drawn from densities, and STOP")]
    rows.append(("numbers of the network", f"{env.forward_numbers} of each P_F; {backward}"))
    rows.append(("longest path", f"{env.max_steps} moves"))
    log_z, modes = getattr(task.log_reward, "log_z", None), getattr(task.log_reward, "modes", None)
    rows.append(("log Z", "not known" if log_z is None else f"{log_z:.6f}, known"))
    return rows if modes is None else [*rows, ("modes", f"{len(modes.places):,}")]
