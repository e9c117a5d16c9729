"""An objective by its name."""

from anabranch.ground.errors import named
from anabranch.objectives import OBJECTIVES
from anabranch.objectives.base import Objective


def objective_named(choice: str | Objective) -> Objective:
    """The objective of that name with its defaults, or the one given. Raises ConfigError for an unknown name."""
    if isinstance(choice, Objective):
        return choice
    return named(choice, OBJECTIVES, "objective")()
