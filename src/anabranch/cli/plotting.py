"""`anabranch plot DIR`: the pictures of one run, and its flow beside that of another."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anabranch.cli.catalogue import part_tables, summary_of
from anabranch.cli.conditions import CONDITION
from anabranch.cli.evaluating import CHECKPOINT, DIRECTORY, SEED, TASK, WHICH, open_one
from anabranch.cli.flags import Option, parse
from anabranch.cli.parts import PARTS
from anabranch.cli.sources import REWARD
from anabranch.ground.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anabranch.runs.run import Run

OUT = Option(name="out", annotation=str | None, default=None, help="a folder for the PNG files (default: DIR/pictures)")
BESIDE = Option(
    name="beside",
    annotation=str | None,
    default=None,
    help="another run of the task, whose flow and gallery stand beside those of DIR in flows.png and galleries.png",
)


def plot(arguments: Sequence[str]) -> int:
    """Write graph.png, distribution.png, curves.png and gallery.png; with --beside flows.png and galleries.png.

    Of a continuous space density.png, trajectories.png and curves.png; with --beside densities.png.
    """
    flags = parse("plot", DIRECTORY, (OUT, BESIDE, SEED, CONDITION, WHICH, CHECKPOINT, TASK, REWARD, *PARTS), arguments)
    run, _ = open_one(flags)
    from anabranch.plots import beside_figure
    from anabranch.runs.pictures import flow_of, gallery_of, law_of, pictures_of

    seed, other = flags.options["seed"], flags.options["beside"]
    folder = Path(flags.options["out"] or Path(flags.positional) / "pictures")
    figures = pictures_of(run, seed=seed, words=_in_words(run))
    if "graph" not in figures and "density" not in figures:
        print(
            "no picture of the graph and the distribution: the space is too large to be listed, "
            "or its rewards, in plain Python, would have to be asked for"
        )
    if other is not None:
        second, _ = open_one(dataclasses.replace(flags, positional=other))
        if second.setup.env != run.setup.env:
            raise RunError(
                f"{other} is a run of {second.setup.env}, {flags.positional} of {run.setup.env}: no picture shows both."
            )
        pair = (run, second)
        if "density" in figures:
            others = pictures_of(second, seed=seed)
            figures["densities"] = beside_figure([one["density"] for one in (figures, others)])
            return _save(figures, folder)
        figures["galleries"] = beside_figure([gallery_of(one, seed=seed) for one in pair])
        laws = [law_of(one) for one in pair]
        flows = [flow_of(one, law, words=_in_words(one)) for one, law in zip(pair, laws, strict=True) if law]
        if flows:
            figures["flows"] = beside_figure(flows)
    return _save(figures, folder)


def _save(figures: "Mapping[str, Figure]", folder: Path) -> int:
    """Write each figure as a PNG file and print its path. Raises RunError where the folder cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{folder} cannot be made ({error.strerror}): choose another --out.") from error
    for title, figure in figures.items():
        figure.savefig(folder / f"{title}.png", dpi=150)
        print(folder / f"{title}.png")
    return 0


def _in_words(run: "Run") -> str:
    """What an objective of the library is, as the end of a title."""
    objective = run.setup.objective
    if part_tables()["objective"].get(objective.name) is not type(objective):
        return ""
    words = summary_of(type(objective)).partition(":")[0]
    return f": {words[0].lower()}{words[1:]}"
