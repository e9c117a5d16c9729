"""The states of a drawn graph: pictures, texts or dots, and what is said beside finished objects."""

import dataclasses
from typing import TYPE_CHECKING, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from anabranch.environment import take
from anabranch.graph.state_graph import StateGraph
from anabranch.plots.canvas import MODEL, MODEL_INK, PAPER, POINTS, TARGET, TARGET_INK, number, text_card, write
from anabranch.plots.edge_numbers import Boxes
from anabranch.plots.layout import Layout, View
from anabranch.plots.svg import count_elements, draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ELEMENTS = 1_200
SMALLEST_PICTURE, SMALLEST_CARD, SMALLEST_GAP, LEAST_BESIDE = 0.26, 0.2, 0.95, 0.34
UNDER = 0.17
"""Room for numbers under a node, in inches."""


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """How nodes are drawn, in inches."""

    kind: Literal["picture", "text", "dot"]
    svgs: list[str | None]
    texts: list[str]
    slot: float
    """The height that a state has in the fullest column."""
    gap: float
    """From column to column."""
    beside: bool
    """Finished objects are all in the last column, with bars beside them."""
    under: bool
    """Numbers stand under finished objects instead."""


@dataclasses.dataclass(frozen=True, eq=False)
class Values:
    """What is known about each drawn state; rewards are NaN where none was given."""

    finished: Bool[np.ndarray, " V"]
    reward: Float[np.ndarray, " V"]
    sampled: Float[np.ndarray, " V"]


def plan_nodes(graph: StateGraph, view: View, layout: Layout, *, may_draw: bool) -> Plan:
    """Choose pictures where there are some and they stay legible, else texts, else dots."""
    columns = int(view.column.max()) + 1
    gap = min(3.1, max(9.0, min(0.17 * columns, 20.0)) / max(columns - 1, 1))
    last = bool((view.column[graph.can_stop[view.states]] == columns - 1).all())
    slot = float(np.clip(14.0 / layout.room, 0.06, 0.62 if last else 0.74))
    room = min(slot if last else slot - UNDER, 0.6 * gap)
    if may_draw and (slot > LEAST_BESIDE if last else room > SMALLEST_CARD):
        # The contract promises hooks arrays of JAX; a graph holds NumPy's.
        states = [jax.tree.map(jnp.asarray, take(graph.states, int(at))) for at in view.states]
        texts, svgs = [graph.env.show(state) for state in states], [graph.env.draw(state) for state in states]
        elements = sum(count_elements(svg) for svg in svgs if svg)
        if 0 < elements <= MOST_ELEMENTS and room > SMALLEST_PICTURE:
            return Plan("picture", svgs, texts, slot, gap, last, not last)
        plan = Plan("text", [None] * len(texts), texts, min(slot, 0.62), gap, last, not last)
        if gap > SMALLEST_GAP or _card_width(plan) < 0.52 * gap:
            return plan
    slot = float(np.clip(10.0 / layout.room, 0.06, 0.42))
    return Plan("dot", [], [], slot, gap, last and slot > LEAST_BESIDE, under=False)


def node_sizes(plan: Plan, view: View, height: Float[np.ndarray, " V"]) -> Float[np.ndarray, " V"]:
    """The side of each picture, the height of each card, the diameter of each dot: larger in emptier columns."""
    sizes = np.zeros(view.states.size)
    under = UNDER if plan.under else 0.0
    for column in range(int(view.column.max()) + 1):
        here = np.nonzero(view.column == column)[0]
        pitch = np.diff(np.sort(height[here])).min() if here.size > 1 else 2 * plan.slot
        sizes[here] = min(0.88 * pitch - under, 1.6 * plan.slot, 0.62 * plan.gap)
    if plan.kind == "text":
        return np.full(sizes.shape, min(float(sizes.min()), 0.42))
    return np.minimum(sizes, 0.1) if plan.kind == "dot" else sizes


def half_width(plan: Plan, size: Float[np.ndarray, " V"]) -> Float[np.ndarray, " V"]:
    """How far streams stay from the middle of a node: they end at its edge, not behind it."""
    if plan.kind == "text":
        return np.full(size.shape, _card_width(plan) / 2)
    return size * 0.36 if plan.kind == "picture" else np.zeros(size.shape)


def node_boxes(plan: Plan, places: Float[np.ndarray, "V 2"], size: Float[np.ndarray, " V"]) -> Boxes:
    """The room of every node, with the numbers under it."""
    half = np.stack([np.maximum(half_width(plan, size), 0.3 if plan.under else 0.0), size / 2], axis=1)
    under = (UNDER + 0.04) / 2 if plan.under else 0.0
    return Boxes(places - np.array([0.0, under]), half + np.array([0.0, under]))


