# %% [markdown]
# # 1. Logarithms
#
# A generative flow network (GFlowNet) learns with logarithms of flows, of probabilities and of rewards. This part
# explains the tools that it needs for that: logarithms, logsumexp, softmax, masks and losses.
#
# Run the next cell first. Every section after it can then be run alone, and in any order.

# %%
"""What the sections of this part need."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import log_softmax, softmax
from jax.scipy.special import logsumexp

import anabranch as ab

np.set_printoptions(precision=4, suppress=True)


@cache
def trained(objective):
    """Faces, trained by one objective; remembered, so that each is trained once."""
    return ab.train("faces", objective=objective, seed=0, callback=lambda row: None)


def laws(objective):
    """The exact target law p = R / Z and the exact law q of a trained sampler, over all 20 faces."""
    run = trained(objective)
    law = ab.exact_law(ab.state_graph(run.setup.env), run.policy, run.setup.log_reward)
    return law.target, law.model


# %% [markdown]
# ## What is a logarithm?
#
# The logarithm of $x$ is the number $y$ with $\exp(y) = x$. We always mean the natural logarithm. Its unit is the
# *nat*. A logarithm turns products into sums, and quotients into differences:
#
# $$\log(a b) = \log a + \log b \quad \quad \log \frac{a}{b} = \log a - \log b$$
#
# Three values are worth remembering. $\log 1 = 0$. The logarithm of a probability is at most 0. The logarithm of 0 is
# $-\infty$.

# %%
a, b = 2.0, 12.0
print("log of the product ", np.log(a * b), "  sum of the logs       ", np.log(a) + np.log(b))
print("log of the quotient", np.log(a / b), " difference of the logs", np.log(a) - np.log(b))
print("log 1 =", np.log(1.0), "and log 0 =", jnp.log(0.0))

# %% [markdown]
# ## Why does training live in log space?
#
# The probability of a trajectory is a product, with one factor for each step:
#
# $$P_F(\tau) = \prod_t P_F(s_{t+1} \mid s_t)$$
#
# A computer number has a limited range. In double precision it is about $10^{-308}$ to $10^{308}$, in the single
# precision of neural networks about $10^{-38}$ to $10^{38}$. A product that leaves the range on its way becomes 0 or
# infinity, and no later factor can repair it. The four factors below have the product 1. Plain multiplication does
# not find it. The sum of their logarithms does.

# %%
factors = np.array([1e-300, 1e-300, 1e300, 1e300])

product = 1.0
for factor in factors:
    product = product * factor
    print(f"times {factor:.0e} is {product}")

log_product = np.log(factors).sum()  # the sum of the logarithms
print("sum of the logarithms:", log_product, " so the product is", np.exp(log_product))

# %% [markdown]
# Real trajectories show the same. A string of 200 bits that is built with equal chances for every bit has probability
# $2^{-200}$. Single precision cannot hold it. Its logarithm is an ordinary number.

# %%
chances = jnp.full(200, 0.5)
print("product of 200 chances:", chances.prod(), "  sum of their logarithms:", jnp.log(chances).sum(), "nats")

# %% [markdown]
# There is a second reason. The flows of one space differ by many orders of magnitude. A network that puts out $\log
# F$ only needs numbers of ordinary size for all of them, and its output is never a negative flow, because $\exp$ is
# positive.

# %% [markdown]
# ## How are numbers added when only their logarithms are known?
#
# A flow into a state is a sum of flows. In log space the sum is called *logsumexp*:
#
# $$\log(a + b) = \log(\exp(\log a) + \exp(\log b))$$
#
# Taken literally it overflows. The largest term $m$ is therefore taken out first, which changes nothing in exact
# arithmetic:
#
# $$\log \sum_i \exp(l_i) = m + \log \sum_i \exp(l_i - m) \quad \text{with} \quad m = \max_i l_i$$

# %%
logs = np.array([1000.0, 1000.0, 999.0])
with np.errstate(over="ignore"):
    print("literally:", np.log(np.exp(logs).sum()))

largest = logs.max()
print("with the largest term taken out:", largest + np.log(np.exp(logs - largest).sum()))  # the formula
print("the library function:           ", logsumexp(logs))

# %% [markdown]
# ## What is the softmax?
#
# A softmax turns any numbers $l_a$ into probabilities. The numbers are called *logits*:
#
# $$P(a) = \frac{\exp(l_a)}{\sum_b \exp(l_b)}$$
#
# The probabilities are positive and their sum is 1. The same constant added to all logits changes nothing, because it
# cancels in the quotient.

# %%
logits = jnp.array([2.0, 1.0, 0.0, -1.0])
print("formula: ", jnp.exp(logits) / jnp.exp(logits).sum())
print("function:", softmax(logits), " sum", softmax(logits).sum())
print("shifted: ", softmax(logits + 50.0))

# %% [markdown]
# ## What is the log-softmax?
#
# It is the logarithm of the softmax, computed without leaving log space:
#
# $$\log P(a) = l_a - \log \sum_b \exp(l_b)$$
#
# The logarithm of a computed softmax is worse. A probability that is too small for a computer number has become 0,
# and its logarithm is then $-\infty$.

# %%
logits = jnp.array([0.0, -200.0])
print("formula:           ", logits - logsumexp(logits))
print("function:          ", log_softmax(logits))
print("log of the softmax:", jnp.log(softmax(logits)))

# %% [markdown]
# ## Why is the softmax not a layer?
#
# A layer has parameters that are learned. The softmax has none: it is a fixed function, and nothing in it can be
# trained. The network therefore ends with a linear layer that puts out logits. What is done with the logits is
# decided outside of the network, and for three reasons:
#
# 1. The mask must come before the softmax (next section), and the mask depends on the state.
# 2. The loss needs $\log P$, which the log-softmax computes from logits more exactly.
# 3. The sum over all actions is itself a quantity: in flow matching the logits are logarithms of edge flows, and their
#    logsumexp is $\log F(s)$. A softmax at the end of the network would divide by it and lose it.
#
# The cell shows what the network of a trained sampler puts out for the empty face: one logit for each of the six
# parts and one for STOP. They are not probabilities. The softmax of those that are allowed is.

# %%
run = trained("tb")
env = run.setup.env
empty = env.initial()
raw = run.policy.heads(empty).forward  # the logits, as the last linear layer puts them out
print("logits:", np.asarray(raw), " sum of their exponentials:", jnp.exp(raw).sum())
print("softmax of the six parts:", np.asarray(softmax(raw[:6])))

# %% [markdown]
# ## Where does the mask go?
#
# Some actions are not allowed: a part that the face already has, or STOP before the face is complete. Their logits
# are replaced by $-\infty$ **before** the softmax, because $\exp(-\infty) = 0$: the action gets probability 0, and
# the others share exactly 1:
#
# $$P_F(a \mid s) = \frac{\exp(l_a)}{\sum_{b \text{ allowed}} \exp(l_b)}$$
#
# A mask after the softmax leaves a sum below 1, so that the result is no distribution.

# %%
run = trained("tb")
env = run.setup.env
smile = env.step(env.initial(), jnp.array(0))  # the face with a smile and nothing else
raw = run.policy.heads(smile).forward
allowed = jnp.append(env.legal(smile), env.can_stop(smile))  # six parts, and STOP
print("allowed:", allowed)

before = log_softmax(jnp.where(allowed, raw, -jnp.inf))  # the mask, and then the softmax
after = jnp.where(allowed, softmax(raw), 0.0)
print("mask before the softmax:", np.exp(before), " sum", jnp.exp(before).sum())
print("mask after the softmax: ", np.asarray(after), " sum", after.sum())

# %% [markdown]
# ## What is the negative log-likelihood (NLL)?
#
# A likelihood is the probability that a model gives to the data. The negative log-likelihood of $n$ examples is the
# mean of their negative logarithms:
#
# $$\text{NLL} = - \frac{1}{n} \sum_{i=1}^{n} \log q(x_i)$$
#
# It is small where the model $q$ gives the examples a high probability. It needs examples of the right distribution.
# The cell lets an exact sampler draw faces and computes the NLL of the trained model on them.

# %%
target, model = laws("tb")
examples = np.random.default_rng(0).choice(target.size, size=1_000, p=target)
print("NLL:", -np.log(model[examples]).mean())  # the formula

# %% [markdown]
# ## What is the cross-entropy?
#
# It is the expectation of the NLL, when the examples come from $p$:
#
# $$H(p, q) = - \sum_x p(x) \log q(x)$$
#
# It is never below the entropy $H(p) = H(p, p)$. The difference is the Kullback-Leibler divergence, which is 0 only
# where $q = p$. A classifier is trained with it: there $p$ is 1 for the right class and 0 for the others.


# %%
def cross_entropy(p, q):
    """The cross-entropy of two laws, in nats; what p never draws does not count."""
    drawn = p > 0
    return -np.sum(p[drawn] * np.log(q[drawn]))  # the formula


target, model = laws("tb")
uniform = np.full(target.size, 1.0 / target.size)
print("target with itself (its entropy):", cross_entropy(target, target))
print("target with the trained sampler: ", cross_entropy(target, model))
print("target with a uniform sampler:   ", cross_entropy(target, uniform))

# %% [markdown]
# ## What is the mean squared error (MSE)?
#
# It compares two numbers by the square of their difference:
#
# $$\text{MSE} = \frac{1}{n} \sum_{i=1}^{n} (y_i - z_i)^2$$
#
# It is the loss of regression. It needs two numbers that should be equal, and no probabilities at all.

# %%
y, z = np.array([1.0, 2.0, 4.0]), np.array([1.1, 1.9, 4.2])
print("MSE:", ((y - z) ** 2).mean())  # the formula

# %% [markdown]
# ## Which of them trains a flow?
#
# NLL and cross-entropy need examples of $p(x) = R(x) / Z$. There are none: to draw them is what the sampler has to
# learn. What is known is a balance, an equation whose two sides are equal in a flow. So a flow is trained by
# regression, with the squared difference of two **logarithms**: an MSE in log space between both sides of a balance.
# For trajectory balance the equation is
#
# $$Z \prod_t P_F(s_{t+1} \mid s_t) = R(x) \prod_t P_B(s_t \mid s_{t+1})$$
#
# and the loss of a trajectory is
#
# $$\mathcal{L}(\tau) = (\log Z + \sum_t \log P_F - \log R(x) - \sum_t \log P_B)^2$$
#
# Logarithms also make the loss fair. A flow of 0.1 that should be 0.2 is as wrong as a flow of 100 that should be
# 200. In plain numbers the square would see the second one only.
#
# The cell computes the loss in the form of the formula and by the library's objective, on the same 16 trajectories.

# %%
run = trained("tb")
env, setup = run.setup.env, run.setup
trajectories = ab.sample_trajectories(env, run.policy, 16, seed=1)
log_reward = jax.vmap(setup.log_reward)(trajectories.objects)
floor = jnp.log(setup.zero_floor) + setup.level  # stands for log 0; the third part explains it
log_reward = jnp.where(jnp.isneginf(log_reward), floor, log_reward)
scores = ab.score_trajectories(env, run.policy, trajectories, log_reward)

left = scores.log_z + scores.log_pf.sum(0)  # log Z + sum of log P_F
right = scores.log_reward + scores.log_pb.sum(0)  # log R + sum of log P_B
print("MSE in log space:     ", jnp.mean((left - right) ** 2))
print("loss of the objective:", ab.TrajectoryBalance().loss(scores))

for small, large in ((0.1, 0.2), (100.0, 200.0)):
    plain, logarithmic = (small - large) ** 2, np.log(small / large) ** 2
    print(f"{small} instead of {large}: squared difference {plain:.4g}, of the logarithms {logarithmic:.4g}")
