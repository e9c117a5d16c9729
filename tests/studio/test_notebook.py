"""The studio from a notebook: `ab.studio(run)`."""

import socket
import subprocess
import sys

import httpx
import pytest

import anabranch as ab
from support.studio import waited


@pytest.fixture(scope="module")
def run():
    return ab.train("faces", objective="tb", steps=3, callback=lambda row: None)


@pytest.mark.thorough
def test_a_run_opens_beside_the_notebook_and_stops(run, tmp_path):
    run.save(tmp_path / "kept")
    with socket.create_server(("127.0.0.1", 0)) as taken:  # the next port is found
        port = taken.getsockname()[1]
        for given in (run, ab.load(tmp_path / "kept"), tmp_path / "kept", str(tmp_path / "kept")):
            opened = ab.studio(given, port=port)
            base, _, query = opened.url.partition("/?")
            assert base.startswith("http://127.0.0.1:")
            assert not base.endswith(f":{port}")
            name = query.removeprefix("run=")
            assert httpx.get(f"{base}/api/run/{name}/about").json()["config"]["task"] == "faces"
            assert opened.url in repr(opened)
            assert f'href="{opened.url}"' in opened._repr_html_()
            opened.stop()
            opened.stop()
            assert opened.process.poll() is not None
            with pytest.raises(httpx.TransportError):
                httpx.get(base)


def test_what_is_no_run_is_refused_before_anything_is_started(tmp_path):
    with pytest.raises(ab.RunError, match="is not a directory"):
        ab.studio(tmp_path / "nothing")
    with pytest.raises(ab.RunError, match=r"it has no run\.json"):
        ab.studio(tmp_path)


def test_a_server_that_does_not_start_says_why(run):
    with pytest.raises(ab.RunError, match=r"The studio did not start: .*--port is a number from 0 to 65535"):
        ab.studio(run, port=70_000)


@pytest.mark.thorough
def test_the_server_ends_with_the_process_that_opened_it(tmp_path, run):
    run.save(tmp_path / "kept")
    program = (
        f"import anabranch as ab; page = ab.studio({str(tmp_path / 'kept')!r}, port=0); print(page.url, flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    base = done.stdout.strip().partition("/?")[0]

    def gone():
        try:
            httpx.get(base)
        except httpx.TransportError:
            return True
        return False

    waited(gone)
