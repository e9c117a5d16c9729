"""Runs, servers and a browser for the studio, each made once for a worker."""

import pytest

from support.studio import CHROMIUM, FLAGS, Steered, Tab, serving, trained


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder of runs; each test only reads them."""
    root = tmp_path_factory.mktemp("studio") / "runs"
    trained(root / "faces")
    return root


@pytest.fixture(scope="session")
def server(runs):
    """All runs of the folder, served."""
    with serving("--root", runs) as one:
        yield one


@pytest.fixture(scope="session")
def browser():
    """Debian's chromium, by Playwright."""
    from playwright.sync_api import sync_playwright

    assert CHROMIUM, "There is no chromium: make test installs it; or set CHROMIUM to one."
    with sync_playwright() as playwright:
        one = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield one
        one.close()


@pytest.fixture
def tab(browser):
    """A function that opens tabs; what a page complained of fails its test."""
    opened = []

    def make(**options):
        opened.append(Tab(browser, **options))
        return opened[-1]

    yield make
    for one in opened:
        one.context.close()
    # A server that ends before its page is what some tests are about; what must not be loaded is asked by others.
    assert [said for one in opened for said in one.complaints if "net::ERR_" not in said] == []


@pytest.fixture(scope="session")
def file_of(tmp_path_factory):
    """A function that writes the page of a run as a file, and gives its address."""
    from anabranch.studio.static_page import static_page

    def write(place):
        file = tmp_path_factory.mktemp("page") / "page.html"
        file.write_text(static_page(place), encoding="utf-8")
        return f"file://{file}"

    return write


@pytest.fixture(scope="session")
def page_of_faces(runs, file_of):
    """The page of a run of faces as a file."""
    return file_of(runs / "faces")


@pytest.fixture(scope="session")
def live(tmp_path_factory):
    """A training of faces to play with, paused at its start; and the folder that it lies in."""
    root = tmp_path_factory.mktemp("live") / "runs"
    with serving("faces", "--root", root) as one:
        name = one.url.partition("run=")[2]
        steered = Steered(one, name)
        steered.root = root
        yield steered
