"""The lowest versions that pyproject.toml allows its users, one `name==version` a line, as constraints for pip."""

import re
import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def lowest(project):
    """Each dependency and each one of an extra, at its lower bound; the tools of development are no user's."""
    extras = [group for name, group in project["optional-dependencies"].items() if name != "dev"]
    groups = [project["dependencies"], *extras]
    bounds = (re.match(r"([\w-]+)>=([\d.]+)", line) for group in groups for line in group)
    return sorted({f"{bound[1]}=={bound[2]}" for bound in bounds if bound is not None})


if __name__ == "__main__":
    sys.stdout.write("\n".join([*lowest(tomllib.loads(PYPROJECT.read_text())["project"]), ""]))
