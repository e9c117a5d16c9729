# %% [markdown]
# # 1. Logarithms
#
# A flow network multiplies many probabilities and compares products that differ by hundreds of orders of magnitude. This
# page has the four tools that every later page uses. Each formula stands beside the line of code that is it.

# %%
import math

import numpy as np

# %% [markdown]
# ## Logarithms, and why training lives in log space
#
# A logarithm turns a product into a sum: $\log(a b) = \log a + \log b$. The logarithm here is the natural one, and its unit
# is the *nat*.
#
# The computer's numbers end. A 64-bit number holds about $10^{-308}$ to $10^{308}$. A product of two small numbers is then
# 0, a product of two large ones is infinite, and both are wrong without a warning.

# %%
small, large = 1e-300, 1e300
print("products:  ", small * small, large * large)
print("logarithms:", math.log(small) + math.log(small), math.log(large) + math.log(large))

# %% [markdown]
# The logarithms are ordinary numbers of a few hundred or thousand. That is why everything in the library whose name begins
# with `log_` is a logarithm in nats: rewards, flows, probabilities.
#
# A sum of numbers whose logarithms are known is the *log-sum-exp*:
#
# $$\log \sum_i \exp(a_i) = m + \log \sum_i \exp(a_i - m), \quad m = \max_i a_i$$
#
# The largest term becomes $\exp(0) = 1$, so that nothing overflows.


# %%
def log_sum_exp(a):
    m = np.max(a)
    return m + np.log(np.sum(np.exp(a - m)))


a = np.array([1000.0, 1000.0, 999.0])
with np.errstate(over="ignore"):
    print("directly:   ", np.log(np.sum(np.exp(a))))
print("log-sum-exp:", log_sum_exp(a))

# %% [markdown]
# ## Softmax and log-softmax
#
# A network puts out any real numbers, the *logits*. The softmax makes a distribution of them:
#
# $$p_i = \frac{\exp(a_i)}{\sum_j \exp(a_j)}, \quad \log p_i = a_i - \log \sum_j \exp(a_j)$$
#
# The second form is the log-softmax. It is exact where the first one underflows.


# %%
def log_softmax(a):
    return a - log_sum_exp(a)


logits = np.array([2.0, 1.0, -800.0])
print("softmax:    ", np.exp(log_softmax(logits)))
print("log-softmax:", log_softmax(logits))

# %% [markdown]
# ## Why the softmax is no layer
#
# A layer has parameters that are learned. The softmax has none. It also forgets something: adding the same number to all
# logits changes no probability. A flow network needs what it forgets, because the sum of the flows out of a state is the
# flow of that state. So the network ends with the logits, and the softmax is applied where probabilities are asked for.
#
# The same place holds the *mask*. An action that is not allowed gets the logit $-\infty$ before the softmax, and then has
# probability 0 exactly.

# %%
legal = np.array([True, False, True])
masked = np.where(legal, np.array([0.3, 2.5, -0.4]), -np.inf)
print("P:       ", np.exp(log_softmax(masked)))
print("P of logits + 7:", np.exp(log_softmax(masked + 7.0)))

# %% [markdown]
# ## NLL, cross-entropy and MSE, and which one trains a flow
#
# | loss | formula | compares |
# |---|---|---|
# | negative log-likelihood (NLL) | $-\log p_k$ | a distribution with one right answer $k$ |
# | cross-entropy | $-\sum_i q_i \log p_i$ | a distribution with a distribution $q$; the NLL is its case of one answer |
# | mean squared error (MSE) | $(a - b)^2$ | a number with a number |
#
# A classifier is trained by the first two, because its data say which answer is right. A flow network has no right action:
# there are many ways to the same object. It has an *equation* instead, whose two sides must agree. So it is trained by a
# squared difference, and because both sides are products, by the squared difference of their logarithms:
#
# $$\Big(\log \text{left side} - \log \text{right side}\Big)^2$$
#
# The difference is called the *residual*. It treats an error of a factor of two alike, whether the flow is 1e-9 or 1e9.

# %%
for left, right in [(2.0, 1.0), (2e-9, 1e-9), (2e9, 1e9)]:
    print(f"{left:g} and {right:g}: MSE {(left - right) ** 2:.3g}, in log space {(math.log(left / right)) ** 2:.4f}")

# %% [markdown]
# Maximum likelihood trains a flow network too, where objects are given as data; then it is the NLL of whole trajectories
# (`objective="ml"`). Everything else in this tutorial needs no data. [Next: flows](2_flows.py).
