"""What the server answers at each of its addresses: files of runs out, what the page asks for in."""

import asyncio
import contextlib
import json
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from anabranch.ground.errors import Error, RunError
from anabranch.storage.directory import RunDirectory
from anabranch.storage.files import read_json
from anabranch.storage.flow_files import FRAMES, SCHEMA, SPACE
from anabranch.studio.events import happenings
from anabranch.studio.log_files import lines_of, plain, rows_of
from anabranch.studio.running import Studio
from anabranch.studio.runs_on_disk import flow_of

PAGE = Path(__file__).parent / "page"
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
MOST_FRAMES, MOST_ROWS, MOST_LISTENERS, MOST_BODY = 400, 1_000, 64, 1 << 16
PATIENCE = 30.0
"""Seconds that a listener may take for one event, after which it is left."""
WAITING = (
    "The run has no recorded flow yet: its states are being listed, or trajectories drawn. This takes some seconds."
)
OfARun = Callable[[Studio, Request, Path], Awaitable[Response]]
"""An answer about the run of an address."""


def answered(value: Any) -> Response:
    """JSON as browsers read it: what is no number there is null."""
    return Response(json.dumps(plain(value)), media_type="application/json", headers={"cache-control": "no-store"})


def refused(status: int, sentence: str) -> Response:
    """An error, as JSON with a sentence."""
    return JSONResponse({"error": sentence}, status_code=status)


async def of_run(studio: Studio, answer: OfARun, request: Request) -> Response:
    """An answer about the run that the address names, or why there is none."""
    place = studio.runs.path(request.path_params["name"])
    if place is None:
        return refused(404, "There is no such run.")
    try:
        return await answer(studio, request, place)
    except Error as error:
        return refused(422, str(error))


async def runs(studio: Studio, request: Request) -> Response:
    """All runs, with what a list shows of them."""
    facts = await asyncio.to_thread(lambda: [studio.runs.facts(name) for name in studio.runs.names()])
    return answered({"schema": SCHEMA, "runs": facts})


async def about(studio: Studio, request: Request, place: Path) -> Response:
    """The configuration of a run, and who trains it."""
    config = RunDirectory.open(place).read_config()
    known = {"schema": SCHEMA, "name": request.path_params["name"], "config": config}
    return answered({**known, **studio.state(place), "steerable": bool(config.get("steered"))})


async def rows(studio: Studio, request: Request, place: Path) -> Response:
    """The rows of the metrics, thinned."""
    found = await asyncio.to_thread(rows_of, place / "metrics.jsonl", MOST_ROWS)
    return answered({"rows": found})


async def frames(studio: Studio, request: Request, place: Path) -> Response:
    """The recorded frames, thinned, one a line."""
    lines = await asyncio.to_thread(lines_of, flow_of(place) / FRAMES, MOST_FRAMES)
    return Response(b"\n".join(lines) + b"\n", media_type="application/x-ndjson")


async def space(studio: Studio, request: Request, place: Path) -> Response:
    """The graph of a run."""
    return await asyncio.to_thread(_space, studio, place)


async def events(studio: Studio, request: Request, place: Path) -> Response:
    """What happens to a run, as it happens."""
    if studio.listeners >= MOST_LISTENERS:
        return refused(503, f"{MOST_LISTENERS} pages listen already: close one of them.")
    return Listened(studio, happenings(place, lambda: studio.state(place)))


async def control(studio: Studio, request: Request, place: Path) -> Response:
    """Pass on what the page asks of a training."""
    asked = await _asked(request)
    if isinstance(asked, Response):
        return asked
    trainer = studio.trainers.get(place)
    if trainer is None or not trainer.alive:
        return refused(409, f"This server does not train this run: anabranch studio {request.path_params['name']}.")
    trainer.ask(str(asked.get("kind")), asked.get("value"))
    return Response(status_code=204)


async def start(studio: Studio, request: Request) -> Response:
    """Start a training to play with."""
    asked = await _asked(request)
    if isinstance(asked, Response):
        return asked
    try:
        name = studio.start(str(asked.get("task")))
        trainer = studio.trainers[studio.runs.root.resolve() / name]
        await asyncio.to_thread(trainer.ready)
    except Error as error:
        return refused(400, str(error))
    return answered({"name": name})


async def index(request: Request) -> Response:
    """The page itself."""
    return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})


async def page(request: Request) -> Response:
    """A file of the page."""
    name = request.path_params["file"]
    files = {file.relative_to(PAGE).as_posix(): file for file in PAGE.rglob("*") if file.is_file()}
    if name not in files:
        return refused(404, "The page has no such file.")
    kind = TYPES.get(files[name].suffix) or mimetypes.guess_type(name)[0] or "text/plain"
    return FileResponse(files[name], media_type=kind, headers={"cache-control": "no-cache"})


async def nothing(request: Request, error: Exception) -> Response:
    """For an address that is none, or is not asked so."""
    return refused(getattr(error, "status_code", 404), "There is nothing at this address.")


async def failed(request: Request, error: Exception) -> Response:
    """For a fault of the server itself."""
    return refused(500, f"The server has failed at this ({type(error).__name__}): the run is untouched.")


async def _asked(request: Request) -> dict[str, Any] | Response:
    """The JSON object of a request, or why it is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return refused(415, "Send JSON, as application/json.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BODY:
            return refused(413, f"A request has at most {MOST_BODY:,} bytes.")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return refused(400, "The request is no JSON.")
    return asked if isinstance(asked, dict) else refused(400, "Send a JSON object.")


def _space(studio: Studio, place: Path) -> Response:
    """The graph of a run; where it is not recorded yet, its recording is begun."""
    file = flow_of(place) / SPACE
    if file.is_file():
        found = read_json(file)
        if found.get("schema") != SCHEMA:
            raise RunError(f"The flow of this run has schema {found.get('schema')!r}; this version shows {SCHEMA}.")
        return FileResponse(file, media_type="application/json", headers={"cache-control": "no-store"})
    trainer = studio.trainers.get(place)
    if trainer is not None and trainer.alive:
        return JSONResponse({"waiting": "The training is being prepared."}, status_code=202)
    error = studio.record(place)
    if error is not None:
        return refused(422, error)
    return JSONResponse({"waiting": WAITING}, status_code=202)


class Listened(StreamingResponse):
    """An event stream that leaves a listener who takes nothing any more."""

    def __init__(self, studio: Studio, content: Any) -> None:
        super().__init__(content, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self.studio = studio

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send until one side ends."""

        async def patient(message: Any) -> None:
            await asyncio.wait_for(send(message), PATIENCE)

        self.studio.listeners += 1
        try:
            with contextlib.suppress(TimeoutError, OSError):
                await super().__call__(scope, receive, patient)
        finally:
            self.studio.listeners -= 1
