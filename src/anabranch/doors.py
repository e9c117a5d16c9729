"""What sampling, estimates and exact answers are asked about: a policy; anything else is a sentence."""

from typing import Any

from anabranch.arguments import require_instance
from anabranch.policy import Policy


def require_policy(policy: Any, *, argument: str = "policy") -> None:
    """Raise ConfigError where an argument is no trained or fresh policy (a whole run, a recipe, a name)."""
    require_instance(policy, Policy, argument=argument, wanted="a Policy, such as run.policy")
