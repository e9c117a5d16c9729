"""The optimisers, by name."""

from typing import TYPE_CHECKING

from anabranch.ground.tables import Table

if TYPE_CHECKING:
    from anabranch.training.optimizer import Adam

OPTIMIZERS: "Table[type[Adam]]" = Table({"adam": "anabranch.training.optimizer:Adam"})
