"""The whole state graph as a river: columns by level, streams as wide as the flow, objects with R beside Z P(x)."""

import dataclasses
import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from anabranch.evaluation.flows import EdgeLaw, exact_flows, visit_probabilities
from anabranch.graph.state_graph import StateGraph
from anabranch.ground.errors import ConfigError
from anabranch.plots.canvas import MARGIN, MODEL, MUTED, POINTS, TARGET, counted, number, write
from anabranch.plots.edge_numbers import draw_edge_numbers
from anabranch.plots.layout import MOST_EDGES, Layout, View, arrange, busiest_states, view_of
from anabranch.plots.legend import Header, Key
from anabranch.plots.nodes import Plan, Values, draw_nodes, half_width, node_boxes, node_sizes, plan_nodes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_PICTURES, MOST_DOTS, SHALLOW, LARGEST_LOG = 120, 500, 12, 300.0
MOST_GROUPS = 8
"""Different rewards by which finished objects are grouped; more of them leave the order to the streams."""
FAINT = 0.6
"""Points; a thinner stream has a hairline under it, so that the edge is seen."""
TOP, FOOT, BARS, LEAST_WIDTH = 0.8, 0.35, 1.55, 8.0
HAIRLINE = "#ccd4da"
HARBOUR = {"picture": 0.55, "text": 0.8, "dot": 1.0}
"""Which part of a node's height its streams may take."""


def state_graph_figure(
    graph: StateGraph,
    law: EdgeLaw,
    log_reward: Float[np.ndarray, " X"] | None = None,
    *,
    log_z: float,
    title: str,
) -> "Figure":
    """Every state in columns by level; the width of an edge is its flow, Z times the probability of passing it.

    Nodes are drawn states, else texts; beyond 120 states dots, and beyond 500 the states that carry most of the
    flow. Their order follows from the graph and the reward alone, so that pictures of several policies can be
    compared; objects of equal reward stand together, and an edge has its flow as a number where there is room. At
    finished objects the reward stands beside the sampled Z P(x); `log_reward` is one number for each of
    `graph.objects`.
    """
    if log_reward is not None and log_reward.shape != graph.objects.shape:
        raise ConfigError(
            f"A graph with {graph.objects.size} objects needs as many log_reward; given {log_reward.shape}."
        )
    if not np.isfinite(log_z):
        raise ConfigError(f"log_z scales the flow of the picture and must be finite; given {log_z}.")
    # Beyond what float64 can hold, flows are told in units of Z.
    shift = log_z if max([abs(log_z), *(() if log_reward is None else log_reward)]) > LARGEST_LOG else 0.0
    visits = visit_probabilities(graph, law)
    chance = visits[graph.source] * np.exp(law.log_pf)
    sampled = np.where(graph.can_stop, visits * np.exp(law.log_stop), 0.0)
    reward = np.full(graph.num_states, np.nan)
    if log_reward is not None:
        reward[graph.objects] = np.exp(log_reward - shift)
    chosen = _chosen(graph, chance, sampled)
    view = view_of(graph, chosen, chance)
    layout = arrange(view, _order_weight(graph, log_reward)[view.edges], _groups(graph, view, log_reward))
    plan = plan_nodes(graph, view, layout, may_draw=chosen.size <= MOST_PICTURES)
    river = _River.of(graph, view, layout, plan, chance, log_z, shift)
    values = Values(graph.can_stop[chosen], reward[chosen], np.exp(log_z - shift) * sampled[chosen])
    share = float(river.chance.sum() / max(chance.sum(), 1e-300))
    header = _header(river, title, share, has_reward=log_reward is not None)
    figure, sheet = header.sheet(river.width, river.height)
    _streams(sheet, river)
    _columns(sheet, river)
    if plan.kind != "dot":
        flow = float(np.exp(log_z - shift)) * river.chance
        shown = np.where(river.chance * river.wide * POINTS < FAINT, 0.0, river.chance * river.wide)
        draw_edge_numbers(sheet, river.lines, flow, shown, node_boxes(plan, river.places[: chosen.size], river.size))
    draw_nodes(sheet, plan, river.places[: chosen.size], river.size, values)
    return figure


def _order_weight(graph: StateGraph, log_reward: Float[np.ndarray, " X"] | None) -> Float[np.ndarray, " E"]:
    """What the order of the nodes goes by: the flow of the reward, so that all policies on a space have one order."""
    if log_reward is None or np.isneginf(log_reward).all():
        return np.ones(graph.num_edges)
    flows = exact_flows(graph, log_reward)
    return np.exp(flows.log_edge - flows.log_state[0])


