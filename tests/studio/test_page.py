"""What the page shows of a finished run: the parts of its specification that need no training, on a file."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import anabranch as ab
from anabranch.evaluation.exact_law import law_against
from anabranch.rewards.log_reward import log_rewards
from anabranch.scoring.reading import Reading
from anabranch.storage.flow_files import FlowFiles
from anabranch.training.truth import Truth
from support.studio import trained

MINUS = "\N{MINUS SIGN}"


def plain(text):
    """A number of the page."""
    return float(text.replace(MINUS, "-").replace("+", "").replace(",", ""))


@pytest.fixture(scope="session")
def exact_page(tmp_path_factory, file_of):
    """The page of a policy that is the exact flow, under detailed balance."""
    place = tmp_path_factory.mktemp("exact") / "run"
    run = trained(place, objective="db", steps=1)
    truth = Truth.over(run.setup, exact=True)
    policy = ab.exact_policy(ab.exact_flows(truth.graph, run.setup.log_reward), level=run.setup.level)
    (law,) = truth.laws(run.setup, policy)
    about = {"step": 1, "seconds": 0.0, "loss": 0.0, "total_variation": law.total_variation}
    FlowFiles(place).begin(truth.space(), [truth.frame(run.setup, law, policy, about)])
    return file_of(place)


def test_network_draws_every_state_and_edge_apart(tab, exact_page):
    page = tab().open(exact_page)
    assert page.tell("document.querySelectorAll('[data-state]').length") == 42
    assert page.tell("document.querySelectorAll('path[data-edge]').length") == 96
    assert page.tell("document.querySelectorAll('[data-state] svg').length") == 42, "each state is drawn"
    boxes = page.tell(
        "[...document.querySelectorAll('[data-state] .disc')].map((one) => { const box = one.getBoundingClientRect();"
        " return [box.x, box.y, box.width, box.height]; })"
    )
    for at, (x, y, wide, tall) in enumerate(boxes):
        for other, (x2, y2, _, _) in enumerate(boxes[:at]):
            assert abs(x - x2) >= wide or abs(y - y2) >= tall, (at, other)


def test_widths_are_proportional_to_the_exact_flow(tab, exact_page):
    page = tab().open(exact_page)
    widths = page.tell(
        "[...document.querySelectorAll('path[data-edge]')].map((one) => "
        "[Number(one.dataset.edge), Number(one.getAttribute('stroke-width'))])"
    )
    task = ab.make("faces")
    graph = ab.state_graph(task.env)
    flow = np.exp(ab.exact_flows(graph, task.log_reward).log_edge)
    measured = np.zeros(graph.num_edges)
    for edge, width in widths:
        measured[edge] = width
    carries = flow > 0
    ratios = measured[carries] / flow[carries]
    assert np.ptp(ratios) / ratios.mean() < 0.01
    assert measured[~carries].max() < 1e-3 * measured.max()
    signs = page.tell("[...document.querySelectorAll('[data-state] .sign')].map((one) => one.textContent).join('')")
    assert signs == "", "nothing flows too much or too little"


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("seed, objective, backward", [(0, "tb", "uniform"), (1, "db", "learned"), (2, "fm", None)])
def test_numbers_equal_those_of_the_library(tab, tmp_path, file_of, seed, objective, backward):
    run = trained(tmp_path / "run", seed=seed, objective=objective, backward=backward, steps=60)
    page = tab().open(file_of(tmp_path / "run"))
    numbers = page.numbers()
    setup = run.setup
    graph = ab.state_graph(setup.env)
    log_reward = log_rewards(graph, setup.log_reward)
    reading = Reading(setup.env, setup.backward, setup.objective.outflow)
    law = law_against(graph, run.policy, log_reward, reading=reading)
    evaluated = run.evaluate()
    assert numbers["totalVariation"] == pytest.approx(evaluated.total_variation, abs=1e-12)
    assert numbers["kl"] == pytest.approx(evaluated.kl, rel=1e-9)
    assert numbers["logZTrue"] == pytest.approx(evaluated.log_z_exact, rel=1e-12)
    assert numbers["logZ"] == pytest.approx(evaluated.log_z, rel=1e-6)
    np.testing.assert_allclose(numbers["sampled"], law.model, rtol=1e-9)
    np.testing.assert_allclose(numbers["target"], law.target, atol=1e-12)
    z = np.exp(numbers["logZ"])
    state = np.exp(law.law.log_flow) if objective != "tb" else z * numbers["visits"]
    state[0] = z
    np.testing.assert_allclose(numbers["stateFlow"], state, rtol=1e-6)
    np.testing.assert_allclose(numbers["edgeFlow"], state[graph.source] * np.exp(law.law.log_pf), rtol=1e-6)
    shown = page.text("#distances")
    assert f"Total variation {evaluated.total_variation:.4f}" in shown
    if objective == "db":
        given = page.tell("Array.from(studio.frame().logPb)")
        np.testing.assert_allclose(given, law.law.log_pb, rtol=1e-9)


def test_hover_shows_the_numbers_of_that_state(tab, page_of_faces):
    page = tab().open(page_of_faces)
    numbers = page.numbers()
    for state in (0, 5, 20, 30):
        page.page.hover(f"[data-state='{state}'] .disc", force=True)
        page.until(f"document.querySelector('#detail-name').textContent === studio.get().space.texts[{state}]")
        shown = {key: page.text(f"#detail-body [data-number='{key}']") for key in ("flow", "visits", "mismatch")}
        assert plain(shown["flow"]) == pytest.approx(numbers["stateFlow"][state], rel=5e-4)
        assert plain(shown["visits"]) == pytest.approx(numbers["visits"][state], rel=5e-4)
    page.tell("studio.set({ hovered: { edge: 3 } })")
    page.until("document.querySelector('#detail-body [data-number=pf]')")
    assert plain(page.text("#detail-body [data-number='pf']")) == pytest.approx(
        page.tell("Math.exp(studio.frame().logPf[3])"), rel=5e-4
    )


def test_click_shows_the_balance_and_lights_what_is_before_and_behind(tab, page_of_faces):
    page = tab().open(page_of_faces)
    numbers = page.numbers()
    objects = np.nonzero(np.array(page.tell("Array.from(studio.get().space.canStop)")))[0]
    for state in (3, 12, int(objects[0])):
        page.page.click(f"[data-state='{state}'] .disc", force=True)
        page.until(f"studio.get().selected?.state === {state}")
        page.tell("studio.set({ hovered: null })")
        page.until(f"document.querySelector('[data-state=\"{state}\"]').getAttribute('aria-pressed') === 'true'")
        text = page.text("#detail-body [data-number='mismatch']")
        inflow, outflow, reward, mismatch = map(plain, re.split(rf" {MINUS} | = ", text))
        assert mismatch == pytest.approx(numbers["mismatch"][state], rel=1e-3, abs=1e-9)
        assert inflow - outflow - reward == pytest.approx(mismatch, abs=2e-3)
        lit = page.tell("[...document.querySelectorAll('.node.lit')].map((one) => Number(one.dataset.state))")
        graph = ab.state_graph(ab.make("faces").env)
        assert set(lit) == _related(graph, state)


def _related(graph, state):
    """A state, all that lead to it, and all that it leads to."""
    found = set()
    for ends, starts in ((graph.source, graph.target), (graph.target, graph.source)):
        waiting = [state]
        while waiting:
            one = waiting.pop()
            found.add(one)
            waiting += ends[starts == one].tolist()
    return found


def test_walk_adds_up_and_the_arrow_keys_go_along_it(tab, page_of_faces):
    page = tab().open(page_of_faces)
    page.tell("studio.set({ selected: { state: Number(studio.get().space.objects[6]) } })")
    page.page.click("#walk-selected")
    page.until("document.querySelector('#walk-table')")
    edges = page.tell("studio.get().walk.edges")
    product = page.tell(
        "(edges) => edges.reduce((sum, edge) => sum + studio.frame().logPf[edge], studio.numbers().logZ)", edges
    )
    left, right = (plain(page.text(f"#walk-table [data-number='{side}']")) for side in ("left", "right"))
    residual = plain(page.text("#trajectory [data-number='residual']"))
    assert left == pytest.approx(product, abs=1e-4)
    assert residual == pytest.approx(left - right, abs=2e-4)
    page.page.focus("#walk")
    for at in (2, 1, 0):
        page.page.keyboard.press("ArrowLeft")
        page.until(f"studio.get().walk.at === {at}")
    page.page.keyboard.press("ArrowRight")
    page.until("document.querySelectorAll('.stream.lit').length === 1")


def test_histogram_sums_to_one(tab, page_of_faces):
    page = tab().open(page_of_faces)
    for kind in ("sampled", "model", "target"):
        bars = f"[...document.querySelectorAll('#histogram-picture [data-bar={kind}]')]"
        shares = page.tell(f"{bars}.map((one) => Number(one.dataset.share))")
        assert len(shares) == 20
        assert sum(shares) == pytest.approx(1.0, abs=1e-6)


def test_curves_end_where_the_log_ends(tab, page_of_faces, runs):
    page = tab().open(page_of_faces)
    last = json.loads((runs / "faces" / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"{last['total_variation']:.4f}" in page.text("[data-curve='total_variation']")
    assert f"{last['log_z']:.4f}" in page.text("[data-curve='log_z']")
    assert page.tell("document.querySelectorAll('.chart canvas').length") == 3


def test_a_chosen_face_lights_six_ways(tab, page_of_faces):
    page = tab().open(page_of_faces)
    assert page.tell("document.querySelectorAll('#gallery .object:not([hidden])').length") == 64
    page.page.click("#gallery .object >> nth=0")
    page.until("document.querySelector('#gallery').dataset.litWays === '6'")
    assert page.tell("document.querySelectorAll('.stream.lit').length") == 12, "3 + 6 + 3 edges of a cube"
    assert page.tell("document.querySelectorAll('.node.lit').length") == 8


def test_scrubber_replays_from_disk_without_a_network(tab, page_of_faces):
    page = tab(offline=True).open(page_of_faces)
    last = page.tell("studio.frame().step")
    page.page.focus("#scrubber")
    page.page.keyboard.press("Home")
    page.until("studio.get().at === 0")
    early = page.numbers()["totalVariation"]
    assert page.tell("studio.frame().step") == 1
    page.page.keyboard.press("End")
    page.until(f"studio.frame().step === {last}")
    assert page.numbers()["totalVariation"] < early / 2
    box = page.page.locator("#scrubber").bounding_box()
    page.page.mouse.move(box["x"] + box["width"] - 8, box["y"] + box["height"] / 2)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    page.page.mouse.up()
    page.until("studio.get().at > 0 && studio.get().at < studio.get().frames.length - 1")
    assert {url.partition(":")[0] for url in page.requests} <= {"file", "data", "blob"}


def test_address_makes_the_round_trip(tab, page_of_faces):
    page = tab().open(page_of_faces)
    page.tell("studio.set({ at: 3, selected: { state: 9 }, lesson: 2 })")
    page.until("location.search.includes('state=9')")
    address, step = page.tell("location.href"), page.tell("studio.frame().step")
    again = tab().open(address)
    again.until("studio.get().selected?.state === 9")
    assert again.tell("[studio.frame().step, studio.get().lesson]") == [step, 2]
    assert again.tell("location.href") == address


@pytest.mark.thorough
@pytest.mark.parametrize("kind, head", [("svg", b"<svg"), ("png", b"\x89PNG"), ("json", b"{")])
def test_pictures_and_numbers_can_be_taken_along(tab, page_of_faces, tmp_path, kind, head):
    page = tab().open(page_of_faces)
    with page.page.expect_download() as waiting:
        page.page.click(f"#export-{kind}")
    file = tmp_path / "taken"
    waiting.value.save_as(file)
    content = file.read_bytes()
    assert content.startswith(head)
    if kind == "json":
        assert len(json.loads(content)["edgeFlow"]) == 96


def test_the_file_is_small_and_asks_for_nothing(page_of_faces):
    page = Path(page_of_faces.removeprefix("file://")).read_text(encoding="utf-8")
    assert len(page.encode()) < 1_500_000
    assert not re.search(r'(?:src|href)="(?!data:)', page.replace('xmlns="http', "")), "nothing to be loaded"
