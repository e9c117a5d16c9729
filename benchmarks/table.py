"""The table of the comparison in Markdown: medians, ranges, ratios, and what makes a row unfair."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks.rows import WANTED

UNEQUAL = 0.10
"""Mean rows further apart than this: another problem is being solved, and the row does not count."""

PEERS = ("gfnx", "torchgfn")
BEFORE, NOT_SLOWER = "before", 0.97
"""An older version of this library; and the least ratio of its milliseconds to ours: 3 % are noise."""

HEAD = "| row | library | ms / iteration (range) | rows / trajectory | us / row | ratio | wanted | ratio a row |"


def as_markdown(machine: Mapping[str, Any], measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """The whole page."""
    lines = [
        "# Side by side",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}. Medians over repeats run alternately, range",
        "in brackets; ratio: their milliseconds over ours. An iteration is one gradient step on a batch, without",
        "evaluation; compilation is apart. *Not counted*: mean rows of a trajectory differ by more than 10 %.",
        "",
        HEAD,
        "|---" * HEAD.count(" | ") + "|---|",
    ]
    libraries = _libraries(measured)
    for name, answers in measured.items():
        ours = [answer for answer in answers if answer["library"] == "anabranch" and "failed" not in answer]
        for library in libraries:
            theirs = [answer for answer in answers if answer["library"] == library]
            lines.append(_line(name, library, ours, theirs))
    versions = {library: _versions(measured, library) for library in libraries}
    lines += ["", *(f"- {library}: {text}" for library, text in versions.items()), ""]
    lines += _checks(measured)
    return "\n".join(lines) + "\n"


def _libraries(measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """Ours, the older version where it was measured, and the peers."""
    seen = {answer["library"] for answers in measured.values() for answer in answers}
    return ["anabranch", *([BEFORE] if BEFORE in seen else []), *PEERS]


def _line(name: str, library: str, ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]]) -> str:
    good = [answer for answer in theirs if "failed" not in answer]
    if not good:
        why = f"failed: {theirs[0]['failed']}" if theirs else "not run"
        return f"| {name} | {library} | {why} | | | | | |"
    times = [answer["ms_per_iteration"] for answer in good]
    rows, per_row = _median(good, "mean_rows"), _median(good, "us_per_row")
    cells = [name, library, f"{median(times):.3g} ({min(times):.3g}-{max(times):.3g})", f"{rows:.1f}", f"{per_row:.2f}"]
    if library == "anabranch" or not ours:
        return f"| {' | '.join(cells)} | | | |"
    ratio = median(times) / _median(ours, "ms_per_iteration")
    unequal = abs(rows / _median(ours, "mean_rows") - 1.0) > UNEQUAL
    wanted = NOT_SLOWER if library == BEFORE else WANTED[name][PEERS.index(library)]
    verdict = f"{ratio:.{2 if library == BEFORE else 1}f}x" + (" *not counted*" if unequal else "")
    cells += [verdict, f"{wanted:g}x", f"{per_row / _median(ours, 'us_per_row'):.1f}x"]
    return f"| {' | '.join(cells)} |"


def _median(answers: Sequence[Mapping[str, Any]], key: str) -> float:
    return median(answer[key] for answer in answers)


def _versions(measured: Mapping[str, Sequence[Mapping[str, Any]]], library: str) -> str:
    for answers in measured.values():
        for answer in answers:
            if answer["library"] == library and "versions" in answer:
                return ", ".join(f"{package} {number}" for package, number in answer["versions"].items())
    return "not run"


def _checks(measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What each library's own reward is: its exact log Z, and how many objects it rewards differently."""
    lines = [
        "| row | library | log Z of its own reward | objects rewarded differently | compile, s | note |",
        "|---|---|---|---|---|---|",
    ]
    for name, answers in measured.items():
        for library in _libraries(measured):
            good = [a for a in answers if a["library"] == library and "failed" not in a]
            if good:
                log_z = good[0]["log_z_exact"]
                shown = "-" if log_z is None else f"{log_z:.6f}"
                differs = good[0]["reward_differs"]
                compiled = f"{_median(good, 'compile_seconds'):.1f}"
                cells = [name, library, shown, "-" if differs is None else str(differs), compiled, good[0]["note"]]
                lines.append(f"| {' | '.join(cells)} |")
    return lines
