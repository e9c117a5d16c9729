"""The README is true: what it shows runs as it is written."""

import re
import shlex
import sys
import types
from pathlib import Path

import pytest

from support.house import ROOT
from support.tiny import answer


def blocks_of(text):
    """(line of the fence, language, content) of each fenced block."""
    fence = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    return [(text[: block.start()].count("\n") + 1, block[1], block[2]) for block in fence.finditer(text)]


def commands_of(block):
    """The `anabranch ...` lines of a console block, with or without a prompt; a backslash continues a line."""
    lines = (line.strip().removeprefix("$ ") for line in block.replace("\\\n", " ").splitlines())
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("anabranch ")]


def run_blocks(page, monkeypatch):
    """Every ```python block of a page, and every line `anabranch ...` of a ```console or ```sh block, in their order.

    All run in the present folder and one namespace, so that a later block may use what an earlier one made, on
    disk too. A python block whose first line is `# file: NAME` is written into that file, as a reader would do. Each
    command must exit with 0; commands that are shown to fail, and outputs, belong in ```text blocks. Returns how many
    of each ran.
    """
    reader = types.ModuleType("reader")
    monkeypatch.setitem(sys.modules, "reader", reader)
    ran = {"python": 0, "commands": 0}
    for line, language, content in blocks_of(page.read_text(encoding="utf-8")):
        first = content.partition("\n")[0]
        if language == "python" and first.startswith("# file: "):
            Path(first.removeprefix("# file: ").strip()).write_text(content)
        elif language == "python":
            exec(compile("\n" * line + content, str(page), "exec"), vars(reader))  # noqa: S102
            ran["python"] += 1
        for command in commands_of(content) if language in ("console", "sh") else ():
            code, _, err = answer(*command)
            assert code == 0, f"{page.name}, block at line {line}: anabranch {shlex.join(command)} exits {code}: {err}"
            ran["commands"] += 1
    return ran


def test_the_readme_runs_as_it_is_written(tmp_path, monkeypatch):
    """Before its first block, the python block that defines `class Subset` is written to my_spaces.py."""
    readme = ROOT / "README.md"
    (space,) = [content for _, language, content in blocks_of(readme.read_text()) if "class Subset" in content]
    monkeypatch.chdir(tmp_path)
    Path("my_spaces.py").write_text(space)
    ran = run_blocks(readme, monkeypatch)
    assert min(ran.values()) > 0, "README.md shows no python block, or no command in a ```console or ```sh block"


PAGES = sorted({*(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "guides").glob("*.md")})


@pytest.mark.thorough
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_of_the_docs_runs_as_it_is_written(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(page, monkeypatch)


def test_a_page_that_is_wrong_is_seen(tmp_path, monkeypatch):
    """The negative control."""
    monkeypatch.chdir(tmp_path)
    for content in ("```python\nassert False\n```\n", "```sh\nanabranch train face\n```\n"):
        page = tmp_path / "page.md"
        page.write_text(content)
        with pytest.raises(AssertionError):
            run_blocks(page, monkeypatch)
