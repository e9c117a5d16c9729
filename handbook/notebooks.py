"""Executes the tutorial: from docs/tutorial/*.py to notebooks and to pages with what each cell printed and drew.

`python -m handbook.notebooks FOLDER` writes NAME.ipynb, NAME.md and pictures. Two are executed at once.
"""

import argparse
import base64
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "docs" / "tutorial"
SECONDS = 300
"""What one cell may take."""
QUIET = ["--log-level=40"]
"""Of a kernel, which else warns of the port that it opens on this machine."""


def sources() -> list[Path]:
    """The tutorial in its order."""
    return sorted(SOURCES.glob("[0-9]_*.py"))


def built(source: Path, folder: Path) -> str:
    """Execute one of them and write its notebook and its page; a line about it. Raises RuntimeError where it fails."""
    import jupytext
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    began = time.perf_counter()
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources=resources, extra_arguments=QUIET
    )
    try:
        client.execute()
    except CellExecutionError as error:
        last = str(error).strip().splitlines()[-1]
        raise RuntimeError(f"{source.relative_to(ROOT)} does not run: {last}") from error
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    jupytext.write(notebook, folder / f"{source.stem}.ipynb", fmt="ipynb")
    (folder / f"{source.stem}.md").write_text(_page(notebook, source.stem, folder), encoding="utf-8")
    return f"{source.name}  {time.perf_counter() - began:.1f} s"


def _page(notebook: Any, stem: str, folder: Path) -> str:
    """The cells one after another, each with what it printed and drew; below the title a link to the notebook."""
    parts: list[str] = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        code = "\n".join(line for line in cell.source.splitlines() if not line.startswith("%")).strip("\n")
        parts.append(f"```python\n{code}\n```")
        printed = "".join(one.text for one in cell.outputs if one.output_type == "stream" and one.name == "stdout")
        parts.extend([f"```text\n{printed.rstrip()}\n```"] if printed else [])
        for place, output in enumerate(cell.outputs):
            parts.extend(_shown(output, folder, f"{stem}_{number}_{place}.png"))
    title, _, rest = "\n\n".join(parts).partition("\n")
    return f"{title}\n\n[This page as a notebook]({stem}.ipynb)\n{rest}\n"


def _shown(output: Any, folder: Path, name: str) -> Iterator[str]:
    """The value of a cell on the page: a picture, or text."""
    data = output.get("data", {})
    if "image/png" in data:
        (folder / name).write_bytes(base64.b64decode(data["image/png"]))
        yield f"![What the code above draws]({name})"
    elif "text/plain" in data:
        yield f"```text\n{data['text/plain']}\n```"


def main() -> int:
    """Execute all; 0 where every cell has run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    try:
        import jupytext  # noqa: F401
        import nbclient  # noqa: F401
    except ImportError as error:
        print(
            f"The tutorial is executed with {error.name}, which is not installed: pip install 'anabranch[docs]'",
            file=sys.stderr,
        )
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    # Several pages train alike: the second one finds the programs of the first.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(folder.parent / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
    with ProcessPoolExecutor(2) as pool:
        waiting = [pool.submit(built, source, folder) for source in sources()]
        for one in waiting:
            try:
                print(one.result(), flush=True)
            except RuntimeError as error:
                print(error, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
