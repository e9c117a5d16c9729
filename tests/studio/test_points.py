"""A continuous space in the studio: what is recorded of it, and what its page shows."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.continuous.line import Line
from anabranch.continuous.places import Timed
from anabranch.evaluation.recorded_points import DRAWN, MAP_CELLS, MOST_PLACES, PATHS, RecordedPoints
from anabranch.ground.errors import ConfigError
from anabranch.ground.streams import Stream, key_of
from anabranch.objectives.named import objective_named
from anabranch.storage.flow_files import FlowFiles, unpacked
from anabranch.studio.recorder import record
from anabranch.studio.session import Space
from anabranch.trajectories import Trajectories
from support.points import SPACES, trained_points
from support.studio import serving

pytestmark = pytest.mark.thorough

VIEWS = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1440, "height": 900}}


@pytest.fixture(scope="session")
def points(tmp_path_factory):
    """Runs in a box and on a line, recorded while they were trained; each with a first frame, far from the last."""
    root = tmp_path_factory.mktemp("points") / "runs"
    return root, {name: trained_points(name, root / name, steps=150) for name in SPACES}


def opened(tab, address, **options):
    page = tab(**options)
    page.page.goto(address)
    page.until("document.querySelector('#points-picture')?.dataset.step")
    return page


def test_a_training_records_its_target_samples_and_trajectories(points):
    root, runs = points
    files = FlowFiles(root / "box")
    space, frames = files.space(), files.frames()
    assert (space["kind"], space["coordinates"], space["kinds"]) == ("points", ["x1", "x2"], [""])
    assert space["ranges"] == [[0.0, 1.0], [0.0, 1.0]]
    target = unpacked(space["target"]).reshape(MAP_CELLS, MAP_CELLS)
    assert target.mean() == pytest.approx(1.0, rel=1e-5)
    assert target[50, 50] / target[5, 50] == pytest.approx(1.05 / 0.05, rel=1e-3)
    assert frames[0]["step"] == 1
    assert frames[-1]["step"] == 150
    assert frames[-1]["log_z"] == pytest.approx(runs["box"].history[-1]["log_z"])
    for frame in frames:
        places = unpacked(frame["places"]).reshape(DRAWN, 2)
        lengths = frame["path_lengths"]
        paths = unpacked(frame["paths"]).reshape(-1, 2)
        assert len(lengths) == PATHS
        assert len(paths) == sum(lengths)
        ends = np.cumsum(lengths) - 1
        np.testing.assert_array_equal(paths[ends], places[:PATHS])
        assert not paths[ends - lengths + 1].any(), "each begins at the source"


def test_a_frame_is_of_the_policy_of_its_step(points):
    root, runs = points
    run = runs["line"]
    recorded = RecordedPoints.of(run.setup.env, key_of(0, Stream.PASSED_THROUGH))
    last = FlowFiles(root / "line").frames()[-1]
    fresh = recorded.draw(run.policy).objects.place.ravel()
    np.testing.assert_allclose(unpacked(last["places"]), fresh, rtol=1e-5, atol=1e-5)
    assert RecordedPoints.of(ab.make("faces").env, key_of(0, Stream.PASSED_THROUGH)) is None


def test_a_run_without_a_record_gets_one_when_it_is_opened(points, tmp_path):
    _, runs = points
    runs["line"].save(tmp_path / "run")
    record(runs["line"], tmp_path / "run")
    files = FlowFiles(tmp_path / "run")
    (frame,) = files.frames()
    assert frame["step"] == 150
    space = files.space()
    assert space["coordinates"] == ["x"]
    density = unpacked(space["target"])
    low, high = space["ranges"][0]
    assert density.sum() * (high - low) / density.size == pytest.approx(1.0, rel=1e-4)
    assert low < -2.5
    assert high > 3.0


def test_long_trajectories_are_recorded_by_some_of_their_places():
    rows, env = 101, Line(steps=100)
    place = np.arange(rows, dtype=np.float32)[:, None, None] + np.zeros((1, DRAWN, 1), np.float32)
    time = np.broadcast_to(np.arange(rows)[:, None], (rows, DRAWN))
    length = np.where(np.arange(DRAWN) == 1, 5, rows)
    drawn = Trajectories(Timed(place, time), jnp.zeros((rows, DRAWN), int), jnp.asarray(length))
    points = RecordedPoints(env, key_of(0, Stream.PASSED_THROUGH))
    frame = points.frame(drawn, objective_named("tb"), log_z=None, about={})
    assert frame["path_lengths"] == [MOST_PLACES, 5, *[MOST_PLACES] * (PATHS - 2)]
    paths = unpacked(frame["paths"])
    np.testing.assert_array_equal(paths[MOST_PLACES : MOST_PLACES + 5], np.arange(5.0))
    assert (paths[0], paths[MOST_PLACES - 1], paths[-1]) == (0.0, 100.0, 100.0)
    assert np.diff(paths[:MOST_PLACES]).min() >= 3.0
    assert np.diff(paths[:MOST_PLACES]).max() <= 4.0


def test_steering_a_continuous_space_is_refused_in_a_sentence():
    env, log_reward = SPACES["line"]
    with pytest.raises(ConfigError, match=r"hills is continuous, and the studio steers the rewards of single objects"):
        Space.of(ab.Task(name="hills", env=env, log_reward=log_reward))


INK = """() => {
  const canvas = document.querySelector('#points-picture');
  const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
  const pen = copy.getContext('2d', { willReadFrequently: true });
  pen.drawImage(canvas, 0, 0);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const style = getComputedStyle(document.documentElement).getPropertyValue('--flow').trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(style.slice(at, at + 2), 16));
  const found = [];
  for (let at = 0; at < data.length; at += 4)
    if (Math.abs(data[at] - r) + Math.abs(data[at + 1] - g) + Math.abs(data[at + 2] - b) < 12) found.push(at / 4);
  return { wide: canvas.width, found };
}"""
"""The pixels of the canvas that have the colour of samples."""


def dotted(page, frame):
    """The share of the samples of a frame at whose place the canvas has their colour."""
    ink = page.tell(INK)
    left, top, width, height = map(float, page.page.get_attribute("#points-picture", "data-room").split())
    across = np.floor(left + width * frame[:, 0]).astype(int)
    down = np.floor(top + height * (1 - frame[:, 1])).astype(int)
    inked = set(ink["found"])
    return np.mean([y * ink["wide"] + x in inked for x, y in zip(across, down, strict=True)])


def test_the_canvas_shows_the_samples_and_scrubbing_moves_them(tab, points, file_of):
    root, _ = points
    page = opened(tab, file_of(root / "box"))
    page.page.uncheck("#points-paths")
    frames = [unpacked(frame["places"]).reshape(-1, 2) for frame in FlowFiles(root / "box").frames()]
    last, first = frames[-1], frames[0]
    # Dots that another one covers in part have the colour of its rim; of places of another frame few are inked.
    shown = dotted(page, last)
    assert shown > 0.8
    assert dotted(page, first) < shown - 0.3
    assert "512 samples of step 150" in page.text("#points-note")
    page.tell("{ const s = document.querySelector('#scrubber'); s.value = 0; s.dispatchEvent(new Event('input')); }")
    page.until("document.querySelector('#points-picture').dataset.step === '1'")
    assert dotted(page, first) > 0.8
    assert dotted(page, last) < dotted(page, first) - 0.3
    assert "512 samples of step 1 " in page.text("#points-note")


def test_trajectories_are_lines_that_can_be_left_out(tab, points, file_of):
    root, _ = points
    page = opened(tab, file_of(root / "line"))
    tall = page.tell("document.querySelector('#points-picture').height")
    page.page.uncheck("#points-paths")
    page.until("true")
    assert page.tell("document.querySelector('#points-picture').height") < tall - 100
    page.page.check("#points-paths")
    page.until(f"document.querySelector('#points-picture').height === {tall}")


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_continuous_space_is_whole(tab, points, file_of, view, scheme):
    from axe_playwright_python.sync_playwright import Axe

    root, _ = points
    options = {"viewport": VIEWS[view], "color_scheme": scheme, "bypass_csp": True}
    page = opened(tab, file_of(root / "box"), **options)
    found = Axe().run(page.page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.tell("document.documentElement.scrollWidth") <= VIEWS[view]["width"]
    for part in ("network", "trajectory", "objects", "detail", "law"):
        assert page.page.is_hidden(f"#{part}"), "there are no states to be shown"
    assert "trajectory balance" in page.text("#objective-words")
    assert page.tell("document.querySelectorAll('.chart canvas').length") == 2, "loss and log Z"


def test_a_run_is_opened_from_the_list_and_taken_along(tab, points):
    root, _ = points
    with serving("--root", root) as server:
        page = opened(tab, f"{server.base}/?run=line")
        assert page.tell("studio.get().space.logZTrue") is None
        with page.page.expect_download() as download:
            page.page.click("#export-json")
        taken = json.loads(download.value.path().read_text())
        assert np.shape(taken["places"]) == (DRAWN, 1)
        with page.page.expect_download() as download:
            page.page.click("#export-png")
        assert download.value.path().read_bytes()[:4] == b"\x89PNG"
        page.page.goto("about:blank")
