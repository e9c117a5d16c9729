"""`anabranch compare TASK`: several objectives on one task, side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anabranch.cli.flags import Option, parse
from anabranch.cli.training import OPTIONS, POSITIONAL, free_directory, read_choices, short_name
from anabranch.ground.errors import ConfigError

OBJECTIVES = Option(name="objectives", annotation=str, default="fm,db,tb,subtb,pg", help="names, with commas between")
OUT = Option(name="out", annotation=str | None, default=None, help="a new folder for the runs and the picture")


def compare(arguments: Sequence[str]) -> int:
    """Train each objective with its task's settings, print one table, draw one picture."""
    options = (OBJECTIVES, *(option for option in OPTIONS if option.name not in ("objective", "out")), OUT)
    first = parse("compare", POSITIONAL, options, arguments, partial=True)
    if not first.positional or {"-h", "--help"} & set(arguments):
        parse("compare", POSITIONAL, options, arguments)
    names = [name.strip() for name in first.options["objectives"].split(",") if name.strip()]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"--objectives needs different names; given {first.options['objectives']!r}.")
    plans = [read_choices("compare", first.positional, arguments, options, objective=name) for name in names]

    from anabranch.storage.directory import require_new
    from anabranch.training.compatibility import require_compatible
    from anabranch.training.setup import setup

    for task, _, choices in plans:
        settings = {name: value for name, value in choices.items() if name != "exact"}
        require_compatible(setup(task.env, task.log_reward, **settings))
    task, seed = plans[0][0], first.options["seed"]
    folder = require_new(first.options["out"] or free_directory(f"compare-{short_name(task)}-{seed}"))
    rows = [_one(name, plan[0], seed, plan[2], folder / name) for name, plan in zip(names, plans, strict=True)]
    _show(rows, f"{task.name}, seed {seed}")
    try:
        from anabranch.plots import compare_figure

        compare_figure(rows).savefig(folder / "compare.png", dpi=150)
    except ImportError as missing:
        print(f"no picture: {missing}")
    print(f"runs and picture kept in {folder}")
    return 0


def _one(name: str, task: Any, seed: int, choices: dict[str, Any], out: Path) -> dict[str, Any]:
    from anabranch.evaluation.evaluate import exact_summary
    from anabranch.runs.train import train as train_run

    run = train_run(task.env, task.log_reward, out=out, name=task.name, seed=seed, **choices)
    if run.interrupted:
        raise KeyboardInterrupt
    aim = {"exact": choices["exact"], "objective": run.setup.objective, **run.setup.beside_reward}
    summary = exact_summary(run.policy, task.env, task.log_reward, facts=task.facts, **aim)
    return {"label": name, "seconds": run.seconds, "steps": run.steps, "history": run.history, **summary}


def _show(rows: list[dict[str, Any]], title: str) -> None:
    from anabranch.cli.tables import show_table
    from anabranch.ground.means import number

    facts = list(rows[0]["facts"])
    columns = (
        "objective",
        "exact TV",
        "KL (nats)",
        "log Z",
        "log Z exact",
        *(f"P({f})" for f in facts),
        "steps",
        "seconds",
    )
    table = [
        (
            row["label"],
            number(row["total_variation"], ".5f"),
            number(row["kl"], ".2g"),
            number(row["log_z"]),
            number(row["log_z_exact"]),
            *(number(row["facts"][fact]) for fact in facts),
            f"{row['steps']:,}",
            f"{row['seconds']:.2f}",
        )
        for row in rows
    ]
    show_table(title, columns, table)
