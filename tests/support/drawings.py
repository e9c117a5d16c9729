"""What the tests of the pictures share: exact laws to draw, and how to read a figure."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import PathPatch
from matplotlib.text import Text

from anabranch.environment import take
from anabranch.envs.faces import Faces, FacesReward
from anabranch.evaluation.flows import EdgeLaw, edge_law, exact_flows, exact_policy
from anabranch.graph.state_graph import state_graph
from anabranch.plots import (
    state_graph_figure,
)
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.rewards.log_reward import log_rewards
from anabranch.scoring.reading import Reading
from support.spaces import Subset

SKINS = {"#f4f1ea", "#e3e0da", "#ffd75e", "#9cc7f0"}
FACE = '<svg viewBox="0 0 100 100">{}</svg>'


class Shown(Subset):
    """Subsets that say what they hold."""

    def show(self, state):
        return "{" + " ".join(str(item) for item in np.nonzero(np.asarray(state))[0]) + "}"


def subset_reward(state):
    return jnp.log(1.0 + (state * jnp.arange(state.size)).sum())


def state_of(graph, at):
    return jnp.asarray(take(graph.states, at))


def tilted(graph, law, amount=0.4):
    """Another policy on the same edges, so that R and Z P(x) differ."""
    log_pf = law.log_pf + amount * np.random.default_rng(0).normal(size=graph.num_edges)
    total = np.bincount(graph.source, np.exp(log_pf), graph.num_states) + np.exp(law.log_stop)
    return EdgeLaw(log_pf - np.log(total)[graph.source], law.log_stop - np.log(total), law.log_pb, law.log_flow)


def exact(env, reward):
    graph = state_graph(env)
    log_reward = log_rewards(graph, reward)
    flows = exact_flows(graph, log_reward)
    return graph, edge_law(graph, exact_policy(flows), Reading(env, UniformBackward())), log_reward, flows.log_z


@pytest.fixture(scope="module")
def faces():
    return exact(Faces(), FacesReward())


@pytest.fixture(scope="module")
def faces_figure(faces):
    graph, law, log_reward, log_z = faces
    law = tilted(graph, law)
    return state_graph_figure(graph, law, log_reward, log_z=log_z, title="Faces"), law


@pytest.fixture(scope="module")
def lattice():
    return exact(Shown(8, 8), subset_reward)


def by_label(figure, label):
    (found,) = [artist for artist in figure.findobj() if artist.get_label() == label]
    return found


def all_text(figure):
    return "\n".join(text.get_text() for text in figure.findobj(Text))


def heads(figure):
    return [p for p in figure.axes[0].patches if isinstance(p, PathPatch) and to_hex(p.get_facecolor()) in SKINS]


def visible_text(axes):
    yield from axes.texts
    if not axes.axison:
        return
    yield from (axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = axis.get_view_interval()
        yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


def assert_legible(figure):
    """No two texts overlap, and none leaves the page."""
    figure.draw_without_rendering()
    shown = [text for axes in figure.axes for text in visible_text(axes) if text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in shown]
    inside = figure.bbox
    for text, box in boxes:
        assert inside.x0 <= box.x0, text
        assert box.x1 <= inside.x1, text
        assert inside.y0 <= box.y0, text
        assert box.y1 <= inside.y1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a.x1 <= b.x0 + 0.5 or b.x1 <= a.x0 + 0.5 or a.y1 <= b.y0 + 2 or b.y1 <= a.y0 + 2
        assert apart, f"{one!r} and {other!r} overlap"


def history(scale, *, loss=1.0):
    return [
        {"step": at, "loss": loss * 10.0**-at, "log_z": at / 2, "total_variation": None if at % 2 else scale * 0.5**at}
        for at in range(6)
    ]
