"""From the reward function of a user to the reward under a condition, and back."""

from typing import Any

from anabranch.environment import Environment, require_environment
from anabranch.rewards.conditional import ConditionalReward, require_worth
from anabranch.rewards.conditional_host import ConditionalPythonReward
from anabranch.rewards.conditions.base import Condition
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward


def under_condition(env: Environment, log_reward: Any, condition: Condition) -> LogReward:
    """The reward of a space under a condition: a JAX function, or one in plain Python.

    Raises RewardError for what is no function, and for the wrong number of columns.
    """
    require_environment(env)
    if isinstance(log_reward, ConditionalPythonReward | ConditionalReward):
        return log_reward
    why = None if isinstance(log_reward, PythonReward) else require_worth(env, log_reward, condition)
    if why is None and not isinstance(log_reward, PythonReward):
        return ConditionalReward(log_reward, condition)
    reward = log_reward if why is None else PythonReward(function=log_reward, untraceable=why)
    return ConditionalPythonReward.under(condition, reward.on(env), env)


def without_condition(log_reward: Any) -> LogReward:
    """The reward function as it was given: log R(x), or a row of columns."""
    if isinstance(log_reward, ConditionalPythonReward):
        return log_reward.plain
    return log_reward.worth if isinstance(log_reward, ConditionalReward) else log_reward
