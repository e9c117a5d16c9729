"""From the reward function of a user to the reward under a condition, and back."""

from typing import Any

from anabranch.environment import Environment
from anabranch.rewards.conditional import ConditionalReward, require_columns
from anabranch.rewards.conditional_host import ConditionalPythonReward
from anabranch.rewards.conditions.base import Condition
from anabranch.rewards.host_reward import PythonReward
from anabranch.rewards.log_reward import LogReward, usable_log_reward


def under_condition(env: Environment, log_reward: Any, condition: Condition) -> LogReward:
    """The reward of a space under a condition: a JAX function, or one in plain Python.

    Raises RewardError for what is no function, and for the wrong number of columns.
    """
    if isinstance(log_reward, ConditionalPythonReward | ConditionalReward):
        return log_reward
    reward = usable_log_reward(env, log_reward, columns=True)
    if isinstance(reward, PythonReward):
        return ConditionalPythonReward.under(condition, reward, env)
    require_columns(env, reward, condition)
    return ConditionalReward(reward, condition)


def without_condition(log_reward: Any) -> LogReward:
    """The reward function as it was given: log R(x), or a row of columns."""
    if isinstance(log_reward, ConditionalPythonReward):
        return log_reward.plain
    return log_reward.worth if isinstance(log_reward, ConditionalReward) else log_reward
