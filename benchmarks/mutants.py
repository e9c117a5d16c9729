"""`python -m benchmarks.mutants`: do the tests notice? Small faults are planted in the core, one at a time.

Each mutant changes one operator, comparison, constant or argument in objectives, scoring, sampling, graph or the exact
flows, and is killed by the first test that fails, or that runs into its time limit (a loop without end). Mutants are
drawn with a fixed seed, in equal numbers from each folder. Results are kept as they come, so that an interrupted run
goes on: `benchmarks/results/mutants.json`, and the page `mutants.md` with each survivor. A survivor that cannot
matter is argued in `benchmarks/equivalent.json`, by its place and change.
"""

import argparse
import ast
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "anabranch"
RESULTS = Path(__file__).parent / "results"
EQUIVALENT = Path(__file__).parent / "equivalent.json"

TESTS = {
    "graph": "tests/graph tests/laws tests/envs tests/training/test_wrong_types.py tests/training/test_training.py",
    "evaluation": "tests/graph tests/evaluation tests/sampling/test_rollout.py tests/training/test_training.py",
    "objectives": "tests/objectives tests/diagnostics tests/sampling/test_replay.py tests/training/test_training.py",
    "scoring": "tests/scoring tests/objectives tests/sampling/test_rollout.py tests/diagnostics",
    "sampling": "tests/sampling tests/training/test_scale.py tests/training/test_training.py tests/diagnostics",
}
"""Of each folder, the tests that are run, those that kill soonest first."""
ONLY = {"evaluation": ("flows.py", "exact_law.py")}
TIME_LIMIT = 900
"""Seconds for the tests of one mutant."""

OPERATORS = {"Add": "-", "Sub": "+", "Mult": "/", "Div": "*", "FloorDiv": "/", "Mod": "+", "BitAnd": "|", "BitOr": "&"}
SYMBOLS = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "BitAnd": "&", "BitOr": "|"}
COMPARISONS = {"Lt": ("<", "<="), "LtE": ("<=", "<"), "Gt": (">", ">="), "GtE": (">=", ">"), "Eq": ("==", "!=")}
CALLS = {"minimum": "maximum", "maximum": "minimum", "logaddexp": "maximum", "any": "all", "all": "any", "max": "min"}
UNTOUCHED = (ast.Raise, ast.Assert, ast.AnnAssign, ast.Import, ast.ImportFrom)


def parts(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes whose change a test could notice: no docstrings, annotations, decorators or error sentences."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, UNTOUCHED) or (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            continue
        if isinstance(child, ast.FunctionDef | ast.ClassDef):
            for statement in child.body:
                yield from parts(ast.Module([statement], []))
            continue
        yield child
        yield from parts(child)


def changes(text: str) -> Iterator[tuple[int, int, str]]:
    """Every mutant of a file as (from, to, new text), in characters of the UTF-8 source."""
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int, column: int) -> int:
        return starts[line - 1] + column

    raw = text.encode()

    def between(left: ast.expr, right: ast.expr, old: str, new: str) -> Iterator[tuple[int, int, str]]:
        first = at(left.end_lineno or 0, left.end_col_offset or 0)
        place = raw.find(old.encode(), first, at(right.lineno, right.col_offset))
        if place >= 0:
            yield place, place + len(old), new

    for node in parts(ast.parse(text)):
        if isinstance(node, ast.BinOp) and type(node.op).__name__ in OPERATORS:
            name = type(node.op).__name__
            yield from between(node.left, node.right, SYMBOLS[name], OPERATORS[name])
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]).__name__ in COMPARISONS:
            yield from between(node.left, node.comparators[0], *COMPARISONS[type(node.ops[0]).__name__])
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and node.value in (0, 1, 2, 0.5):
            begin = at(node.lineno, node.col_offset)
            yield begin, at(node.end_lineno or 0, node.end_col_offset or 0), str(1 - node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
            begin = at(node.lineno, node.col_offset)
            yield begin, begin + len(str(node.value)), str(not node.value)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Invert):
            begin = at(node.lineno, node.col_offset)
            yield begin, begin + 1, ""
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            end = at(node.end_lineno or 0, node.end_col_offset or 0)
            yield end - len(node.attr), end, CALLS[node.attr]


