"""Flows of two policies on one space: the same order of nodes, objects grouped by reward, numbers on edges."""

import numpy as np
import pytest
from matplotlib.bezier import BezierSegment
from matplotlib.colors import to_hex

from anabranch.evaluation.flows import visit_probabilities
from anabranch.ground.errors import ConfigError
from anabranch.plots import beside_figure, gallery_figure, state_graph_figure
from anabranch.plots import graph as module
from anabranch.plots.canvas import MODEL_INK, number
from anabranch.plots.edge_numbers import SIZE
from support.drawings import Shown, all_text, assert_legible, by_label, exact, subset_reward, tilted


@pytest.fixture
def layouts(monkeypatch):
    """The layouts of the pictures that a test draws."""
    seen, original = [], module.arrange
    monkeypatch.setattr(module, "arrange", lambda *given: seen.append(original(*given)) or seen[-1])
    return seen


def one_sided(graph, law):
    """A policy that ends at a single object nearly always, as plain policy gradient does."""
    return tilted(graph, law, amount=12.0)


def test_two_policies_have_their_nodes_in_one_order(faces, layouts):
    graph, law, log_reward, log_z = faces
    for policy in (law, one_sided(graph, law)):
        state_graph_figure(graph, policy, log_reward, log_z=log_z, title="Faces")
    np.testing.assert_array_equal(layouts[0].height, layouts[1].height)


def test_objects_stand_by_reward_with_the_best_on_top(faces, layouts):
    graph, law, log_reward, log_z = faces
    state_graph_figure(graph, one_sided(graph, law), log_reward, log_z=log_z, title="Faces")
    downward = np.argsort(-layouts[0].height[graph.objects])
    reward = np.exp(log_reward)[downward]
    assert (np.diff(reward) <= 0).all()
    assert reward[0] > reward[-1]


def test_many_different_rewards_leave_the_order_to_the_streams(layouts):
    graph, law, log_reward, log_z = exact(Shown(6, 2), subset_reward)
    log_reward = np.random.default_rng(0).normal(size=log_reward.size)
    state_graph_figure(graph, law, log_reward, log_z=log_z, title="Subsets")
    last = graph.objects[graph.level[graph.objects] == graph.level.max()]
    place = {int(state): at for at, state in enumerate(graph.objects)}
    downward = last[np.argsort(-layouts[0].height[last])]
    assert (np.diff([log_reward[place[int(state)]] for state in downward]) > 0).any()


def edge_numbers(figure):
    """Text and place of each number that stands on a stream."""
    texts = [text for text in figure.axes[0].texts if text.get_fontsize() == SIZE]
    assert all(to_hex(text.get_color()) == MODEL_INK for text in texts)
    return [(text.get_text(), np.array(text.get_position())) for text in texts]


def test_a_number_on_an_edge_is_the_flow_of_the_stream_below_it(faces):
    graph, law, log_reward, log_z = faces
    law = tilted(graph, law)
    figure = state_graph_figure(graph, law, log_reward, log_z=log_z, title="Faces")
    flow = np.exp(log_z) * visit_probabilities(graph, law)[graph.source] * np.exp(law.log_pf)
    paths = by_label(figure, "flow").get_paths()
    curves = [BezierSegment(path.vertices)(np.linspace(0.0, 1.0, 400)) for path in paths]
    written = edge_numbers(figure)
    assert len(written) > 20
    for text, place in written:
        distance = [np.linalg.norm(curve - place, axis=1).min() for curve in curves]
        near = [at for at in np.argsort(distance)[:3] if distance[at] < 0.05]
        assert text in {number(float(flow[at]), digits=2) for at in near}
    assert_legible(figure)


def test_numbers_keep_clear_of_cards_and_of_each_other():
    graph, law, log_reward, log_z = exact(Shown(4, 2), subset_reward)
    figure = state_graph_figure(graph, law, log_reward, log_z=log_z, title="Subsets")
    assert edge_numbers(figure)
    assert_legible(figure)


def test_a_gallery_says_how_often_each_object_was_drawn():
    figure = gallery_figure(None, ["one", "two"], "Three draws", counts=[2, 1])
    text = all_text(figure).split("\n")
    assert [line for line in text if "draw" in line and line != "Three draws"] == ["2 draws", "1 draw"]
    assert "2 different objects" in text
    assert_legible(figure)
    with pytest.raises(ConfigError, match="a count for every object; given 1 and 2"):
        gallery_figure(None, ["one", "two"], "Three draws", counts=[2])


def test_pictures_beside_each_other_keep_their_sizes():
    figures = [gallery_figure(None, ["word"] * count, "Words") for count in (1, 60)]
    sizes = [figure.get_size_inches() for figure in figures]
    pair = beside_figure(figures)
    np.testing.assert_allclose(pair.get_size_inches(), [sum(s[0] for s in sizes), max(s[1] for s in sizes)], atol=0.02)
    pair.canvas.draw()
    dark = np.asarray(pair.canvas.buffer_rgba())[..., :3].min(axis=2) < 128
    middle = round(dark.shape[1] * sizes[0][0] / (sizes[0][0] + sizes[1][0]))
    assert dark[: dark.shape[0] // 4, :middle].any()
    assert not dark[dark.shape[0] // 2 :, :middle].any(), "the shorter picture stands at the top"
    assert dark[dark.shape[0] // 2 :, middle:].any()
    with pytest.raises(ConfigError, match="needs at least one"):
        beside_figure([])
