"""The result page of a reproduction: its setting, its table, and on which machine the numbers were measured."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import jax

from anabranch.reproductions.base import Line, Reproduction

COLUMNS = {
    "what": "",
    "published": "published",
    "floor": "perfect-sampler floor",
    "wanted": "wanted",
    "ours": "ours",
    "reached": "reached",
}
REACHED = {True: "yes", False: "**no**", None: ""}


def page(reproduction: Reproduction, lines: Sequence[Line], *, seeds: Sequence[int], seconds: float) -> str:
    """The whole page in Markdown; `seconds` is the wall time of all seeds together. No date, no path."""
    bars = [line.reached for line in lines if line.reached is not None]
    verdict = f"{sum(bars)} of {len(bars)} bars reached." if bars else "No bar was set."
    return "\n\n".join(
        [
            f"# {reproduction.title}",
            f"`anabranch reproduce {reproduction.name} --seeds {len(seeds)}`",
            reproduction.setting.strip(),
            "## Result",
            verdict,
            table(lines),
            f"Mean over seeds and 95 % interval (Student's t). Seeds {', '.join(map(str, seeds))}; {seconds:,.0f} s in "
            f"all, {seconds / len(seeds):,.0f} s a seed, compilation and evaluation included.",
            machine(),
        ]
    )


def table(lines: Sequence[Line]) -> str:
    """The rows as a Markdown table, without columns that no row fills."""
    rows = [{**vars(line), "reached": REACHED[line.reached]} for line in lines]
    used = [key for key in COLUMNS if key in ("what", "ours") or any(row[key] for row in rows)]
    cells = [[COLUMNS[key] for key in used], ["---"] * len(used), *([row[key] for key in used] for row in rows)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells)


def machine() -> str:
    """The processor, its cores, the accelerator, and the versions of what computed."""
    device = jax.devices()[0]
    accelerator = "no accelerator" if device.platform == "cpu" else device.device_kind
    versions = ", ".join(f"{name} {version(name)}" for name in ("anabranch", "jax", "equinox", "optax"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor()}, {cores} cores, {accelerator}. Python {platform.python_version()}, {versions}.\n"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
