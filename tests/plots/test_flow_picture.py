"""The picture of the state graph: what it says is what the arrays say."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from anabranch.evaluation.flows import visit_probabilities
from anabranch.graph.tabulate import tabulate
from anabranch.ground.errors import ConfigError
from anabranch.plots import (
    state_graph_figure,
)
from anabranch.plots.canvas import MODEL, TARGET
from anabranch.plots.layout import busiest_states
from support.drawings import (
    Shown,
    all_text,
    assert_legible,
    by_label,
    exact,
    heads,
    subset_reward,
)


def test_edge_widths_are_proportional_to_flow(faces, faces_figure):
    graph = faces[0]
    figure, law = faces_figure
    flow = visit_probabilities(graph, law)[graph.source] * np.exp(law.log_pf)
    width = np.asarray(by_label(figure, "flow").get_linewidths())
    assert width.size == 96
    passed = flow > 0
    np.testing.assert_allclose(width[passed] / flow[passed], width.max() / flow.max(), rtol=0.01)
    assert (width[~passed] == 0).all()


def test_every_face_is_drawn_once_in_its_column(faces_figure):
    figure, _ = faces_figure
    boxes = [head.get_path().get_extents() for head in heads(figure)]
    centres = np.array([[(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2] for b in boxes])
    _, sizes = np.unique(centres[:, 0].round(6), return_counts=True)
    assert sizes.tolist() == [1, 6, 15, 20]
    for a, b in itertools.combinations(boxes, 2):
        assert not a.overlaps(b)


def test_streams_end_at_the_faces_they_join(faces, faces_figure):
    graph = faces[0]
    figure, _ = faces_figure
    boxes = [head.get_path().get_extents() for head in heads(figure)]
    paths = by_label(figure, "flow").get_paths()
    for path, source, target in zip(paths, graph.source, graph.target, strict=True):
        for (x, y), box in ((path.vertices[0], boxes[source]), (path.vertices[-1], boxes[target])):
            assert box.x0 <= x <= box.x1
            assert box.y0 <= y <= box.y1


def test_reward_stands_beside_sampled_flow(faces, faces_figure):
    graph, _, log_reward, log_z = faces
    figure, law = faces_figure
    bars = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    lengths = {
        c: np.array([b.get_width() for b in bars if to_hex(b.get_facecolor()) == c][-20:]) for c in (TARGET, MODEL)
    }
    sampled = np.exp(log_z + law.log_stop[graph.objects]) * visit_probabilities(graph, law)[graph.objects]
    scale = lengths[MODEL].max() / sampled.max()
    np.testing.assert_allclose(lengths[MODEL], scale * sampled, atol=1e-9)
    np.testing.assert_allclose(lengths[TARGET], scale * np.exp(log_reward), atol=1e-9)
    assert f"Z = 12, log Z = {log_z:.4f} nats" in all_text(figure).replace("\n", " ")
    assert "Z · probability" in all_text(figure)


def test_without_rewards_none_is_shown(faces):
    graph, law, _, log_z = faces
    assert "reward" not in all_text(state_graph_figure(graph, law, log_z=log_z, title="Faces"))


def test_a_small_graph_without_drawings_shows_texts_with_numbers_under_them():
    graph, law, log_reward, log_z = exact(Shown(4, 2), subset_reward)
    figure = state_graph_figure(graph, law, log_reward, log_z=log_z, title="Subsets")
    assert {graph.show(at) for at in range(graph.num_states)} <= set(all_text(figure).split("\n"))
    assert {"6", "6.00"} <= set(all_text(figure).split("\n"))
    assert_legible(figure)


def test_one_state_and_long_edges_are_drawn():
    for env in (Shown(1, 0), tabulate(0, lambda s: range(s + 1, 5))):
        graph, law, log_reward, log_z = exact(env, lambda state: jnp.zeros(()))
        figure = state_graph_figure(graph, law, log_reward, log_z=log_z, title="Small")
        assert_legible(figure)
        heights = [path.vertices[3::3, 1] for path in by_label(figure, "flow").get_paths()]
        # An edge over k levels passes k - 1 waypoints and ends at its target.
        assert [len(way) for way in heights] == (graph.level[graph.target] - graph.level[graph.source]).tolist()


def test_256_states_are_dots_under_the_artist_limit(lattice):
    graph, law, log_reward, log_z = lattice
    figure = state_graph_figure(graph, law, log_reward, log_z=log_z, title="All subsets")
    assert len(figure.findobj()) < 2_000
    assert "256 states as dots" in all_text(figure)
    assert len(by_label(figure, "flow").get_paths()) == graph.num_edges == 1_024
    rings, discs = by_label(figure, "reward"), by_label(figure, "sampled")
    np.testing.assert_allclose(rings.get_sizes(), discs.get_sizes(), rtol=1e-4)
    assert_legible(figure)


def test_a_larger_graph_shows_what_carries_the_flow():
    graph, law, log_reward, log_z = exact(Shown(10, 10), subset_reward)
    figure = state_graph_figure(graph, law, log_reward, log_z=log_z, title="Large")
    text = all_text(figure).replace("\n", " ")
    assert "of 1,024 states, those with the most flow" in text
    assert len(figure.findobj()) < 2_000
    assert_legible(figure)


def test_the_busiest_states_hold_the_likeliest_object_and_a_way_to_each(lattice):
    graph, law, _, _ = lattice
    visits = visit_probabilities(graph, law)
    sampled = visits * np.exp(law.log_stop)
    kept = busiest_states(graph, visits[graph.source] * np.exp(law.log_pf), sampled, 60)
    assert kept.size <= 60
    assert sampled.argmax() in kept
    inner = np.isin(graph.source, kept) & np.isin(graph.target, kept)
    assert set(graph.target[inner]) | {0} == set(kept)


def test_columns_are_ordered_so_that_few_edges_cross(faces, monkeypatch):
    graph, law, log_reward, log_z = faces
    from anabranch.plots import graph as module

    seen = []
    original = module.arrange
    monkeypatch.setattr(module, "arrange", lambda *given: seen.append(original(*given)) or seen[0])
    state_graph_figure(graph, law, log_reward, log_z=log_z, title="Faces")
    flow = visit_probabilities(graph, law)[graph.source] * np.exp(law.log_pf)

    def crossings(height):
        a, b = height[graph.source], height[graph.target]
        crossed = (
            (a[:, None] < a) & (b[:, None] > b) & (graph.level[graph.source][:, None] == graph.level[graph.source])
        )
        return (crossed * np.outer(flow, flow)).sum()

    assert crossings(seen[0].height) < 0.75 * crossings(-np.arange(graph.num_states, dtype=float))


def test_rewards_beyond_float64_are_told_in_units_of_z(faces):
    graph, law, log_reward, log_z = faces
    figure = state_graph_figure(graph, law, log_reward + 2_000, log_z=log_z + 2_000, title="Faces")
    assert "told in units of Z, log Z = 2002.4849 nats" in all_text(figure).replace("\n", " ")
    assert {"0.167", "0.0833"} <= set(all_text(figure).split("\n"))
    with pytest.raises(ConfigError, match="must be finite"):
        state_graph_figure(graph, law, log_reward, log_z=float("nan"), title="Faces")


def test_rewards_of_the_wrong_length_are_refused(faces):
    graph, law, _, log_z = faces
    with pytest.raises(ConfigError, match="20 objects needs as many log_reward"):
        state_graph_figure(graph, law, np.zeros(3), log_z=log_z, title="Faces")
