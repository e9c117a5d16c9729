"""What a user of the wheel has: run in a folder without the sources, with the environment of the wheel."""

import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import anabranch as ab

HOME = Path(ab.__file__).parent


def main() -> None:
    """Raise where the package is not that of the environment, or lacks something that it needs."""
    assert HOME.is_relative_to(sys.prefix), f"{HOME} is not the installed package"
    page = ("studio/page/index.html", "studio/page/main.js", "studio/page/vendor/uPlot.LICENSE")
    for name in ("py.typed", "envs/tables/iris.csv", "envs/alignments/primates-7.fasta", *page):
        assert (HOME / name).is_file(), f"the wheel lacks {name}"
    require_nothing_else()
    extras = [line for line in importlib.metadata.requires("anabranch") or () if "extra ==" in line]
    assert any("matplotlib" in line for line in extras)
    run = ab.train("faces", objective="tb", steps=200, callback=lambda row: None)
    print(run)
    command = [str(Path(sys.prefix) / "bin" / "anabranch"), "check", "faces"]
    assert subprocess.run(command, check=False).returncode == 0
    command[1:] = ["compare", "faces", "--steps", "20", "--out", "compared"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "pip install 'anabranch[plots]'" in said.stdout + said.stderr, "without the extra its name is said"
    require_no_home(command[0])


def require_nothing_else() -> None:
    """Raise where the wheel or the sources hold what nobody needs who installs them, or the sources lack something."""
    (wheel,), (sources,) = Path().glob("*.whl"), Path().glob("*.tar.gz")
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert all(top == "anabranch" or top.endswith(".dist-info") for top in tops), tops
    with tarfile.open(sources) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "src/anabranch/studio/page/main.js"}
    assert wanted <= inside, wanted - inside
    others = {name for name in inside - wanted if not name.startswith("src/anabranch/")}
    assert others <= {"", "PKG-INFO", ".gitignore"}, others


def require_no_home(command: str) -> None:
    """Raise where a training needs a home, or writes into the package."""
    before = {path: path.stat().st_mtime_ns for path in HOME.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    with tempfile.TemporaryDirectory() as folder:
        quick = ["--steps", "50", "--out", "run"]
        subprocess.run([command, "train", "faces", *quick], cwd=folder, env=environment, check=True)
        page = [command, "studio", "run", "--static", "page.html"]
        subprocess.run(page, cwd=folder, env=environment, check=True)
        opened = [command, "studio", "run"]
        said = subprocess.run(opened, cwd=folder, env=environment, check=False, capture_output=True, text=True)
        assert (said.returncode, "pip install 'anabranch[studio]'" in said.stderr) == (2, True), said.stderr
    after = {path: path.stat().st_mtime_ns for path in HOME.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert before == after, "the package was written to"


if __name__ == "__main__":
    main()
