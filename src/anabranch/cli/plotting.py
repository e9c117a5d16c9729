"""`anabranch plot DIR`: the pictures of one run."""

from collections.abc import Sequence
from pathlib import Path

from anabranch.cli.evaluating import DIRECTORY, SEED, TASK, WHICH, open_one
from anabranch.cli.flags import Option, parse
from anabranch.cli.parts import PARTS
from anabranch.cli.sources import REWARD

OUT = Option(name="out", annotation=str | None, default=None, help="a folder for the PNG files (default: DIR/pictures)")


def plot(arguments: Sequence[str]) -> int:
    """Write graph.png, distribution.png, curves.png and gallery.png."""
    flags = parse("plot", DIRECTORY, (OUT, SEED, WHICH, TASK, REWARD, *PARTS), arguments)
    run, task = open_one(flags)
    from anabranch.environment import take
    from anabranch.evaluation.evaluate import learned_log_z
    from anabranch.evaluation.exact_law import exact_law
    from anabranch.graph.state_graph import state_graph
    from anabranch.ground.errors import RunError, SpaceTooLargeError
    from anabranch.plots import curves_figure, distribution_figure, gallery_figure, state_graph_figure
    from anabranch.sampling.draw import sample

    name = f"{task.name}, {run.setup.objective.name}"
    drawn = sample(task.env, run.policy, 64, seed=flags.options["seed"])
    svgs = [task.env.draw(take(drawn.states, number)) for number in range(64)]
    texts = [task.env.show(take(drawn.states, number)) for number in range(64)]
    drawings = svgs if any(svg is not None for svg in svgs) else None
    figures = {"gallery": gallery_figure(drawings, texts, f"64 objects drawn from {name}")}
    try:
        law = exact_law(state_graph(task.env), run.policy, task.log_reward)
    except SpaceTooLargeError as large:
        print(f"no picture of the graph and the distribution: {large}")
        law = None
    if law is not None:
        log_z = learned_log_z(run.policy, run.setup.objective, task.env)
        graph = law.graph
        flow = {"log_z": law.log_z if log_z is None else log_z, "title": f"The flow of {name}"}
        figures["graph"] = state_graph_figure(graph, law.law, law.log_reward, **flow)
        labels = [graph.show(int(number)) for number in graph.objects]
        pictures = (
            [task.env.draw(take(graph.states, number)) for number in graph.objects] if len(labels) <= 60 else None
        )
        figures["distribution"] = distribution_figure(law.target, law.model, labels, title=name, svgs=pictures)
    history = {run.setup.objective.name: run.history}
    figures["curves"] = curves_figure(history, log_z_exact=None if law is None else law.log_z)
    folder = Path(flags.options["out"] or Path(flags.positional) / "pictures")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder} cannot be made ({error.strerror}): choose another --out.") from error
    for title, figure in figures.items():
        figure.savefig(folder / f"{title}.png", dpi=150)
        print(folder / f"{title}.png")
    return 0
