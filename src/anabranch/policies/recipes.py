"""The recipes of policies, by name."""

from anabranch.policies.mlp import MLP
from anabranch.policies.tabular import Tabular

POLICIES = {"mlp": MLP, "tabular": Tabular}