def drawn(count: int, seed: int) -> list[dict[str, Any]]:
    """Mutants in equal numbers from each folder."""
    chosen = []
    for folder in TESTS:
        every = []
        for file in sorted((SOURCE / folder).glob("*.py")):
            if folder in ONLY and file.name not in ONLY[folder]:
                continue
            text = file.read_text()
            mark = hashlib.sha256(text.encode()).hexdigest()[:12]
            for begin, end, new in changes(text):
                line = text.encode()[:begin].count(b"\n") + 1
                place = {"file": f"{folder}/{file.name}", "line": line, "source": mark}
                old = text.encode()[begin:end].decode()
                every.append({**place, "folder": folder, "begin": begin, "end": end, "old": old, "new": new})
        chosen += random.Random(f"{seed} {folder}").sample(every, min(len(every), -(-count // len(TESTS))))
    return chosen


def name_of(mutant: dict[str, Any]) -> str:
    """What tells a mutant from all others."""
    return f"{mutant['file']} {mutant['source']} {mutant['begin']} {mutant['old']!r} -> {mutant['new']!r}"


def tried(mutant: dict[str, Any] | None, tests: list[str], cache: Path) -> dict[str, Any]:
    """Run the tests on a tree with a mutant, or on the tree as it is."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="anabranch-mutant-") as place:
        tree = Path(place) / "src"
        shutil.copytree(ROOT / "src", tree, ignore=shutil.ignore_patterns("__pycache__"))
        if mutant is not None:
            file = tree / "anabranch" / mutant["file"]
            raw = file.read_bytes()
            file.write_bytes(raw[: mutant["begin"]] + mutant["new"].encode() + raw[mutant["end"] :])
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not faults", *tests]
        environment = {**os.environ, "PYTHONPATH": str(tree), "JAX_COMPILATION_CACHE_DIR": str(cache)}
        try:
            done = subprocess.run(
                command, check=False, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=TIME_LIMIT
            )
        except subprocess.TimeoutExpired:
            return {"outcome": "killed", "by": "the time limit", "seconds": TIME_LIMIT}
    lines = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    by = lines[0].split(" - ")[0] if lines else done.stdout[-200:]
    outcome = "survived" if done.returncode == 0 else "killed"
    return {"outcome": outcome, "by": by, "seconds": round(time.perf_counter() - began, 1)}


def page(results: list[dict[str, Any]], argued: dict[str, str]) -> str:
    """The score, and each survivor."""
    lines = ["# Mutants", "", str(__doc__).split("\n", 2)[2].strip(), ""]
    lines += ["| folder | mutants | killed | argued equivalent | survived | score |", "|---|---|---|---|---|---|"]
    for folder in [*TESTS, "all"]:
        some = [one for one in results if folder in (one["folder"], "all")]
        killed = sum(one["outcome"] == "killed" for one in some)
        same = sum(one["outcome"] == "survived" and key_of(one) in argued for one in some)
        left = len(some) - killed - same
        score = killed / max(1, len(some) - same)
        lines.append(f"| {folder} | {len(some)} | {killed} | {same} | {left} | {score:.0%} |")
    lines += ["", "The score leaves out those that are argued equivalent.", "", "## Survivors", ""]
    for one in results:
        if one["outcome"] == "survived":
            why = argued.get(key_of(one), "not argued")
            lines.append(f"- `{one['file']}`, line {one['line']}: `{one['old']}` became `{one['new']}`: {why}")
    return "\n".join([*lines, ""])


def key_of(mutant: dict[str, Any]) -> str:
    """By which an argument names a mutant."""
    return f"{mutant['file']}:{mutant['line']}: {mutant['old']} -> {mutant['new']}"


def main() -> None:
    """Draw, run, keep, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    file, cache = RESULTS / "mutants.json", Path(tempfile.gettempdir()) / "anabranch-mutants-compiled"
    before = json.loads(file.read_text()) if file.exists() else []
    # A survivor is tried again: tests may have been added since.
    kept = {one["name"]: one for one in before if one["outcome"] == "killed"}
    argued = json.loads(EQUIVALENT.read_text()) if EQUIVALENT.exists() else {}
    results: list[dict[str, Any]] = []
    for number, mutant in enumerate(drawn(asked.count, asked.seed), 1):
        name = name_of(mutant)
        result = kept.get(name) or {**mutant, "name": name, **tried(mutant, TESTS[mutant["folder"]].split(), cache)}
        results.append(result)
        print(f"{number}  {result['outcome']}  {key_of(result)}  {result['by']}", flush=True)
        file.write_text(json.dumps(results, indent=1) + "\n")
        (RESULTS / "mutants.md").write_text(page(results, argued))


if __name__ == "__main__":
    main()
