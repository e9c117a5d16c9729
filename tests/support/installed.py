"""What a user of the wheel has: run in a folder without the sources, with the environment of the wheel."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import anabranch as ab

HOME = Path(ab.__file__).parent


def main() -> None:
    """Raise where the package is not that of the environment, or lacks something that it needs."""
    assert HOME.is_relative_to(sys.prefix), f"{HOME} is not the installed package"
    for name in ("py.typed", "envs/tables/iris.csv", "envs/alignments/primates-7.fasta"):
        assert (HOME / name).is_file(), f"the wheel lacks {name}"
    extras = [line for line in importlib.metadata.requires("anabranch") or () if "extra ==" in line]
    assert any("matplotlib" in line for line in extras)
    run = ab.train("faces", objective="tb", steps=200, callback=lambda row: None)
    print(run)
    command = [str(Path(sys.prefix) / "bin" / "anabranch"), "check", "faces"]
    assert subprocess.run(command, check=False).returncode == 0
    command[1:] = ["compare", "faces", "--steps", "20", "--out", "compared"]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "pip install 'anabranch[plots]'" in said.stdout + said.stderr, "without the extra its name is said"


if __name__ == "__main__":
    main()
