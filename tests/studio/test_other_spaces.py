"""Large spaces and spaces that cannot be listed, people who do not use a mouse, and what a page must not run."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

import anabranch as ab
from anabranch.storage.flow_files import FlowFiles, unpacked
from anabranch.studio.recorder import record
from support.studio import serving, trained

VIEWS = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1440, "height": 900}}


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """A run on a grid of 10,000 states, a run that cannot be listed, and one of molecules, served."""
    root = tmp_path_factory.mktemp("large") / "runs"
    quick = {"objective": "tb", "batch": 16, "callback": lambda row: None}
    ab.train(ab.make("hypergrid", env={"dim": 4, "side": 10}), steps=20, exact=True, out=root / "grid", **quick)
    ab.train("bits-120", steps=5, exact=False, out=root / "bits", **quick)
    molecules = ab.make("molecules", reward={"survey": 32})
    ab.train(molecules, steps=5, exact=False, out=root / "molecules", **quick)
    for name in ("bits", "molecules"):
        record(ab.load(root / name), root / name)
    with serving("--root", root) as server:
        yield root, server


def opened(tab, server, name):
    """The page of a run, and the seconds until its network is there."""
    page = tab()
    page.page.goto(server.base)
    page.until("document.querySelectorAll('#runs [data-run]').length > 0")
    began = time.monotonic()
    page.page.click(f"#runs [data-run='{name}']")
    page.until("document.querySelectorAll('[data-state]').length > 0")
    return page, time.monotonic() - began


@pytest.mark.thorough
def test_ten_thousand_states_show_what_carries_the_flow(tab, large, capsys):
    root, server = large
    page, seconds = opened(tab, server, "grid")
    with capsys.disabled():
        print(f"\na grid of 10,000 states is there after {seconds:.2f} s")
    assert seconds < 10, "a guard; the figure is measured on an idle machine"
    seen = page.tell("document.querySelectorAll('[data-state]').length")
    others = page.tell("document.querySelectorAll('[data-others]').length")
    assert 100 < seen <= 400
    assert others > 10
    run = ab.load(root / "grid")
    assert page.numbers()["totalVariation"] == pytest.approx(run.evaluate(samples=100).total_variation, rel=1e-5)
    assert float(page.text("#detail-body [data-number='flow']")) == pytest.approx(page.numbers()["z"], rel=1e-3)
    level = page.tell("Number([...document.querySelectorAll('[data-others]')].at(-1).dataset.others)")
    page.tell(f"document.querySelector('[data-others=\"{level}\"]').dispatchEvent(new MouseEvent('click'))")
    page.until(f"document.querySelectorAll('[data-state]').length > {seen}")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["bits", "molecules"])
def test_a_space_that_cannot_be_listed_shows_drawn_trajectories(tab, large, name):
    root, server = large
    page, _ = opened(tab, server, name)
    assert "too large to be listed" in page.text("#network-note")
    numbers = page.numbers()
    assert numbers["sampled"].sum() == pytest.approx(1.0)
    assert numbers["visits"][0] == 1.0
    np.testing.assert_allclose(numbers["inflow"][1:], [numbers["z"] * one for one in numbers["visits"][1:]], rtol=1e-6)
    if name == "molecules":
        assert page.tell("document.querySelectorAll('#gallery svg').length") > 20, "molecules draw themselves"
    space = FlowFiles(root / name).space()
    rewards = unpacked(space["log_reward"])
    if name == "bits":
        assert np.isfinite(rewards).all()
    else:
        assert np.isnan(rewards).any(), "what was never evaluated is not asked for"


@pytest.mark.thorough
def test_recording_asks_for_no_new_reward(large):
    root, _ = large
    run = ab.load(root / "molecules")
    assert len(run.evaluations()["object"]) == len({*map(str, run.evaluations()["object"])})
    before = len(run.evaluations()["object"])
    record(run, root / "molecules")
    assert len(ab.load(root / "molecules").evaluations()["object"]) == before


@pytest.mark.thorough
def test_every_state_is_reached_by_the_keyboard_and_has_a_name(tab, page_of_faces):
    page = tab().open(page_of_faces)
    page.page.focus("[data-state='0']")
    reached = {0}
    for _ in range(3):
        page.page.keyboard.press("ArrowRight")
        for key in ("ArrowUp", "ArrowDown"):
            for _ in range(20):
                reached.add(page.tell("Number(document.activeElement.dataset.state)"))
                page.page.keyboard.press(key)
    assert reached == set(range(42))
    page.page.keyboard.press("Enter")
    page.until("studio.get().selected?.state === Number(document.activeElement.dataset.state)")
    names = page.tell("[...document.querySelectorAll('[data-state]')].map((one) => one.getAttribute('aria-label'))")
    assert all("flow" in name and "mismatch" in name for name in names)
    assert len(set(names)) == 42


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(tab, page_of_faces, view, scheme, tmp_path):
    from axe_playwright_python.sync_playwright import Axe

    page = tab(viewport=VIEWS[view], color_scheme=scheme, reduced_motion="reduce", bypass_csp=True).open(page_of_faces)
    page.tell("studio.set({ selected: { state: 30 }, walk: { edges: [0], at: 1 } })")
    page.page.wait_for_timeout(300)
    found = Axe().run(page.page).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []
    assert page.tell("document.documentElement.scrollWidth") <= VIEWS[view]["width"], "nothing sticks out"
    page.page.screenshot(path=tmp_path / f"{view}-{scheme}.png", full_page=True)
    moves = page.tell("getComputedStyle(document.querySelector('.walker')).transitionDuration")
    assert moves in ("0s", "0.001s", "1e-06s")


HOSTILE = '<img src=x onerror="window.bitten = 1"><script>window.bitten = 1</script>'


@pytest.mark.thorough
def test_markup_in_names_texts_and_drawings_is_text(tab, tmp_path, file_of):
    root = tmp_path / "runs"
    place = root / 'a<b onclick="x">'
    trained(place, steps=2)
    space = json.loads((place / "flow" / "space.json").read_text())
    space["texts"] = [HOSTILE] * len(space["texts"])
    evil = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="window.bitten=1">'
        "<script>window.bitten=1</script>"
        '<foreignObject><img src="http://evil.example/x" onerror="window.bitten=1"/></foreignObject>'
        '<circle cx="5" cy="5" r="4" onclick="window.bitten=1" fill="url(http://evil.example/y)"/></svg>'
    )
    space["drawings"] = [evil] * len(space["drawings"])
    (place / "flow" / "space.json").write_text(json.dumps(space))
    config = json.loads((place / "run.json").read_text())
    (place / "run.json").write_text(json.dumps({**config, "task": HOSTILE}))
    with serving("--root", root) as server:
        page, _ = opened(tab, server, place.name.replace('"', '\\"'))
        page.page.click("[data-state='5'] .disc", force=True)
        page.page.click("#gallery .object >> nth=0")
        page.page.wait_for_timeout(300)
        check_harmless(page)
        assert {url.split("/")[2] for url in page.requests if url.startswith("http")} == {f"127.0.0.1:{server.port}"}
        page.page.goto("about:blank")  # so that it does not complain of the server's end
    file = tab().open(file_of(place))
    file.page.click("#gallery .object >> nth=0")
    check_harmless(file)
    for one in (page, file):  # the browser's own words about the handlers that it has not run
        assert all("Content Security Policy" in said for said in one.complaints), one.complaints
        one.complaints.clear()
    assert {url.partition(":")[0] for url in file.requests} <= {"file", "data", "blob"}


def check_harmless(page):
    assert page.tell("window.bitten === undefined")
    assert HOSTILE in page.text("#detail-name")
    strange = "svg script, svg foreignObject, [onload], [onclick], [onerror], main img"
    assert page.tell(f"document.querySelectorAll('{strange}').length") == 0
    assert page.tell("document.querySelectorAll('[data-state] circle[r=\"4\"]').length") == 42, (
        "what is harmless is drawn"
    )
    assert page.tell("document.querySelector('circle[r=\"4\"]').getAttribute('fill')") is None


@pytest.mark.thorough
def test_a_page_says_that_it_is_disconnected_and_goes_on(tab, tmp_path):
    root = tmp_path / "runs"
    trained(root / "faces", steps=20)
    with serving("--root", root) as server:
        port = server.port
        page = tab().open(f"{server.base}/?run=faces")
        page.until("studio.get().connected && studio.get().about.live === false")
        server.close()
        page.until("document.querySelector('#status').textContent.startsWith('Disconnected')", 10)
        assert page.tell("document.querySelectorAll('[data-state]').length") == 42
    with serving("--root", root, "--port", port) as server:
        assert server.port == port
        page.until("studio.get().connected", 15)
    page.complaints.clear()  # the browser's own words about the server that was away


def test_a_browser_without_event_streams_is_told_so(tab, server):
    page = tab()
    page.context.add_init_script("delete window.EventSource")
    page.open(f"{server.base}/?run=faces")
    page.until("document.querySelector('#status').textContent.includes('no event streams')")
    assert page.tell("document.querySelectorAll('[data-state]').length") == 42


def test_a_run_that_is_not_there_is_a_sentence(tab, server):
    page = tab()
    page.page.goto(f"{server.base}/?run=nothing")
    page.until("document.querySelector('#blank-words').textContent.includes('no such run')")
    page.complaints.clear()  # the browser's own words about a 404


@pytest.mark.thorough
def test_a_run_is_followed_while_it_is_trained(tab, tmp_path):
    root = tmp_path / "runs"
    run = trained(root / "faces", steps=50)
    with serving("--root", root) as server:
        page = tab().open(f"{server.base}/?run=faces")
        page.until("studio.get().about.live === false")
        ab.resume(run, steps=120, callback=lambda row: None, exact=True)
        page.until("studio.frame().step === 120 && studio.get().rows.at(-1).step === 120", 20)


def test_no_file_of_the_page_names_another_host():
    page = Path(ab.studio.__path__[0]) / "page"
    for file in [*page.glob("*.js"), page / "index.html", page / "studio.css"]:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, file
        assert "https://" not in text, file
        assert "innerHTML" not in text, file
        assert "eval(" not in text, file