def draw_nodes(
    axes: "Axes", plan: Plan, places: Float[np.ndarray, "V 2"], size: Float[np.ndarray, " V"], values: Values
) -> None:
    """Draw every state at its place, and R beside Z P(x) at finished objects."""
    if plan.kind == "dot":
        _dots(axes, plan, places, values)
    else:
        for at, (x, y) in enumerate(places.tolist()):
            svg = plan.svgs[at]
            if svg:
                draw_svg(axes, svg, (x, y), float(size[at]))
            else:
                text_card(axes, plan.texts[at], (x, y), _card_width(plan), float(size[at]))
    if plan.beside:
        _bars(axes, places, half_width(plan, size), values)
    elif plan.under:
        _numbers(axes, places, size, values)


def _largest(values: Float[np.ndarray, " X"]) -> float:
    return float(np.nanmax(values, initial=0.0))


def _card_width(plan: Plan) -> float:
    """As wide as the longest text needs, within limits."""
    longest = max(len(text) for text in plan.texts)
    return min(0.52 * plan.gap, 1.8, max(0.32, 0.085 * longest + 0.2))


def _dots(axes: "Axes", plan: Plan, places: Float[np.ndarray, "V 2"], values: Values) -> None:
    """Dots; at objects a disc whose area is Z P(x) in a ring whose area is R: they meet where the law is right."""
    plain = places[~values.finished | plan.beside]
    axes.scatter(*plain.T, s=14, c=MODEL, lw=0.6, edgecolors=PAPER, zorder=3.0, label="states")
    if plan.beside:
        return
    objects = values.finished
    largest = max(_largest(values.reward[objects]), _largest(values.sampled[objects]))
    area = (min(0.8 * plan.slot, 0.3, 0.6 * plan.gap) * POINTS) ** 2 / max(largest, 1e-300)
    axes.scatter(*places[objects].T, s=4, c=MODEL, lw=0, zorder=3.0, label="states")
    axes.scatter(*places[objects].T, s=area * values.sampled[objects], c=MODEL, lw=0, zorder=3.1, label="sampled")
    rewarded = objects & np.isfinite(values.reward)
    rings = area * values.reward[rewarded]
    style = {"facecolors": "none", "edgecolors": TARGET, "zorder": 3.2, "label": "reward"}
    axes.scatter(*places[rewarded].T, s=rings, lw=np.clip(0.13 * np.sqrt(rings), 0.5, 1.6), **style)


def _bars(axes: "Axes", places: Float[np.ndarray, "V 2"], half: Float[np.ndarray, " V"], values: Values) -> None:
    from matplotlib.patches import Rectangle

    shown = np.nonzero(values.finished)[0]
    largest = max(_largest(values.reward[shown]), _largest(values.sampled[shown]), 1e-300)
    rows = [(values.reward, 0.085, TARGET, TARGET_INK), (values.sampled, -0.085, MODEL, MODEL_INK)]
    for at in shown.tolist():
        left = places[at, 0] + half[at] * 1.35 + 0.16
        for value, up, colour, ink in rows:
            if np.isnan(value[at]):
                continue
            length, y = 1.05 * float(value[at]) / largest, places[at, 1] + up
            axes.add_patch(Rectangle((left, y - 0.06), length, 0.12, facecolor=colour, lw=0, zorder=3.0))
            text = _told(float(value[at]), largest, keep=colour == MODEL)
            write(axes, left + length + 0.07, y - 0.005, text, fontsize=7.5, color=ink)


def _told(value: float, largest: float, *, keep: bool) -> str:
    """A number in three digits, or in one where it hardly counts."""
    slight = value < 1e-3 * largest
    return number(value, digits=1 if slight else 3, keep=keep and not slight)


def _numbers(axes: "Axes", places: Float[np.ndarray, "V 2"], size: Float[np.ndarray, " V"], values: Values) -> None:
    """R and Z P(x) in their colours under each object, on paper so that streams do not run through them."""
    paper = {"boxstyle": "round,pad=0.12", "facecolor": PAPER, "edgecolor": "none", "alpha": 0.8}
    largest = max(_largest(values.reward), _largest(values.sampled))
    style = {"fontsize": 7.0, "va": "top", "zorder": 4.0, "bbox": paper}
    for at in np.nonzero(values.finished)[0].tolist():
        x, y = places[at, 0], places[at, 1] - size[at] / 2 - 0.025
        if np.isnan(values.reward[at]):
            write(
                axes, x, y, _told(float(values.sampled[at]), largest, keep=True), ha="center", color=MODEL_INK, **style
            )
            continue
        write(
            axes,
            x - 0.04,
            y,
            _told(float(values.reward[at]), largest, keep=False),
            ha="right",
            color=TARGET_INK,
            **style,
        )
        write(
            axes, x + 0.04, y, _told(float(values.sampled[at]), largest, keep=True), ha="left", color=MODEL_INK, **style
        )
