"""The picture of a sampler's distribution beside its target."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from anabranch.evaluation.divergences import total_variation_distance
from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import INK, MODEL, MUTED, RULE, TARGET, finish, log_scale, number, panel, shorten, write
from anabranch.plots.legend import Header, Key
from anabranch.plots.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_BARS, MOST_POINTS, LONGEST_LABEL = 60, 4_000, 48
LETTER = 0.046
"""How far one letter of a turned label reaches to the left and down, in inches."""
Shares = Float[np.ndarray, " X"]


def distribution_figure(
    target: Shares,
    model: Shares,
    labels: Sequence[str],
    *,
    sampled: Shares | None = None,
    perfect_floor: float | None = None,
    title: str,
    svgs: Sequence[str | None] | None = None,
) -> "Figure":
    """Target against learned probabilities: paired bars up to 60 objects, sorted points on a log scale above.

    `sampled` are shares of drawn objects and `perfect_floor` the total variation that a perfect sampler would
    show with as many draws; `svgs` are drawings for the places under the bars.
    """
    for name, given in {"model": model, "labels": labels, "sampled": sampled, "svgs": svgs}.items():
        if given is not None and len(given) != target.size:
            raise ConfigError(f"A picture of {target.size} objects needs as many {name}; given {len(given)}.")
    if not target.size:
        raise ConfigError("A picture of a distribution needs at least one object; none was given.")
    order = np.argsort(-target, kind="stable")
    places: list[int] = order.tolist()
    ranked = _Ranked(target[order], model[order], None if sampled is None else sampled[order])
    head = f"{title} · total variation {number(total_variation_distance(target, model))}"
    note = _about_the_sample(target, sampled, perfect_floor)
    if target.size > MOST_BARS:
        return _points(ranked, head, note)
    drawings = [None] * target.size if svgs is None else [svgs[at] for at in places]
    return _bars(ranked, [shorten(labels[at], LONGEST_LABEL) for at in places], drawings, head, note)


@dataclasses.dataclass(frozen=True, eq=False)
class _Ranked:
    """Probabilities in the order of the target, the best object first."""

    target: Shares
    model: Shares
    sampled: Shares | None

    @property
    def keys(self) -> list[Key]:
        keys = [Key("target R / Z", TARGET), Key("learned P(x), exact", MODEL)]
        return keys if self.sampled is None else [*keys, Key("share of the drawn sample", INK, "ring")]


def _about_the_sample(target: Shares, sampled: Shares | None, floor: float | None) -> list[str]:
    if sampled is None:
        return []
    text = f"Total variation of the drawn sample: {number(total_variation_distance(target, sampled))}"
    return [text + ("." if floor is None else f"; of a perfect sample of the same size: {number(floor)} on average.")]


def _bars(ranked: _Ranked, labels: list[str], drawings: Sequence[str | None], title: str, note: list[str]) -> "Figure":
    count = ranked.target.size
    width = float(np.clip(0.52 * count, 6.0, 13.0))
    slot = width / (count + 0.2)
    picture = min(slot * 0.86, 0.8)
    turned = [_turned(label, slot) for label, svg in zip(labels, drawings, strict=True) if not svg]
    reach = max([LETTER * len(label) for label, svg in zip(labels, drawings, strict=True) if not svg], default=0.0)
    foot = max(picture + 0.1 if any(drawings) else 0.0, reach + 0.12 if any(turned) else 0.25) + 0.2
    left = max(0.95, reach - 0.6 * slot + 0.15 if any(turned) else 0.0)
    figure, sheet = Header(title, note, ranked.keys).sheet(left + width + 0.35, foot + 3.5)
    axes = panel(figure, left, foot, width, 3.3)
    place = np.arange(count)
    axes.bar(place - 0.2, ranked.target, 0.38, color=TARGET, label="target")
    axes.bar(place + 0.2, ranked.model, 0.38, color=MODEL, label="learned")
    if ranked.sampled is not None:
        style = {"facecolors": "white", "edgecolors": INK, "lw": 1.2, "zorder": 4, "clip_on": False}
        axes.scatter(place + 0.2, ranked.sampled, s=26, label="sampled", **style)
    axes.set(xlim=(-0.6, count - 0.4), xticks=[])
    axes.set_ylim(bottom=0.0)
    finish(axes, y="probability")
    for at, (label, svg) in enumerate(zip(labels, drawings, strict=True)):
        x = left + (at + 0.6) * slot
        if svg:
            draw_svg(sheet, svg, (x, foot - 0.12 - picture / 2), picture)
        else:
            _label(sheet, label, x, foot, turned=_turned(label, slot))
    return figure


def _turned(label: str, slot: float) -> bool:
    return 0.09 * len(label) > slot


def _label(sheet: "Axes", label: str, x: float, y: float, *, turned: bool) -> None:
    """Level where it fits, else turned so that it ends under its bars."""
    if turned:
        style = {"rotation": 45.0, "rotation_mode": "anchor", "ha": "right"}
        write(sheet, x + 0.04, y - 0.1, label, fontsize=8.0, color=MUTED, **style)
    else:
        write(sheet, x, y - 0.08, label, fontsize=8.5, ha="center", va="top", color=MUTED)


def _points(ranked: _Ranked, title: str, note: list[str]) -> "Figure":
    count = ranked.target.size
    everything = np.concatenate(
        [ranked.target, ranked.model, np.zeros(0) if ranked.sampled is None else ranked.sampled]
    )
    lowest = float(everything[everything > 0].min()) / 2
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).astype(int))
    about = f"{count:,} objects."
    if chosen.size < count:
        about += f" {chosen.size:,} evenly ranked of them are drawn."
    if min(ranked.target.min(), ranked.model.min()) <= 0:
        about += " Probabilities of 0 stand at the lower edge."
    figure, _ = Header(title, [*note, about], ranked.keys).sheet(12.5, 4.65)
    left = panel(figure, 0.95, 0.65, 6.3, 3.5, title="Objects, the best first")
    right = panel(figure, 8.6, 0.65, 3.5, 3.5, title="Learned against target")
    rank = chosen + 1
    target, model = np.maximum(ranked.target[chosen], lowest), np.maximum(ranked.model[chosen], lowest)
    if ranked.sampled is not None:
        seen = np.nonzero(ranked.sampled[chosen] > 0)[0]
        style = {"facecolors": "none", "edgecolors": INK, "lw": 0.5, "alpha": 0.35, "label": "sampled"}
        left.scatter(rank[seen], ranked.sampled[chosen][seen], s=10, zorder=1.5, **style)
    left.scatter(rank, model, s=9, color=MODEL, alpha=0.6, lw=0, label="learned", zorder=2)
    left.plot(rank, target, color=TARGET, lw=2.6, label="target", zorder=3)
    bounds = np.array([lowest, everything.max()])
    right.plot(bounds, bounds, color=TARGET, lw=2.6, zorder=3, label="equal")
    right.scatter(target, model, s=9, color=MODEL, alpha=0.45, lw=0, zorder=2, label="learned")
    right.grid(axis="x", color=RULE, linewidth=0.8)
    for axes in (left, right):
        log_scale(axes, bounds, axis="y")
    log_scale(right, bounds, axis="x")
    left.set_xlim(1 - 0.01 * count, 1.01 * count)
    left.xaxis.set_major_formatter("{x:,.0f}")
    finish(left, x="rank by target", y="probability")
    finish(right, x="target probability", y="learned probability")
    return figure
