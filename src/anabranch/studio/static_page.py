"""A run as one file: the page with its modules, its styles and the recorded flow inside. It needs no server."""

import base64
import hashlib
import json
import posixpath
import re
from pathlib import Path
from typing import Any

from anabranch.ground.errors import RunError
from anabranch.storage.directory import RunDirectory
from anabranch.storage.files import row_of
from anabranch.storage.flow_files import FRAMES, FlowFiles
from anabranch.studio.log_files import lines_of, plain, rows_of
from anabranch.studio.runs_on_disk import flow_of

PAGE = Path(__file__).parent / "page"
MOST_FRAMES, MOST_ROWS = 200, 500
IMPORT = re.compile(r'(?P<head>(?:^|\n)import\b[^;"]*?\bfrom\s*)"(?P<place>\./[^"]+)"')
"""An import of another module of the page."""
SHEETS = ("vendor/uPlot.min.css", "studio.css")
ENTRY = "main.js"


def static_page(place: Path) -> str:
    """One self-contained HTML page of a run.

    Arguments:
        place: the run directory, whose flow is recorded.

    Returns:
        HTML that works from disk, with no network; its content policy allows nothing but what it holds.

    Raises:
        RunError: where nothing is recorded, or the run is damaged.
    """
    config = RunDirectory.open(place).read_config()
    flow = flow_of(place)
    space = FlowFiles(flow.parent).space()
    frames = [frame for line in lines_of(flow / FRAMES, MOST_FRAMES) if (frame := row_of(line)) is not None]
    if not frames:
        raise RunError(f"{place} has no recorded frame: train it again, or open it once with anabranch studio {place}.")
    about = {"schema": space["schema"], "name": place.resolve().name, "config": config}
    rows = rows_of(place / "metrics.jsonl", MOST_ROWS)
    return _html({"about": about, "space": space, "frames": frames, "rows": rows})


def _html(data: dict[str, Any]) -> str:
    modules = _modules()
    imports = {_specifier(name): _data_url(text) for name, text in modules.items()}
    importmap, entry = json.dumps({"imports": imports}), f'import "{_specifier(ENTRY)}";'
    sheets = [(PAGE / name).read_text(encoding="utf-8") for name in SHEETS]
    policy = "; ".join((
        "default-src 'none'",
        f"script-src data: {_hash(importmap)} {_hash(entry)}",
        f"style-src {' '.join(_hash(sheet) for sheet in sheets)}",
        "img-src data: blob:",
        "base-uri 'none'",
        "form-action 'none'",
    ))  # fmt: skip
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    script = f'<script type="module" src="/page/{ENTRY}"></script>'
    inline = (
        f'<script type="application/json" id="embedded">{_harmless(data)}</script>\n'
        f'<script type="importmap">{importmap}</script>\n<script type="module">{entry}</script>'
    )
    policy_tag = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    page = _replaced(page, '<meta charset="utf-8">', f'<meta charset="utf-8">\n{policy_tag}')
    for name, sheet in zip(SHEETS, sheets, strict=True):
        page = _replaced(page, f'<link rel="stylesheet" href="/page/{name}">', f"<style>{sheet}</style>")
    return _replaced(page, script, inline)


def _replaced(page: str, place: str, text: str) -> str:
    if page.count(place) != 1:
        raise RunError(f"The page has no place {place}: the installation is damaged.")
    return page.replace(place, text)


def _modules() -> dict[str, str]:
    """The modules that the page imports, each with the names of the others in the place of their addresses."""
    found: dict[str, str] = {}
    waiting = [ENTRY]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        text = (PAGE / name).read_text(encoding="utf-8")

        def renamed(match: re.Match[str], here: str = name) -> str:
            other = posixpath.normpath(posixpath.join(posixpath.dirname(here), match["place"]))
            waiting.append(other)
            return f'{match["head"]}"{_specifier(other)}"'

        found[name] = IMPORT.sub(renamed, text)
    return found


def _specifier(name: str) -> str:
    return f"studio/{name}"


def _data_url(text: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _harmless(data: Any) -> str:
    """JSON in which nothing can end the element that it stands in."""
    text = json.dumps(plain(data))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
