"""From the condition that a training is given to the space and the reward under it."""

import dataclasses
from typing import Any

from anabranch.ground.arguments import require_instance
from anabranch.ground.errors import ConfigError, named
from anabranch.policies.at_condition import held_at_its_level
from anabranch.policies.heads import Policy
from anabranch.policies.observation import observer
from anabranch.rewards.conditional import ConditionalReward
from anabranch.rewards.conditional_host import ConditionalPythonReward
from anabranch.rewards.conditions import CONDITIONS
from anabranch.rewards.conditions.base import Condition
from anabranch.training.settings import Setup


def condition_of(choice: Any) -> Condition:
    """The condition of that name with its defaults, or the one given. Raises ConfigError for an unknown name."""
    if isinstance(choice, str):
        return named(choice, CONDITIONS, "condition")()
    expected = 'a Condition such as Temperature(low=0.25, high=8.0), or a name such as "temperature"'
    require_instance(choice, Condition, argument="condition", expected=expected)
    return choice


def setup_at(setup: Setup, value: Any) -> Setup:
    """The training as it would be under one condition alone, given as arrays."""
    condition, reward = setup.condition, setup.log_reward
    assert condition is not None
    assert isinstance(reward, ConditionalReward | ConditionalPythonReward)
    space, level = setup.env.unconditioned, condition.level_at(setup.level, value)
    changes = {"env": space, "observer": observer(space), "log_reward": reward.at(value), "level": level}
    return dataclasses.replace(setup, **changes, condition=None)


def in_the_middle(setup: Setup) -> Setup:
    """The training at the middle of its conditions: what is shown of it while it goes on; itself without conditions."""
    return setup if setup.condition is None else setup_at(setup, setup.condition.middle())


def policy_in_the_middle(setup: Setup, policy: Policy) -> Policy:
    """The policy at the middle of the conditions; itself without conditions."""
    return policy if setup.condition is None else held_at_its_level(policy, setup.condition.middle())


def require_conditionable(setup: Setup) -> None:
    """Raise ConfigError where a training cannot have a condition: by its objective, or by a part that knows of none."""
    objective, condition = setup.objective, setup.condition
    assert condition is not None
    name = f"The objective {objective.name}"
    if objective.compares_trajectories:
        raise ConfigError(f"{name} compares trajectories of one batch, which have different conditions: choose tb, db.")
    if objective.needs_data or "log_prior" in objective.needs:
        raise ConfigError(f"{name} cannot be conditioned: what it learns from knows of no condition. Choose tb, db.")
    if "energy" in objective.needs:
        raise ConfigError(f"{name} cannot be conditioned: the energy of a partial object has none. Choose db, subtb.")
    for guide in ("teacher", "thompson"):
        if getattr(setup, guide) is not None:
            raise ConfigError(f"A training under a condition has no {guide}: its sampler knows of none. Leave it out.")
    if setup.data is not None:
        raise ConfigError("A training under a condition takes no data set: leave out data=.")
