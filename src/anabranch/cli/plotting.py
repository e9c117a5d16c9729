"""`anabranch plot DIR`: the pictures of one run, and its flow beside that of another."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anabranch.cli.describing import part_tables, summary_of
from anabranch.cli.evaluating import DIRECTORY, SEED, TASK, WHICH, open_one
from anabranch.cli.flags import Option, parse
from anabranch.cli.parts import PARTS
from anabranch.cli.sources import REWARD
from anabranch.ground.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anabranch.envs.tasks import Task
    from anabranch.evaluation.exact_law import ExactLaw
    from anabranch.runs.run import Run

OUT = Option(name="out", annotation=str | None, default=None, help="a folder for the PNG files (default: DIR/pictures)")
BESIDE = Option(
    name="beside",
    annotation=str | None,
    default=None,
    help="another run of the task, whose flow and gallery stand beside those of DIR in flows.png and galleries.png",
)
DRAWS = 64
"""Objects that are drawn for the gallery."""
MOST_BARS_WITH_PICTURES = 60


def plot(arguments: Sequence[str]) -> int:
    """Write graph.png, distribution.png, curves.png and gallery.png; with --beside flows.png and galleries.png."""
    flags = parse("plot", DIRECTORY, (OUT, BESIDE, SEED, WHICH, TASK, REWARD, *PARTS), arguments)
    run, task = open_one(flags)
    from anabranch.ground.errors import SpaceTooLargeError
    from anabranch.plots import beside_figure

    seed, other = flags.options["seed"], flags.options["beside"]
    figures = {"gallery": _gallery(run, task, seed)}
    try:
        law = _law(run, task)
    except SpaceTooLargeError as large:
        print(f"no picture of the graph and the distribution: {large}")
        law = None
    if law is not None:
        figures |= {"graph": _flow(run, task, law), "distribution": _distribution(run, task, law)}
    figures["curves"] = _curves(run, law)
    if other is not None:
        second, same = open_one(dataclasses.replace(flags, positional=other))
        if second.setup.env != run.setup.env:
            raise RunError(
                f"{other} is a run of {second.setup.env}, {flags.positional} of {run.setup.env}: no picture shows both."
            )
        figures["galleries"] = beside_figure([_gallery(run, task, seed), _gallery(second, same, seed)])
        if law is not None:
            pair = [_flow(run, task, law), _flow(second, same, _law(second, same))]
            figures["flows"] = beside_figure(pair)
    _save(figures, Path(flags.options["out"] or Path(flags.positional) / "pictures"))
    return 0


def _save(figures: "Mapping[str, Figure]", folder: Path) -> None:
    """Write each figure as a PNG file and print its path. Raises RunError where the folder cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder} cannot be made ({error.strerror}): choose another --out.") from error
    for title, figure in figures.items():
        figure.savefig(folder / f"{title}.png", dpi=150)
        print(folder / f"{title}.png")


def _name(run: "Run", task: "Task") -> str:
    return f"{task.name}, {run.setup.objective.name}"


def _in_words(run: "Run") -> str:
    """What an objective of the library is, as the end of a title."""
    objective = run.setup.objective
    if part_tables()["objective"].get(objective.name) is not type(objective):
        return ""
    words = summary_of("objective", type(objective)).partition(":")[0]
    return f": {words[0].lower()}{words[1:]}"


def _law(run: "Run", task: "Task") -> "ExactLaw":
    """The exact law of a run. Raises SpaceTooLargeError where the space cannot be listed."""
    from anabranch.evaluation.exact_law import exact_law
    from anabranch.graph.state_graph import state_graph

    return exact_law(state_graph(task.env), run.policy, task.log_reward)


def _gallery(run: "Run", task: "Task", seed: int) -> "Figure":
    """The different objects among some draws, those that came most often first, with their counts."""
    from anabranch.environment import take
    from anabranch.plots import gallery_figure
    from anabranch.sampling.draw import sample

    drawn = sample(task.env, run.policy, DRAWS, seed=seed)
    places: dict[Any, list[int]] = {}
    for place, item in enumerate(drawn.objects):
        places.setdefault(item, []).append(place)
    often = sorted(places.values(), key=lambda draws: -len(draws))
    states = [take(drawn.states, draws[0]) for draws in often]
    svgs = [task.env.draw(state) for state in states]
    drawings = svgs if any(svg is not None for svg in svgs) else None
    title = f"{DRAWS} draws from {_name(run, task)}"
    texts, counts = [task.env.show(state) for state in states], [len(draws) for draws in often]
    return gallery_figure(drawings, texts, title, counts=counts)


def _flow(run: "Run", task: "Task", law: "ExactLaw") -> "Figure":
    from anabranch.evaluation.evaluate import learned_log_z
    from anabranch.plots import state_graph_figure

    log_z = learned_log_z(run.policy, run.setup.objective, task.env)
    title = f"The flow of {_name(run, task)}{_in_words(run)}"
    flow = {"log_z": law.log_z if log_z is None else log_z, "title": title}
    return state_graph_figure(law.graph, law.law, law.log_reward, **flow)


def _distribution(run: "Run", task: "Task", law: "ExactLaw") -> "Figure":
    from anabranch.environment import take
    from anabranch.plots import distribution_figure

    graph = law.graph
    labels = [graph.show(int(number)) for number in graph.objects]
    few = len(labels) <= MOST_BARS_WITH_PICTURES
    pictures = [task.env.draw(take(graph.states, number)) for number in graph.objects] if few else None
    return distribution_figure(law.target, law.model, labels, title=_name(run, task), svgs=pictures)


def _curves(run: "Run", law: "ExactLaw | None") -> "Figure":
    from anabranch.plots import curves_figure

    history = {run.setup.objective.name: run.history}
    return curves_figure(history, log_z_exact=None if law is None else law.log_z)
