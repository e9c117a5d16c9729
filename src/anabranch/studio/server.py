"""The addresses of the server, and what answers at each. Needs no JAX, so that the page is there at once."""

from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from anabranch.studio import answers
from anabranch.studio.running import Studio

OF_A_RUN = (
    ("about", answers.about, "GET"),
    ("space", answers.space, "GET"),
    ("frames", answers.frames, "GET"),
    ("rows", answers.rows, "GET"),
    ("events", answers.events, "GET"),
    ("control", answers.control, "POST"),
)
"""What can be asked of one run: the address below it, the answer, and how it is asked."""


def application(studio: Studio) -> Starlette:
    """The routes of the page."""
    routes = [
        Route("/", answers.index),
        Route("/page/{file:path}", answers.page),
        Route("/api/runs", partial(answers.runs, studio)),
        Route("/api/start", partial(answers.start, studio), methods=["POST"]),
    ]
    for name, answer, method in OF_A_RUN:
        found = partial(answers.of_run, studio, answer)
        routes.append(Route(f"/api/run/{{name:path}}/{name}", found, methods=[method]))
    handlers: Any = {404: answers.nothing, 405: answers.nothing, 500: answers.failed}
    return Starlette(routes=routes, exception_handlers=handlers)