def _groups(graph: StateGraph, view: View, log_reward: Float[np.ndarray, " X"] | None) -> Int[np.ndarray, " V"]:
    """Which drawn states stand together: objects of the last column by reward, the best on top, if values are few."""
    groups = np.zeros(view.states.size, int)
    last = view.column == view.column.max()
    if log_reward is None or not graph.can_stop[view.states[last]].all():
        return groups
    place = np.full(graph.num_states, -1)
    place[graph.objects] = np.arange(graph.objects.size)
    values, rank = np.unique(log_reward[place[view.states[last]]].round(6), return_inverse=True)
    if values.size <= MOST_GROUPS:
        groups[last] = rank
    return groups


def _chosen(
    graph: StateGraph, chance: Float[np.ndarray, " E"], sampled: Float[np.ndarray, " N"]
) -> Int[np.ndarray, " V"]:
    """All states, or of a large graph those that carry most of the flow: fewer where pictures have room."""
    if graph.num_states <= MOST_DOTS:
        return np.arange(graph.num_states)
    depth = int(graph.level.max())
    return busiest_states(graph, chance, sampled, MOST_PICTURES if depth <= SHALLOW else max(MOST_DOTS, depth + 1))


@dataclasses.dataclass(frozen=True, eq=False)
class _River:
    """Everything on the page, in inches."""

    graph: StateGraph
    view: View
    layout: Layout
    plan: Plan
    log_z: float
    shift: float
    """What is subtracted from every logarithm before it is told as a number."""
    places: Float[np.ndarray, "P 2"]
    size: Float[np.ndarray, " V"]
    chance: Float[np.ndarray, " D"]
    """The probability of passing each drawn edge."""
    wide: float
    """Inches of stream for a probability of 1."""
    width: float
    height: float

    @classmethod
    def of(
        cls,
        graph: StateGraph,
        view: View,
        layout: Layout,
        plan: Plan,
        chance: Float[np.ndarray, " E"],
        log_z: float,
        shift: float,
    ) -> "_River":
        tall = max(layout.room * plan.slot, 2.2)
        size = node_sizes(plan, view, layout.height[: view.states.size] * tall)
        bank = np.maximum(half_width(plan, size) * 1.2, 0.3) + MARGIN
        first, last = float(bank[0]), float(bank[view.column == view.column.max()].max())
        width = first + plan.gap * int(view.column.max()) + last + (BARS if plan.beside else 0.0)
        left = first + max(0.0, (LEAST_WIDTH - width) / 2)
        places = np.stack([left + plan.gap * layout.column, FOOT + tall * (layout.height + 0.5)], axis=1)
        drawn = chance[view.edges]
        widest = 0.3 if plan.kind != "dot" else min(0.2, 0.8 * plan.slot)
        wide = min(widest / max(float(drawn.max(initial=0.0)), 1e-300), 1.6)
        sizes = max(width, LEAST_WIDTH), FOOT + tall + TOP
        return cls(graph, view, layout, plan, log_z, shift, places, size, drawn, wide, *sizes)

    @property
    def lines(self) -> list[tuple[Float[np.ndarray, "vertices 2"], list[int]]]:
        """A smooth path for each edge: level at every point it passes, so that streams join without a kink."""
        offset = _stacked(self)
        half = half_width(self.plan, self.size)
        lines = []
        for edge, chain in enumerate(self.layout.chains):
            points = self.places[chain].copy()
            points[[0, -1]] += np.stack([[half[chain[0]], -half[chain[-1]]], offset[edge]], axis=1)
            lines.append(_smooth(points))
        return lines


def _stacked(river: _River) -> Float[np.ndarray, "D 2"]:
    """How far above the middle of its source and target each edge is moored, so that streams lie side by side."""
    moored = np.zeros((river.chance.size, 2))
    height = river.places[:, 1]
    for end, (state, next_to) in enumerate(((river.view.source, 1), (river.view.target, -2))):
        beyond = np.array([height[chain[next_to]] for chain in river.layout.chains])
        for node in np.unique(state):
            edges = np.nonzero(state == node)[0]
            edges = edges[np.argsort(beyond[edges], kind="stable")]
            widths = river.chance[edges] * river.wide
            middle = np.cumsum(widths) - widths / 2 - widths.sum() / 2
            # Where the harbour is too short, streams overlap rather than stick out.
            free = np.maximum(HARBOUR[river.plan.kind] * river.size[node] / 2 - widths / 2, 0.0)
            moored[edges, end] = middle * min(1.0, float((free / np.maximum(np.abs(middle), 1e-300)).min()))
    return moored


