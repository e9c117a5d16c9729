"""The README is true: what it shows runs as it is written."""

import re
import shlex
import sys
import types
from pathlib import Path

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


def test_the_readme_runs_as_it_is_written(tmp_path, monkeypatch):
    """Every ```python block, and every line `anabranch ...` of a ```console or ```sh block, in the order of the README.

    All run in one empty folder and one namespace, so that a later block may use what an earlier one made, on
    disk too. Before the first, the first python block that defines `class Subset` is written to my_spaces.py,
    as a reader would do: it imports what it needs, and commands may name my_spaces.py:Subset. Each command must
    exit with 0; commands that are shown to fail, and outputs, belong in ```text blocks.
    """
    readme = ROOT / "README.md"
    text = readme.read_text() if readme.is_file() else ""
    assert text.strip(), "README.md is empty: it begins with the two commands, and has a block that defines Subset"
    blocks = blocks_of(text)
    spaces = [content for _, language, content in blocks if language == "python" and "class Subset" in content]
    assert spaces, "README.md has no ```python block that defines `class Subset`"
    monkeypatch.chdir(tmp_path)
    Path("my_spaces.py").write_text(spaces[0])
    reader = types.ModuleType("readme")
    monkeypatch.setitem(sys.modules, "readme", reader)
    ran = 0
    for line, language, content in blocks:
        if language == "python":
            exec(compile("\n" * line + content, str(readme), "exec"), vars(reader))  # noqa: S102
        for command in commands_of(content) if language in ("console", "sh") else ():
            code, _, err = answer(*command)
            assert code == 0, f"README.md, block at line {line}: anabranch {shlex.join(command)} exits {code}: {err}"
            ran += 1
    assert ran, "README.md shows no command in a ```console or ```sh block"
