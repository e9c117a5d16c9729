# %% [markdown]
# # 4. All in proportion, or the best one
#
# Reinforcement learning (RL) and a GFlowNet can share the space, the reward and the network. They differ in what they
# aim at. RL looks for the largest reward. A GFlowNet draws every object in proportion to its reward. This part trains
# both on the faces and looks at the difference.
#
# Run the next cell first. Every section after it can then be run alone, and in any order.

# %%
"""What the sections of this part need."""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import anabranch as ab

plt.switch_backend(plt.get_backend())  # so that a notebook shows figures inline
FACES = ab.make("faces")
GRAPH = ab.state_graph(FACES.env)
NAMES = {"tb": "GFlowNet (tb)", "pg": "RL (pg)"}


@cache
def trained(objective, happy=2.0):
    """Faces, trained by one objective, for a reward of happy faces; remembered, so that each is trained once."""
    task = ab.make("faces", reward={"happy": happy})
    return ab.train(task, objective=objective, seed=0, callback=lambda row: None)


@cache
def pictures(objective):
    """All pictures of a run, by name."""
    return trained(objective).plot()


def picture(objective, name):
    """One picture of a run, in a size for a notebook."""
    figure = pictures(objective)[name]
    figure.set_dpi(70)
    return figure


def law_of(run):
    """The exact law of a sampler, beside R / Z."""
    return ab.exact_law(GRAPH, run.policy, run.setup.log_reward)


def entropy(law):
    """The entropy of a law in nats; what is never drawn does not count."""
    drawn = law[law > 0]
    return np.sum(drawn * -np.log(drawn))


def show(name, law, chances):
    """Print the expected reward, P(happy) and the entropy of a law over the 20 faces."""
    happy = np.array(["smile" in GRAPH.decode(int(number)) for number in GRAPH.objects])
    valid = np.isfinite(law.log_reward)
    smiling = chances[happy & valid].sum() / chances[valid].sum()
    expected = np.sum(chances * np.exp(law.log_reward))
    print(f"{name:22} E[R] {expected:.4f}   P(happy) {smiling:.4f}   entropy {entropy(chances):.4f}")


# %% [markdown]
# ## What does each aim at?
#
# Plain RL maximises the expected reward of the objects that the policy $\pi$ draws:
#
# $$\max_\pi \quad E[R] = \max_\pi \sum_x \pi(x) R(x)$$
#
# A GFlowNet does not maximise. It looks for the one law
#
# $$\pi(x) = \frac{R(x)}{Z} \quad \quad Z = \sum_x R(x)$$
#
# For RL the reward says how good an object is. For a GFlowNet it says how *often* an object should come. The cell
# computes $E[R]$ of both laws on the faces, without any training.

# %%
reward = np.exp(ab.log_rewards(GRAPH, FACES.log_reward))  # R of each of the 20 faces
in_proportion = reward / reward.sum()  # R / Z
one_best = np.zeros(reward.size)
one_best[np.argmax(reward)] = 1.0
print(f"always one happy face: E[R] = {np.sum(one_best * reward):.4f}, entropy {entropy(one_best):.4f}")
print(f"in proportion to R:    E[R] = {np.sum(in_proportion * reward):.4f}, entropy {entropy(in_proportion):.4f}")

# %% [markdown]
# ## How is each trained?
#
# The objective `pg` is plain RL, the policy gradient (REINFORCE). It makes the actions of a trajectory more likely
# when the reward is above the mean of the batch, and less likely when it is below:
#
# $$\mathcal{L} = - (R(x) - \text{baseline}) \sum_t \log P_F(s_{t+1} \mid s_t)$$
#
# The objective `tb` is trajectory balance. Its loss is 0 when the flow is right, and then nothing moves any more:
#
# $$\mathcal{L} = (\log Z + \sum_t \log P_F - \log R(x) - \sum_t \log P_B)^2$$
#
# Space, reward, network, batch and number of steps are the same for both.

# %%
for objective, name in NAMES.items():
    run = trained(objective)
    print(f"{name:14} {run.steps:,} steps of {run.setup.batch}, network {run.setup.policy}, {run.seconds:.2f} s")

# %% [markdown]
# ## What does the GFlowNet draw?
#
# The gallery shows the different faces among 64 draws, the most frequent first, with their counts. Yellow faces are
# happy, blue ones sad. All eight valid faces are there.

# %%
picture("tb", "gallery")

# %% [markdown]
# ## What does reinforcement learning draw?
#
# The same face, 64 times.

