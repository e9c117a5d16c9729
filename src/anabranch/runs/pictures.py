"""The pictures of a run: its flow, its law beside the target, its curves, and what it draws."""

import base64
import html
from typing import TYPE_CHECKING, Any

from anabranch.continuous.contract import is_continuous
from anabranch.environment import take
from anabranch.evaluation.affordable import is_evaluated
from anabranch.evaluation.exact_law import ExactLaw, exact_law
from anabranch.evaluation.learned import learned_log_z
from anabranch.graph.state_graph import state_graph
from anabranch.ground.errors import SpaceTooLargeError
from anabranch.plots import curves_figure, distribution_figure, gallery_figure, state_graph_figure
from anabranch.plots.canvas import png_of
from anabranch.runs.places_pictured import places_pictured
from anabranch.sampling.draw import sample
from anabranch.training.run import Trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWS = 64
"""Objects that are drawn for the gallery."""
MOST_BARS_WITH_PICTURES = 60
MOST_SHOWN = 400
"""States of a space of which a notebook shows the flow without being asked to."""


def pictures_of(run: Trained, *, seed: int = 0, words: str = "") -> "dict[str, Figure]":
    """The gallery and the curves; where the space can be listed the graph and the distribution too.

    `words` end the title of the flow. Of a continuous space the density, the trajectories and the curves.
    """
    if is_continuous(run.setup.env):
        return places_pictured(run, seed=seed, name=name_of(run))
    figures = {"gallery": gallery_of(run, seed=seed)}
    law = law_of(run)
    if law is not None:
        figures |= {"graph": flow_of(run, law, words=words), "distribution": _distribution(run, law)}
    history = {run.setup.objective.name: run.history}
    figures["curves"] = curves_figure(history, log_z_exact=None if law is None else law.log_z)
    return figures


def law_of(run: Trained, **limits: Any) -> ExactLaw | None:
    """The exact law of a run; None where the space is too large, or its rewards would have to be asked for."""
    try:
        graph = state_graph(run.setup.env, **limits)
    except SpaceTooLargeError:
        return None
    return exact_law(graph, run.policy, run.setup.log_reward) if is_evaluated(graph, run.setup.log_reward) else None


def gallery_of(run: Trained, *, seed: int) -> "Figure":
    """The different objects among some draws, those that came most often first, with their counts."""
    env = run.setup.env
    drawn = sample(env, run.policy, DRAWS, seed=seed)
    places: dict[Any, list[int]] = {}
    for place, item in enumerate(drawn.objects):
        places.setdefault(item, []).append(place)
    often = sorted(places.values(), key=lambda draws: -len(draws))
    states = [take(drawn.states, draws[0]) for draws in often]
    svgs = [env.draw(state) for state in states]
    drawings = svgs if any(svg is not None for svg in svgs) else None
    texts, counts = [env.show(state) for state in states], [len(draws) for draws in often]
    return gallery_figure(drawings, texts, f"{DRAWS} draws from {name_of(run)}", counts=counts)


def flow_of(run: Trained, law: ExactLaw, *, words: str = "") -> "Figure":
    """All states and edges, each as wide as its flow."""
    log_z = learned_log_z(run.policy, run.setup.objective, run.setup.env)
    flow = {"log_z": law.log_z if log_z is None else log_z, "title": f"The flow of {name_of(run)}{words}"}
    return state_graph_figure(law.graph, law.law, law.log_reward, **flow)


def flow_as_html(run: Trained) -> str:
    """The flow of a small space as a picture in HTML; nothing for a large one, several seeds, or without matplotlib."""
    law = law_of(run, max_states=MOST_SHOWN, seconds=1.0) if run.setup.seeds is None else None
    if law is None or law.graph.num_states > MOST_SHOWN:
        return ""
    try:
        figure = flow_of(run, law)
    except ImportError:
        return ""
    data, words = base64.b64encode(png_of(figure)).decode(), html.escape(f"The flow of {name_of(run)}", quote=True)
    return f'<img style="max-width:100%" alt="{words}" src="data:image/png;base64,{data}">'


def _distribution(run: Trained, law: ExactLaw) -> "Figure":
    graph, env = law.graph, run.setup.env
    labels = [graph.show(int(number)) for number in graph.objects]
    few = len(labels) <= MOST_BARS_WITH_PICTURES
    svgs = [env.draw(take(graph.states, number)) for number in graph.objects] if few else None
    return distribution_figure(law.target, law.model, labels, title=name_of(run), svgs=svgs)


def name_of(run: Trained) -> str:
    """A run as a title names it."""
    name = run.config.get("task") or type(run.setup.env).__name__
    under = f", under {run.under}" if run.under else ""
    return f"{name}, {run.setup.objective.name}{under}"
