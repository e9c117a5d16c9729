"""What the server promises: who may ask, what is found, and that nothing grows without bound."""

import http.client
import json
import os
import resource
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from anabranch.studio.log_files import Tail, last_rows, lines_of, rows_of
from support.studio import serving, trained, waited

PARTS = ("about", "space", "frames", "rows", "events")
GET = ["/", "/page/main.js", "/api/runs", *(f"/api/run/faces/{part}" for part in PARTS)]
POST = ["/api/start", "/api/run/faces/control"]
JSON = {"Content-Type": "application/json"}


def test_routes_are_those_that_are_tested():
    from anabranch.studio.running import Studio
    from anabranch.studio.server import application

    app = application(Studio(Path()))
    routes = {route.path.replace("{name:path}", "faces").replace("{file:path}", "main.js") for route in app.routes}
    assert routes == {*GET, *POST}


def test_the_server_needs_no_jax():
    code = "import sys, anabranch.studio.server, anabranch.studio.serve; assert 'jax' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def asked(server, method, path, headers=None, body=None):
    """A request with just these headers; status, headers and the start of the body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": f"127.0.0.1:{server.port}", **(headers or {})}.items():
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read(200) if answer.status != 200 else b""
    connection.close()
    return found


@pytest.mark.parametrize("path", [*GET, *POST])
def test_host_and_origin_are_checked_on_every_route(server, path):
    method = "POST" if path in POST else "GET"
    foreign = [
        {"Host": "evil.example"},
        {"Host": f"evil.example:{server.port}"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"https://127.0.0.1:{server.port}"},
    ]
    for headers in foreign:
        for one in (method, "HEAD" if method == "GET" else "PUT", "OPTIONS"):
            status, _, body = asked(server, one, path, {**JSON, **headers})
            assert status == 403, (one, headers)
            assert one == "HEAD" or b"error" in body
    if method == "POST":
        assert asked(server, method, path, {**JSON, "Sec-Fetch-Site": "cross-site"}, b"{}")[0] == 403
        assert asked(server, method, path, {"Content-Type": "text/plain"}, b"{}")[0] == 415
        assert asked(server, method, path, JSON, b"[")[0] == 400
        assert asked(server, method, path, JSON, b"[1]")[0] == 400
        assert asked(server, method, path, JSON, b" " * 70_000)[0] == 413


@pytest.mark.parametrize("path", GET)
def test_our_own_requests_are_answered_under_a_strict_policy(server, path):
    ours = f"localhost:{server.port}"
    status, headers, _ = asked(server, "GET", path, {"Origin": f"http://{ours}", "Host": ours})
    headers = {name.lower(): value for name, value in headers.items()}
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers


def test_another_upgrade_is_refused(server):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"}
    assert asked(server, "GET", "/api/run/faces/events", {**headers, "Origin": "http://evil.example"})[0] == 403


def test_control_of_a_run_that_is_not_steered_is_refused_in_words(server):
    answer = httpx.post(f"{server.base}/api/run/faces/control", json={"kind": "play", "value": None})
    assert answer.status_code == 409
    assert "anabranch studio faces" in answer.json()["error"]
    answer = httpx.post(f"{server.base}/api/start", json={"task": "facse"})
    assert answer.status_code == 400
    assert "faces" in answer.json()["error"]


ODD = [
    *("..", "../faces", "%2e%2e/faces", "..%2ffaces", "%2fetc%2fpasswd", "faces/../../x", "faces%00", "x" * 2000),
    *("link", "inner", "<img src=x onerror=alert(1)>", "faces/flow", ".", "//faces"),
]


@pytest.mark.thorough
def test_paths_that_lead_out_are_not_found(tmp_path):
    root, outside = tmp_path / "runs", tmp_path / "outside"
    trained(outside, steps=2)
    root.mkdir()
    (root / "link").symlink_to(outside)
    trained(root / "inner", steps=2)
    (root / "inner" / "metrics.jsonl").unlink()
    (root / "inner" / "metrics.jsonl").symlink_to(outside / "metrics.jsonl")
    odd = root / 'od"d <b>né 名'
    trained(odd, steps=2)
    with serving("--root", root) as server:
        for name in ODD:
            for part in PARTS:
                status, _, body = asked(server, "GET", f"/api/run/{name.replace(' ', '%20')}/{part}")
                assert status == 404, (name, part, body)
        for file in ("../server.py", "..%2fserver.py", "vendor/../../server.py", "nothing.js", ""):
            assert asked(server, "GET", f"/page/{file}")[0] == 404
        assert httpx.get(f"{server.base}/api/run/{httpx.URL(odd.name)}/about").json()["name"] == odd.name
        listed = {one["name"]: one for one in httpx.get(f"{server.base}/api/runs").json()["runs"]}
        assert set(listed) == {"inner", odd.name}, "links are not followed"
        assert "leads out" in listed["inner"]["error"]


def test_damaged_and_older_runs(tmp_path):
    root = tmp_path / "runs"
    trained(root / "old", steps=2)
    config = json.loads((root / "old" / "run.json").read_text())
    (root / "old" / "run.json").write_text(json.dumps({**config, "format": 1}))
    for name, text in (("torn", '{"format": 2,'), ("newer", json.dumps({**config, "format": 99}))):
        (root / name).mkdir()
        (root / name / "run.json").write_text(text)
    trained(root / "strange", steps=2)
    space = root / "strange" / "flow" / "space.json"
    space.write_text(space.read_text().replace('"schema": 1', '"schema": 7', 1))
    with serving("--root", root) as server:
        listed = {one["name"]: one for one in httpx.get(f"{server.base}/api/runs").json()["runs"]}
        assert "error" not in listed["old"]
        assert "not JSON" in listed["torn"]["error"]
        assert "99" in listed["newer"]["error"]
        for name, words in (("torn", "not JSON"), ("newer", "99")):
            answer = httpx.get(f"{server.base}/api/run/{name}/about")
            assert answer.status_code == 422
            assert words in answer.json()["error"]
        answer = httpx.get(f"{server.base}/api/run/strange/space")
        assert answer.status_code == 422
        assert "schema 7" in answer.json()["error"]


def test_another_host_needs_the_token_that_is_printed_once(runs):
    with serving("--root", runs, "--host", "0.0.0.0") as server:
        token = server.url.partition("token=")[2]
        assert len(token) > 20
        host = {"Host": f"0.0.0.0:{server.port}"}
        for path in GET:
            assert asked(server, "GET", path, host)[0] == 403
            assert asked(server, "GET", f"{path}?token=wrong", host)[0] == 403
        status, headers, _ = asked(server, "GET", f"/?token={token}", host)
        cookie = headers["set-cookie"]
        assert status == 200
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        for path in GET:
            assert asked(server, "GET", path, {**host, "Cookie": cookie.partition(";")[0]})[0] == 200


def test_by_itself_it_listens_to_this_machine_alone(server):
    with socket.socket() as one:
        one.settimeout(2)
        address = next((found[4][0] for found in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)), "")
        if address.startswith("127.") or not address:
            pytest.skip("this machine has no other address")
        with pytest.raises(OSError):  # noqa: PT011 - refused, in the words of any system
            one.connect((address, server.port))


def test_a_taken_port_is_passed_over(runs):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serving("--root", runs, "--port", port) as server:
            assert port < server.port <= port + 20
            assert f"port {port} is taken" in server.said


def memory_of(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def listening(server, name, *, reads=True):
    one = socket.create_connection(("127.0.0.1", server.port))
    one.sendall(f"GET /api/run/{name}/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
    if reads:
        assert b"200 OK" in one.recv(4096)
    return one


@pytest.mark.thorough
def test_fifty_listeners_one_that_never_reads_and_one_too_many(tmp_path, capsys):
    root = tmp_path / "runs"
    trained(root / "faces", steps=2)
    now = root / "faces" / "flow" / "now.json"
    frame = (root / "faces" / "flow" / "frames.jsonl").read_text().splitlines()[0]
    with serving("--root", root) as server:
        before = memory_of(server)
        deaf = listening(server, "faces", reads=False)
        others = [listening(server, "faces") for _ in range(63)]
        assert b"503" in listening_refused(server)
        text = json.dumps({**json.loads(frame), "padding": "x" * 200_000})
        for step in range(60):
            draft = now.with_name(".draft")
            draft.write_text(text.replace('"step": 1', f'"step": {step}', 1))
            draft.replace(now)
            for one in others:
                one.setblocking(False)
                while True:
                    try:
                        if not one.recv(1 << 20):
                            break
                    except BlockingIOError:
                        break
            time.sleep(0.03)
        grown = memory_of(server) - before
        with capsys.disabled():
            print(f"\n64 listeners, one of which never reads, 60 frames of 200 kB: {grown:.0f} MB more")
        assert grown < 200
        assert httpx.get(f"{server.base}/api/runs", timeout=10).status_code == 200
        for one in (deaf, *others):
            one.close()
        waited(lambda: asked(server, "GET", "/api/run/faces/events")[0] == 200)


def listening_refused(server):
    with socket.create_connection(("127.0.0.1", server.port)) as one:
        one.sendall(f"GET /api/run/faces/events HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
        return one.recv(4096)


def test_a_log_of_a_million_lines_is_read_in_part(tmp_path):
    log = tmp_path / "metrics.jsonl"
    with log.open("w") as file:
        for start in range(0, 1_000_000, 1000):
            steps = range(start, start + 1000)
            file.write("".join(f'{{"step": {step}, "loss": 0.5, "log_z": 1.0}}\n' for step in steps))
        file.write('{"step": 1000000, "lo')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = rows_of(log, 1000)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    steps = [row["step"] for row in rows]
    assert steps[0] == 0
    assert steps[-1] == 999_999
    assert len(steps) <= 1001
    assert steps == sorted(steps)
    assert grown < 60_000, "kB: the log has 44 MB"
    assert [row["step"] for row in last_rows(log, 3)] == [999_997, 999_998, 999_999]
    assert len(lines_of(log, 400)) == 399, "evenly spaced; the torn last line is left out"


def test_a_tail_gives_whole_lines_once_and_sees_a_log_written_anew(tmp_path):
    log = tmp_path / "log"
    log.write_bytes(b'{"a": 1}\n')
    tail = Tail(log)
    assert tail.new(10) == []
    with log.open("ab") as file:
        file.write(b'{"a": 2}\n{"a"')
    assert tail.new(10) == [b'{"a": 2}']
    with log.open("ab") as file:
        file.write(b": 3}\n")
    assert tail.new(10) == [b'{"a": 3}']
    fresh = tmp_path / "fresh"
    fresh.write_bytes(b'{"a": 9}\n')
    os.replace(fresh, log)
    assert tail.new(10) == [b'{"a": 9}']
    assert Tail(tmp_path / "nothing").new(10) == []
