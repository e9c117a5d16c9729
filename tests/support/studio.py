"""Servers, tabs of a browser and steered trainings, for the tests of the studio."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np

import anabranch as ab
from anabranch.studio.launch import MARK

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-sync"
STEPS = 300


def trained(place, seed=0, **settings):
    """A run of faces, with its recorded frames."""
    settings = {"objective": "tb", "steps": STEPS, **settings}
    return ab.train("faces", seed=seed, out=place, exact=True, callback=lambda row: None, **settings)


class Server:
    """`anabranch studio` in a process of its own."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "anabranch.cli", "studio", *map(str, arguments), "--no-browser"]
        if "--port" not in command:
            command += ["--port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = ""
        while MARK not in self.said:
            line = self.process.stdout.readline()
            assert line, f"the server ended: {self.said}"
            self.said += line
        self.url = self.said.partition(MARK)[2].split()[0]
        self.base = "/".join(self.url.split("/")[:3])
        self.port = int(self.base.rpartition(":")[2])

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


@contextlib.contextmanager
def serving(*arguments):
    server = Server(*arguments)
    try:
        yield server
    finally:
        server.close()


class Tab:
    """A page of the studio, with all that it asked for and complained of."""

    def __init__(self, browser, **options):
        self.context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.context.on("request", lambda request: self.requests.append(request.url))

    def open(self, address):
        self.page.goto(address)
        self.until("document.querySelectorAll('[data-state]').length > 0")
        return self

    def tell(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def until(self, script, seconds=30):
        """Wait until it is true of the page's state, and then until that is drawn, which is in the next picture."""
        # Not wait_for_function, whose later looks are an eval in the page, which its content policy forbids.
        end = time.monotonic() + seconds
        while not self.tell(f"Boolean({script})"):
            assert time.monotonic() < end, f"not within {seconds} s: {script}"
            self.page.wait_for_timeout(20)
        self.tell("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def text(self, selector):
        return self.page.text_content(selector)

    def numbers(self):
        """Every number that the page has derived of the frame that it shows."""
        plain = "([key, value]) => [key, ArrayBuffer.isView(value) ? Array.from(value) : value]"
        script = f"Object.fromEntries(Object.entries(studio.numbers()).map({plain}))"
        return {key: np.array(value) if isinstance(value, list) else value for key, value in self.tell(script).items()}


class Steered:
    """A training that a server steers."""

    def __init__(self, server, name):
        self.server, self.name = server, name

    @property
    def url(self):
        return f"{self.server.base}/?run={self.name}"

    def controls(self, root):
        lines = (root / self.name / "controls.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


def waited(condition, seconds=30.0, every=0.02):
    """The first true value of a function. Fails where there is none in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):  # what is not written yet
            value = condition()
            if value:
                return value
        time.sleep(every)
    raise AssertionError("it did not come about in time")