def _smooth(points: Float[np.ndarray, "points 2"]) -> tuple[Float[np.ndarray, "vertices 2"], list[int]]:
    vertices, codes = [points[0]], [1]
    for start, end in pairwise(points):
        reach = np.array([(end[0] - start[0]) / 2, 0.0])
        vertices += [start + reach, end - reach, end]
        codes += [4, 4, 4]
    return np.array(vertices), codes


def _streams(sheet: "Axes", river: _River) -> None:
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    paths = [Path(vertices, codes) for vertices, codes in river.lines]
    style = {"facecolors": "none", "capstyle": "butt"}
    widths = river.chance * river.wide * POINTS
    faint = [path for path, width in zip(paths, widths, strict=True) if width < FAINT]
    hairlines = {"edgecolors": HAIRLINE, "linewidths": FAINT, "zorder": 1.0, "label": "without flow"}
    sheet.add_collection(PathCollection(faint, **style, **hairlines), autolim=False)
    flow = {"edgecolors": MODEL, "linewidths": widths, "alpha": 0.5, "zorder": 2.0, "label": "flow"}
    sheet.add_collection(PathCollection(paths, **style, **flow), autolim=False)


def _header(river: _River, title: str, share: float, *, has_reward: bool) -> Header:
    """Says what is drawn, and what is not."""
    graph, plan, z = river.graph, river.plan, float(np.exp(river.log_z - river.shift))
    drawn, total = river.view.states.size, graph.num_states
    dots = plan.kind == "dot"
    if drawn < total:
        title += f" · {drawn} of {total:,} states, those with the most flow ({share:.0%})"
    elif dots:
        title += f" · {total:,} states as dots"
    sizes = (total, "state"), (graph.num_edges, "edge"), (graph.objects.size, "finished object")
    about = [
        f"{', '.join(counted(*pair) for pair in sizes)}. "
        "The width of an edge and the number on it are its flow, Z times the probability of passing it; "
        f"{'told in units of Z' if river.shift else f'Z = {number(z)}'}, log Z = {river.log_z:.4f} nats."
    ]
    if river.view.edges.size == MOST_EDGES:
        about.append(f"Of the edges only the {MOST_EDGES:,} with the most flow are drawn.")
    keys = _flow_keys(z * river.chance, river.wide * POINTS / z) if river.chance.size else []
    rings = dots and not plan.beside
    under = has_reward and plan.under
    if has_reward:
        told = ", area of the ring" * rings + ", the left number" * under
        keys.append(Key("reward R(x)" + told, TARGET, "ring" if rings else "box"))
    told = ", area of the disc" * rings + ", the right number" * under
    keys.append(Key("sampled Z·P(x)" + told, MODEL, "dot" if rings else "box"))
    return Header(title, about, keys)


def _flow_keys(flow: Float[np.ndarray, " D"], points: float) -> list[Key]:
    """Two streams of a round flow; `points` is the width for a flow of 1."""
    unit = _round_flow(float(flow.max()) / 2)
    wide, narrow = (
        Key(f"flow of {number(size)}", MODEL, "line", size * points, alpha=0.5) for size in (unit, unit / 4)
    )
    named = dataclasses.replace(wide, label=f"{wide.label} = Z · probability")
    return [named, narrow, Key("hardly any flow", HAIRLINE, "line", 1.0)]


def _round_flow(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most `value`."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return max(step * power for step in (1.0, 2.0, 5.0) if step == 1.0 or step * power <= value * (1 + 1e-6))


def _columns(sheet: "Axes", river: _River) -> None:
    """The level and the number of states over every column, or every few columns where they stand close."""
    every = max(1, math.ceil(0.95 / river.plan.gap))
    top = river.height - 0.32
    for column in range(0, int(river.view.column.max()) + 1, every):
        here = np.nonzero(river.view.column == column)[0]
        level = int(river.graph.level[river.view.states[here[0]]])
        x = river.places[here[0], 0]
        name = "start" if level == 0 else counted(level, "move")
        write(sheet, x, top, name, ha="center", fontweight="bold", fontsize=9.5)
        write(sheet, x, top - 0.19, counted(here.size, "state"), ha="center", color=MUTED, fontsize=8.0)
