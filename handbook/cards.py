"""A card for each task: its size, log Z, reward, an object, and the curve of a first training; in docs/tasks/.

`python -m handbook.cards [NAME ...]` trains each task for a minute at most, and writes NAME.md and NAME.png. What it
writes is kept in the repository, as the results of the benchmarks are.
"""

import dataclasses
import sys
import time
from pathlib import Path
from typing import Any

import anabranch as ab
from anabranch.environment import take
from anabranch.plots import curves_figure

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "tasks"
SECONDS, MOST_STEPS = 45.0, 2_000


def card(name: str) -> str:
    """Train a task by trajectory balance with its own settings, and describe it."""
    task = ab.make(name)
    settings = {**task.settings("tb").arguments()}
    settings["steps"] = min(settings["steps"], MOST_STEPS)
    began = time.perf_counter()

    def until_late(row: dict[str, Any]) -> None:
        if time.perf_counter() - began > SECONDS:
            raise KeyboardInterrupt

    run = ab.train(task, objective="tb", seed=0, callback=until_late, **settings)
    measured = run.evaluate(samples=1_000)
    figure = curves_figure({"tb": run.history}, log_z_exact=measured.log_z_exact)
    figure.savefig(FOLDER / f"{name}.png", dpi=80)
    sample = run.sample(1)
    picture = task.env.draw(take(sample.states, 0))
    if picture is not None:
        (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")
    return _page(name, task, run, measured, sample, picture)


def _page(name: str, task: ab.Task, run: Any, measured: Any, sample: Any, picture: str | None) -> str:
    rows = {
        "space": f"`{task.env!r}`",
        "reward": f"`{_reward(task.log_reward)}`",
        "longest trajectory": f"{task.env.max_steps} steps",
        "states": "too many to list" if measured.states is None else f"{measured.states:,}",
        "log Z": "not known" if measured.log_z_exact is None else f"{measured.log_z_exact:.6f}, exact",
        "an object": f"`{sample.objects[0]!r}`"[:200],
        **{f"P({fact})": f"{value:.4f} after the training below" for fact, value in measured.facts.items()},
    }
    lines = [f"# {name}", "", f"{task.summary[0].upper()}{task.summary[1:]}.", "", "| | |", "|---|---|"]
    lines += [f"| {key} | {value.replace('|', '&#124;')} |" for key, value in rows.items()]
    if picture is not None:
        lines += ["", f'![An object of {name}]({name}.svg){{ width="120" }}']
    distance = "" if measured.total_variation is None else f"; exact total variation {measured.total_variation:.4f}"
    first = f"{run.steps:,} steps of {run.setup.batch} by trajectory balance with the task's settings, seed 0"
    lines += [
        "",
        "## A first training",
        "",
        f"{first}{distance}.",
        "",
        f"![Curves of a training of {name}]({name}.png)",
    ]
    lines += ["", "```text", f"anabranch train {name} --steps {run.setup.steps} --seed 0", "```", ""]
    return "\n".join(lines)


def _reward(reward: Any) -> str:
    if not dataclasses.is_dataclass(reward) or isinstance(reward, type):
        return getattr(reward, "__name__", type(reward).__name__)
    fields = [field for field in dataclasses.fields(reward) if field.name != "env"]
    return f"{type(reward).__name__}({', '.join(f'{one.name}={getattr(reward, one.name)!r}' for one in fields)})"


def main(names: list[str]) -> int:
    """Write the cards of these tasks, or of all; a task whose card fails is named, and the others are written."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name in names or ab.task_names():
        try:
            (FOLDER / f"{name}.md").write_text(card(name), encoding="utf-8")
        except Exception as error:  # whatever a picture or a reward raises must not keep the other cards
            print(f"{name}: no card, {type(error).__name__}: {' '.join(str(error).split())[:200]}", file=sys.stderr)
            failed += 1
    rows = [f"- [{page.stem}]({page.name})" for page in sorted(FOLDER.glob("*.md")) if page.stem != "index"]
    (FOLDER / "index.md").write_text("\n".join(["# Tasks", "", *rows, ""]), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
