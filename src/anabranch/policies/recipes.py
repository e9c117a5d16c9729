"""The recipes of policies, by name."""

from typing import TYPE_CHECKING

from anabranch.ground.tables import Table

if TYPE_CHECKING:
    from anabranch.policies.heads import PolicyRecipe

POLICIES: "Table[type[PolicyRecipe]]" = Table(
    {
        "mlp": "anabranch.policies.mlp:MLP",
        "transformer": "anabranch.policies.transformer:Transformer",
        "graph": "anabranch.policies.graph_network:GraphNetwork",
        "drift": "anabranch.policies.drift:Drift",
        "tabular": "anabranch.policies.tabular:Tabular",
    },
    group="anabranch.policies",
    base=".build",
)
