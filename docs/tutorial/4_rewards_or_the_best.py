# %% [markdown]
# # 4. Rewards, or the best
#
# Reinforcement learning and flow networks draw the same trajectories from the same kind of network. They want different things
# of them, and on faces one sees it.

# %%
# %matplotlib inline
import functools
import math

import numpy as np

import anabranch as ab

task = ab.make("faces")


@functools.cache
def trained(objective):
    """A run of faces by an objective, with the settings of the task."""
    return ab.train("faces", objective=objective, seed=0, callback=lambda row: None)


def law(run):
    """The exact probability of each finished face."""
    return ab.exact_law(ab.state_graph(task.env), run.policy, task.log_reward).model


def entropy(p):
    """In nats."""
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


# %% [markdown]
# ## What each of them maximises
#
# Plain reinforcement learning makes the expected reward as large as it can be, $\max_P \sum_x P(x) R(x)$. The sum is largest
# when all of $P$ lies on the best object, or is divided in any way among the best ones. A flow network makes
# $P(x) = R(x) / Z$: nothing is left out that has a reward.
#
# In the library plain reinforcement learning is one more objective, `pg` (the policy gradient), so that everything else is
# equal: network, batch, steps, seed.

# %%
for name in ("tb", "pg"):
    p = law(trained(name))
    reward = float((p * np.exp(ab.log_rewards(ab.state_graph(task.env), task.log_reward))).sum())
    print(f"{name}: mean reward {reward:.4f}, P(happy) {trained(name).evaluate(samples=100).facts['happy']:.4f}")

# %% [markdown]
# ## The galleries of both samplers
#
# 64 faces of each; under every face stands how often it came. Trajectory balance:

# %%
trained("tb").plot()["gallery"]

# %% [markdown]
# Reinforcement learning:

# %%
trained("pg").plot()["gallery"]

# %% [markdown]
# ## The flows of both
#
# The water of trajectory balance reaches eight faces, in proportion to their rewards:

# %%
trained("tb").plot()["graph"]

# %% [markdown]
# That of reinforcement learning runs in one bed:

# %%
trained("pg").plot()["graph"]

# %% [markdown]
# ## How much variety is left: the entropy
#
# The entropy $-\sum_x P(x) \log P(x)$ counts how many objects are really drawn, as a logarithm: $\log n$ for $n$ objects that come
# alike. The target of faces has 2.02 nats. Four happy faces drawn alike would have $\log 4 = 1.39$. One face has 0.

# %%
target = np.exp(ab.log_rewards(ab.state_graph(task.env), task.log_reward))
print(f"target {entropy(target / target.sum()):.3f}, four happy faces {math.log(4):.3f}")
for name in ("tb", "pg"):
    print(f"{name}: {entropy(law(trained(name))):.3f} nats, like {math.exp(entropy(law(trained(name)))):.2f} objects")

# %% [markdown]
# ## Why it ends at a single best face
#
# All four happy faces are worth the same, so that any division among them would be right for the expected reward. The gradient
# does not keep the balance: a face that came more often by chance is made more probable, comes more often, and in the end
# takes all. Nothing in the reward or the loss tells of it. That is the reason why the library measures the exact distribution
# and says in words what it finds:

# %%
for finding in trained("pg").diagnose():
    print(f"{finding.what}: {finding.evidence}")

# %% [markdown]
# ## When does one want which?
#
# | you want | take |
# |---|---|
# | one object, the best, and the reward is exactly what you mean | reinforcement learning, or a search |
# | many good objects that differ: candidates for an experiment, hypotheses, designs | a flow network |
# | samples of a distribution that is known up to its sum, a posterior | a flow network |
# | the best objects, and not to be fooled by a reward that is only a model | a flow network on $R^\beta$ with a larger $\beta$ |
#
# The last row is a dial between both: with $R^\beta$ and a large $\beta$ the flow network draws the best objects too, all of
# them.

# %%
beta = 8.0
target = np.exp(beta * ab.log_rewards(ab.state_graph(task.env), task.log_reward))
print(
    f"R^{beta:g}: P(happy) = {target[target > 1].sum() / target.sum():.4f}, entropy {entropy(target / target.sum()):.3f} nats"
)

# %% [markdown]
# There are objectives of reinforcement learning that keep the entropy and end at $R / Z$ as well: `soft-dqn`, `soft-pg` and `pcl`
# are among the [objectives](../objectives.md). [Next: any space](5_any_space.py).
