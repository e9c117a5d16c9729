"""Executes the tutorial: from docs/tutorial/*.py to notebooks and to pages with what each cell printed and drew.

`python -m handbook.notebooks FOLDER` writes NAME.ipynb, NAME.md and pictures. Two are executed at once.
"""

import argparse
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "docs" / "tutorial"
SECONDS = 300
"""What one cell may take."""
INLINE = "%config InlineBackend.figure_formats = ['svg']\n"


def sources() -> list[Path]:
    """The tutorial in its order."""
    return sorted(SOURCES.glob("[0-9]_*.py"))


def built(source: Path, folder: Path) -> str:
    """Execute one of them and write its notebook and its page; a line about it. Raises RuntimeError where it fails."""
    import jupytext
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from nbconvert import MarkdownExporter

    began = time.perf_counter()
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    try:
        client.execute()
    except CellExecutionError as error:
        last = str(error).strip().splitlines()[-1]
        raise RuntimeError(f"{source.relative_to(ROOT)} does not run: {last}") from error
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    jupytext.write(notebook, folder / f"{source.stem}.ipynb", fmt="ipynb")
    text, resources = MarkdownExporter().from_notebook_node(
        notebook, {"unique_key": source.stem, "output_files_dir": f"{source.stem}_files"}
    )
    for name, content in resources["outputs"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    (folder / f"{source.stem}.md").write_text(_page(text, source.stem), encoding="utf-8")
    return f"{source.name}  {time.perf_counter() - began:.1f} s"


def _page(text: str, stem: str) -> str:
    """The page, with a link to its notebook below the title; pictures have words, plain output is marked as such."""
    text = re.sub(r"!\[(?:png|svg)\]\(", "![what the cell above draws](", text)
    text = re.sub(r"(?m)(?:\n^    .*$)+", lambda block: _fenced(block[0]), text)
    title, _, rest = text.lstrip().partition("\n")
    return f"{title}\n\n[This page as a notebook]({stem}.ipynb)\n{rest}"


def _fenced(block: str) -> str:
    lines = [line[4:] for line in block.strip("\n").splitlines()]
    return "\n```text\n" + "\n".join(lines).strip("\n") + "\n```\n"


def main() -> int:
    """Execute all; 0 where every cell has run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    try:
        import jupytext  # noqa: F401
        import nbclient  # noqa: F401
        import nbconvert  # noqa: F401
    except ImportError as error:
        print(
            f"The tutorial is executed with {error.name}, which is not installed: pip install 'anabranch[docs]'",
            file=sys.stderr,
        )
        return 2
    folder.mkdir(parents=True, exist_ok=True)
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