# %%
picture("pg", "gallery")

# %% [markdown]
# ## What does the flow of the GFlowNet look like?
#
# The water parts over all orders of building, and arrives at the valid faces in proportion to their reward.

# %%
picture("tb", "graph")

# %% [markdown]
# ## What does the flow of reinforcement learning look like?
#
# All the water runs to one face. The other three happy faces are worth as much, and stay dry.

# %%
picture("pg", "graph")

# %% [markdown]
# ## How far apart are they in numbers?
#
# *P(happy)* is the probability that a valid face smiles. It should be $\frac{8}{12}$ in proportion to the reward. The
# entropy measures how many different faces are drawn:
#
# $$H(\pi) = - \sum_x \pi(x) \log \pi(x)$$
#
# A sampler of one single face has entropy 0. A sampler that draws the four happy faces equally often has entropy
# $\log 4$; it has the same $E[R]$ as the single face. The target has a higher entropy than both.

# %%
target = law_of(trained("tb"))
four = np.where(np.isclose(target.target, target.target.max()), 0.25, 0.0)
for objective, name in NAMES.items():
    show(name, target, law_of(trained(objective)).model)
show("target R / Z", target, target.target)
show("four happy faces", target, four)
print(f"log 4 = {np.log(4):.4f}")

# %% [markdown]
# ## Why does reinforcement learning end at one best object?
#
# The expected reward is linear in the law. It is largest when all probability lies on best objects, and it does not
# matter how the probability is divided among them. One happy face is as good as four. So nothing in the aim keeps the
# four apart, and nothing brings a lost one back.
#
# Chance decides which one remains. In a batch one happy face comes more often than the others, by luck. Its actions
# become more likely, so that it comes more often still. A face that is no longer drawn gives no gradient any more.
#
# The cell trains with four seeds. Each ends at a happy face with nearly all of the probability. Which one it is
# depends on the seed. The loss and the mean reward look perfect all the same; only the entropy shows what was lost.

# %%
runs = ab.train("faces", objective="pg", seed=0, seeds=4, steps=3_000, callback=lambda row: None)
for seed, run in enumerate(runs.each()):
    law = law_of(run)
    best = int(np.argmax(law.model))
    face = GRAPH.show(int(GRAPH.objects[best]))
    expected = np.sum(law.model * np.exp(law.log_reward))
    print(f"seed {seed}: {face:48} probability {law.model[best]:.4f}   E[R] {expected:.4f}")

# %% [markdown]
# ## What happens when the reward changes?
#
# Make a happy face worth 4. The best faces are the same as before, so that the answer of RL cannot change. The
# GFlowNet follows the number: now $P(\text{happy}) = \frac{4 \cdot 4}{4 \cdot 4 + 4 \cdot 1}$.

# %%
for happy in (2.0, 4.0):
    for objective, name in NAMES.items():
        law = law_of(trained(objective, happy))
        learned = law.fact(FACES.facts["happy"])
        print(f"happy faces worth {happy}: {name:14} P(happy) {learned:.4f}, in proportion {happy / (happy + 1):.4f}")

# %% [markdown]
# ## When does one want which?
#
# Use RL when one object is enough and the reward is exactly what you want: the shortest route, the best move.
#
# Use a GFlowNet when you want *many different* good objects, or the law itself:
#
# - **The reward is only a proxy.** A score of molecules is computed quickly and is often wrong. The best by score may
#   fail in the laboratory. A hundred different good ones are a better bet than one.
# - **The reward is a posterior.** $R$ is a likelihood times a prior, and the answer is the whole posterior. A sampler
#   that draws the mode only hides all uncertainty.
# - **There are several modes.** The sampler should visit each, in proportion to its weight.
#
# Between the two lies one number, an exponent. A GFlowNet that is trained on $R(x)^\beta$ draws better objects as
# $\beta$ grows, and approaches the best ones without dropping any of equal reward:
#
# $$p(x) \propto R(x)^\beta$$

# %%
log_reward = ab.log_rewards(GRAPH, FACES.log_reward)
for beta in (1.0, 2.0, 4.0, 16.0):
    law = ab.target_distribution(beta * log_reward)  # proportional to R to the power of beta
    print(f"beta {beta:4.0f}: E[R] {np.sum(law * np.exp(log_reward)):.4f}   entropy {entropy(law):.4f}")
print(f"four happy faces: E[R] {np.exp(log_reward.max()):.4f}   entropy {np.log(4):.4f}")
