"""A backward policy by its name."""

from anabranch.environment import Environment
from anabranch.ground.errors import named
from anabranch.policies.backward import BACKWARDS
from anabranch.policies.backward.base import BackwardPolicy


def backward_policy(choice: str | BackwardPolicy, env: Environment) -> BackwardPolicy:
    """The backward policy of that name, or the one given, for an environment; ConfigError for an unknown name."""
    if isinstance(choice, BackwardPolicy):
        return choice.suited(env)
    return named(choice, BACKWARDS, "backward policy")().suited(env)
