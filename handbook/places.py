"""Where each file of the repository stands on the site, and links that are true in both."""

import posixpath
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOT_PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "project/architecture.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "docs/tutorial": "tutorial/1_logarithms.md",
    "docs/results": "results/index.md",
    "benchmarks/results": "benchmarks/index.md",
}
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def site_place(path: str) -> str | None:
    """The page of a file of the repository; None of a file that the site has not."""
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if path.startswith("docs/tutorial/") and path.endswith(".py"):
        return path.removeprefix("docs/").removesuffix(".py") + ".md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if path.startswith("benchmarks/results/") and path.endswith(".md"):
        return path.replace("benchmarks/results/", "benchmarks/")
    return None


def relinked(markdown: str, path: str, page: str) -> str:
    """The text of a file with its links to other files made links between pages; to what the site lacks, just words."""

    def moved(link: re.Match[str]) -> str:
        target, anchor = link[2], link[3] or ""
        if ":" in target or target.startswith("/"):
            return link[0]
        found = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        place = site_place(found)
        if place is None or not (ROOT / found).exists():
            return link[0]
        return f"{link[1]}{posixpath.relpath(place, posixpath.dirname(page) or '.')}{anchor}{link[4]}"

    return LINK.sub(moved, markdown)
