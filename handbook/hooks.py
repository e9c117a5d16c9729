"""What mkdocs calls: pages that are made of the code, links between files of the repository, formulas as MathML."""

import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File

from handbook.places import ROOT, ROOT_PAGES, relinked, site_place
from handbook.reference import command_line_page, reference_pages

BUILT = ROOT / "build" / "tutorial"
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
REPOSITORY: dict[str, str] = {}
"""The file of the repository that each page is made of."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that do not stand in docs/."""
    for page, text in _generated():
        files.append(File.generated(config, page, content=text))
    for file in files.documentation_pages():
        REPOSITORY.setdefault(file.src_uri, f"docs/{file.src_uri}")
    for built in sorted(BUILT.rglob("*")) if BUILT.is_dir() else ():
        if built.is_file():
            place = f"tutorial/{built.relative_to(BUILT).as_posix()}"
            files.append(File.generated(config, place, abs_src_path=str(built)))
            REPOSITORY[place] = f"docs/{place}"
    page = ROOT / "build" / "faces.html"
    if page.is_file():
        files.append(File.generated(config, "faces.html", abs_src_path=str(page)))
    return files


def _generated() -> Any:
    for path, page in ROOT_PAGES.items():
        if path.endswith(".md"):
            REPOSITORY[page] = path
            yield page, (ROOT / path).read_text(encoding="utf-8")
    for folder, title in (("docs/results", "Reproductions"), ("benchmarks/results", "Benchmarks")):
        pages = sorted((ROOT / folder).glob("*.md"))
        lines = [f"- [{_title(page)}]({page.name})" for page in pages]
        place = ROOT_PAGES[folder]
        REPOSITORY[place] = f"{folder}/index.md"
        yield place, "\n".join([f"# {title}", "", *lines, ""])
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.md")):
        place = str(site_place(f"benchmarks/results/{path.name}"))
        REPOSITORY[place] = f"benchmarks/results/{path.name}"
        yield place, path.read_text(encoding="utf-8")
    yield from reference_pages()
    yield "reference/command_line.md", command_line_page()


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").lstrip("# ").partition("\n")[0].strip()


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links between files of the repository become links between pages."""
    place = page.file.src_uri
    return relinked(markdown, REPOSITORY.get(place, f"docs/{place}"), place)


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Formulas become MathML, which browsers draw themselves."""

    def drawn(formula: re.Match[str]) -> str:
        text = re.sub(r"&(lt|gt|amp);", lambda match: {"lt": "<", "gt": ">", "amp": "&"}[match[1]], formula[3])
        return convert(text.strip(), display="inline" if formula[2] == "(" else "block")

    return FORMULA.sub(drawn, html)
