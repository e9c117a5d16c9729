"""Conditions, one kind a file: what a sampler is asked for beside its space, such as a temperature or a preference."""

from typing import TYPE_CHECKING

from anabranch.ground.tables import Table

if TYPE_CHECKING:
    from anabranch.rewards.conditions.base import Condition

CONDITIONS: "Table[type[Condition]]" = Table(
    {
        "temperature": "anabranch.rewards.conditions.temperature:Temperature",
        "preferences": "anabranch.rewards.conditions.preferences:Preferences",
        "goal": "anabranch.rewards.conditions.goal:Goal",
        "classes": "anabranch.rewards.conditions.classes:Classes",
    },
    group="anabranch.conditions",
    base="anabranch.rewards.conditions.base:Condition",
)
