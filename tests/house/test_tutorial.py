"""Each section of the tutorial runs after the first cell alone: a notebook run out of order is no trap."""

import json
import os
import re
import subprocess
import sys

import pytest

from support.house import ROOT

PARTS = sorted((ROOT / "docs" / "tutorial").glob("[0-9]_*.py"))
CELL = re.compile(r"^# %%( \[markdown\])?.*$", re.MULTILINE)


def sections_of(text):
    """The code of the first cell, and the code of each section that follows it."""
    starts = list(CELL.finditer(text))
    ends = [*(start.start() for start in starts[1:]), len(text)]
    sections = [""]
    for start, end in zip(starts, ends, strict=True):
        body = text[start.end() : end]
        if start[1] and "\n# ## " in body:
            sections.append("")
        elif not start[1]:
            sections[-1] += body
    return sections


def test_there_are_five_parts():
    assert len(PARTS) == 5
    assert all(len(sections_of(part.read_text())) > 4 for part in PARTS)


BACKWARD = """
import json, sys
first, *sections = json.load(sys.stdin)
for section in reversed(sections):
    cells = {"__name__": "cells"}
    exec(first, cells)
    exec(section, cells)
"""


@pytest.mark.thorough
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.stem)
def test_the_sections_of_a_part_run_in_the_reverse_order(part, tmp_path):
    """In a process as a reader has it, without types that are checked at run time."""
    given = json.dumps(sections_of(part.read_text()))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg"}
    run = [sys.executable, "-W", "error::RuntimeWarning", "-c", BACKWARD]
    done = subprocess.run(
        run, input=given, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=400
    )
    assert done.returncode == 0, done.stderr[-2000:]
