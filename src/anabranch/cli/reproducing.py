"""`anabranch reproduce NAME`: train a published setting again and write its result page."""

import importlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from anabranch.cli.flags import Option, parse
from anabranch.cli.sources import start_jax
from anabranch.ground.errors import ConfigError, named
from anabranch.reproductions import REPRODUCTIONS

POSITIONAL = ("NAME", "one of: " + ", ".join(REPRODUCTIONS))
OPTIONS = (
    Option(name="seeds", annotation=int, default=3, help="how many seeds, from 0 on"),
    Option(name="out", annotation=str, default="docs/results", help="the folder of the page NAME.md"),
)


def reproduce(arguments: Sequence[str]) -> int:
    """Run one reproduction, write its page, print its table."""
    flags = parse("reproduce", POSITIONAL, OPTIONS, arguments)
    name, count = flags.positional, flags.options["seeds"]
    module, _, attribute = named(name, REPRODUCTIONS, "reproduction").partition(":")
    if count < 1:
        raise ConfigError(f"--seeds counts seeds, at least 1; given {count}.")
    folder = Path(flags.options["out"])
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"--out {folder} is a file; give a folder for the page.")
    start_jax()
    reproduction = getattr(importlib.import_module(module), attribute)

    from anabranch.reproductions.page import page, table

    seeds, began = range(count), time.perf_counter()
    lines = reproduction.run(seeds, lambda text: print(text, file=sys.stderr, flush=True))
    text = page(reproduction, lines, seeds=seeds, seconds=time.perf_counter() - began)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text)
    print(table(lines))
    print(f"page kept in {folder / name}.md")
    return 0
