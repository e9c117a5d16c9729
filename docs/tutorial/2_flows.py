# %% [markdown]
# # 2. Flows
#
# A GFlowNet builds an object step by step, and draws each finished object $x$ with a probability proportional to its
# reward $R(x)$. The example is *faces*. A face is built from six parts, two mouths and four eyebrows, in three steps.
# A happy face has reward 2, a sad one 1, and a face with overlapping or missing parts 0.
#
# Run the next cell first. Every section after it can then be run alone, and in any order.

# %%
"""What the sections of this part need."""

import math
from functools import cache

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import anabranch as ab
from anabranch.plots import state_graph_figure

np.set_printoptions(precision=4, suppress=True)
plt.switch_backend(plt.get_backend())  # so that a notebook shows figures inline
FACES = ab.make("faces")  # the space, its reward, and settings that suit it
ENV = FACES.env
GRAPH = ab.state_graph(ENV)  # all states and edges
FLOWS = ab.exact_flows(GRAPH, FACES.log_reward)  # the flow that the reward determines, in nats


@cache
def trained(objective):
    """Faces, trained by one objective; remembered, so that each is trained once."""
    return ab.train("faces", objective=objective, seed=0, callback=lambda row: None)


def river(policy, title):
    """The picture of a policy on the faces: all states, and streams as wide as their flow."""
    law = ab.exact_law(GRAPH, policy, FACES.log_reward)
    figure = state_graph_figure(GRAPH, law.law, law.log_reward, log_z=FLOWS.log_z, title=title)
    figure.set_dpi(70)
    return figure


def edge_flows(state):
    """F(s)[a] of every action at one state, as flow matching has learned it; 0 where the action is not allowed."""
    policy = trained("fm").policy
    log_flows = policy.heads(state).forward + policy.log_flow_offset + policy.level
    allowed = jnp.append(ENV.legal(state), ENV.can_stop(state))
    return jnp.where(allowed, jnp.exp(log_flows), 0.0)


# %% [markdown]
# ## Why is it called a flow?
#
# Think of water in pipes. The states are the junctions: the empty face, the faces with one part, with two, with
# three. An action is a pipe from one junction to the next. Water enters at one place only, the empty face. At every
# junction it divides among the pipes that leave it, and where pipes meet it joins again. It leaves the network at the
# finished faces. A drop of water takes a random path. If the pipes have the right widths, the drop arrives at each
# finished face with a probability proportional to the reward of that face.
#
# $F(s \to t)$, the *edge flow*, is the water in the pipe from $s$ to $t$. $F(s)$, the *state flow*, is the water
# through the junction $s$. $Z = F(s_0)$ is all the water that enters.

# %%
print(GRAPH)
print(f"all the water, Z = {np.exp(FLOWS.log_state[0]):.4f}")

# %% [markdown]
# ## What does conservation say?
#
# No water is lost and none appears. What flows into an inner state flows out of it:
#
# $$\sum_{s} F(s \to t) = F(t) = \sum_{u} F(t \to u)$$

# %%
edge_flow = np.exp(FLOWS.log_edge)
inflow = np.bincount(GRAPH.target, edge_flow, minlength=GRAPH.num_states)  # the sum on the left
outflow = np.bincount(GRAPH.source, edge_flow, minlength=GRAPH.num_states)  # the sum on the right
inner = ~GRAPH.can_stop & (np.arange(GRAPH.num_states) > 0)
print(inner.sum(), "inner states, largest difference", np.abs(inflow - outflow)[inner].max())

# %% [markdown]
# ## Where does the reward come in?
#
# At the end. The flow that leaves the network at a finished object is its reward:
#
# $$F(x \to \text{stop}) = R(x) \quad \quad Z = \sum_x R(x)$$
#
# All other flows follow by conservation, once it is known how the water into a state is divided among its parents.

# %%
reward = np.exp(ab.log_rewards(GRAPH, FACES.log_reward))
values, counts = np.unique(reward.round(6), return_counts=True)
for value, count in zip(values, counts, strict=True):
    print(f"{count} faces with reward {value}")
print(f"sum of all rewards {reward.sum():.4f}, flow of the empty face {np.exp(FLOWS.log_state[0]):.4f}")

# %% [markdown]
# ## What is P_F?
#
# The *forward policy* is the normalised flow. A drop at $s$ takes a pipe with the share that the pipe has in $F(s)$:
#
# $$P_F(t \mid s) = \frac{F(s \to t)}{F(s)}$$
#
# The *backward policy* looks at the same pipe from its other end: where has a drop at $t$ come from?
#
# $$P_B(s \mid t) = \frac{F(s \to t)}{F(t)}$$

# %%
for edge in np.nonzero(GRAPH.source == 0)[0]:  # out of the empty face
    p_f = np.exp(FLOWS.log_edge[edge] - FLOWS.log_state[0])
    print(f"to {GRAPH.show(GRAPH.target[edge]):16} flow {np.exp(FLOWS.log_edge[edge]):.4f}   P_F {p_f:.4f}")
happy = int(np.argmax(FLOWS.log_stop))  # one of the best faces
for edge in np.nonzero(GRAPH.target == happy)[0]:
    p_b = np.exp(FLOWS.log_edge[edge] - FLOWS.log_state[happy])
    print(f"from {GRAPH.show(GRAPH.source[edge]):31} flow {np.exp(FLOWS.log_edge[edge]):.4f}   P_B {p_b:.4f}")

# %% [markdown]
# ## Why is p(x) proportional to R(x)?
#
# Multiply $P_F$ along a trajectory $s_0 \to s_1 \to s_2 \to x$ and write each factor as a quotient of flows. With
# $F(s \to t) = F(t) P_B(s \mid t)$ every inner $F(s_t)$ appears once above and once below the line, and cancels:
#
# $$\prod_t P_F = \prod_t \frac{F(s_{t+1})}{F(s_t)} P_B(s_t \mid s_{t+1}) = \frac{R(x)}{Z} \prod_t P_B$$
#
# Sum over all trajectories that end in $x$. The products of $P_B$ are the probabilities of all ways back from $x$ to
# the start, and their sum is 1. What remains is
#
# $$p(x) = \frac{R(x)}{Z}$$
#
# The cell follows the water through all states, with $P_F$ alone, and compares where it arrives with $R / Z$.

# %%
law = ab.exact_law(GRAPH, ab.exact_policy(FLOWS), FACES.log_reward)
reward = np.exp(law.log_reward)
print(f"largest difference between p(x) and R(x) / Z: {np.abs(law.model - reward / reward.sum()).max():.1e}")
smiles = np.array([GRAPH.decode(int(number))[0] == "smile" for number in GRAPH.objects])
print(f"probability of a happy face {law.model[smiles].sum():.4f}, of a sad one {law.model[~smiles].sum():.4f}")

# %% [markdown]
# ## What do all valid paths look like?
#
# The picture shows the exact flow of the faces. Each column is one step further, and each stream is as wide as its
# flow. A thin grey line is an edge without any flow: it leads to invalid faces only. Every valid face can be built in
# $3! = 6$ orders, and every order is one path.

# %%
paths, valid = GRAPH.path_count, np.isfinite(FLOWS.log_stop)
print(f"{GRAPH.num_trajectories} paths, {paths[valid].sum():.0f} of them end in one of {valid.sum()} valid faces")
river(ab.exact_policy(FLOWS), "The exact flow of the faces")

# %% [markdown]
# ## How is a flow worked out by hand?
#
# Take six states. From *start* one goes *left* or *right*. From *left* one reaches the objects $x$ and $y$, from
# *right* the objects $y$ and $z$. The rewards are $R(x) = 1$, $R(y) = 4$, $R(z) = 3$. The object $y$ has two parents;
# we choose to divide its water equally, $P_B(\text{left} \mid y) = P_B(\text{right} \mid y) = \frac{1}{2}$.
#
# 1. **Rewards are the flows at the end.** $F(x) = 1$, $F(y) = 4$, $F(z) = 3$.
# 2. **Go backward and divide by $P_B$.** $F(\text{left} \to x) = 1$, $F(\text{left} \to y) = \frac{1}{2} \cdot 4 = 2$,
#    $F(\text{right} \to y) = \frac{1}{2} \cdot 4 = 2$, $F(\text{right} \to z) = 3$.
# 3. **Add up what leaves each state.** $F(\text{left}) = 1 + 2 = 3$, $F(\text{right}) = 2 + 3 = 5$.
# 4. **Do the same at the start.** $Z = F(\text{start}) = 3 + 5 = 8$, which is also $1 + 4 + 3$.
# 5. **Normalise.** $P_F(\text{left} \mid \text{start}) = \frac{3}{8}$, $P_F(y \mid \text{left}) = \frac{2}{3}$,
#    $P_F(y \mid \text{right}) = \frac{2}{5}$.
# 6. **Check.** $p(y) = \frac{3}{8} \cdot \frac{2}{3} + \frac{5}{8} \cdot \frac{2}{5} = \frac{1}{2}$, which is
#    $\frac{R(y)}{Z} = \frac{4}{8}$.
#
# The library does the same. `ab.tabulate` makes a space of a plain Python function, `ab.state_graph` lists it, and
# `ab.exact_flows` goes backward as in steps 1 to 4.

# %%
children = {"start": ["left", "right"], "left": ["x", "y"], "right": ["y", "z"]}
env = ab.tabulate("start", lambda state: children.get(state, []))
log_reward = env.table(lambda item: {"x": 1, "y": 4, "z": 3}[item])
graph = ab.state_graph(env)
flows = ab.exact_flows(graph, log_reward)
for state in range(graph.num_states):
    print(f"F({graph.decode(state)}) = {np.exp(flows.log_state[state]):.4g}")
for source, target, log_flow in zip(graph.source, graph.target, flows.log_edge, strict=True):
    share = np.exp(log_flow - flows.log_state[source])
    print(f"F({graph.decode(source)} -> {graph.decode(target)}) = {np.exp(log_flow):.4g}   P_F = {share:.4g}")

law = ab.exact_law(graph, ab.exact_policy(flows), log_reward)
for number, chance in zip(graph.objects, law.model, strict=True):
    print(f"p({graph.decode(int(number))}) = {chance:.4g}")

# %% [markdown]
# ## Why a network at all, when the flow can be solved?
#
# The exact flow needs every state. Six states are worked out on paper, and the faces in a moment by a computer. But
# the number of states grows exponentially with the size of the objects, and soon they cannot even be listed. A
# network has a fixed number of parameters, and it *generalises*: it gives sensible flows for states that it has never
# seen, because they resemble states that it has.
#
# Small spaces have one advantage: there the truth is known, and can stand beside whatever was learned. The cell
# counts the states of "choose up to half of $n$ items" beside the parameters of a network for the same task.

# %%
print("items, states, parameters")
for items in (6, 10, 20, 50, 100):
    states = sum(math.comb(items, k) for k in range(items // 2 + 1))
    parameters = (items + 1) * 64 + (64 + 1) * 64 + (64 + 1) * (items + 1)  # two hidden layers of 64 units
    print(f"{items:5} {states:39,} {parameters:11,}")
try:
    ab.state_graph(ab.make("bits-120").env, seconds=0.5)
except ab.SpaceTooLargeError as error:
    print("strings of 120 bits:", error)

# %% [markdown]
# ## What are the training data?
#
# There are none. The sampler makes its own: in each step it draws a batch of trajectories from its present policy
# (with a few random actions mixed in, so that nothing stays unseen), asks for the rewards of the objects at their
# ends, and corrects its flows. At first many of its faces are invalid.

# %%
run = trained("tb")
before = ab.init(run.setup, seed=0).policy  # the same network before the first step
for name, policy in (("before training", before), ("after training", run.policy)):
    drawn = ab.sample(ENV, policy, 16, seed=0, log_reward=FACES.log_reward)
    print(f"{name}: rewards of one batch", np.exp(drawn.log_reward).round(4))

# %% [markdown]
# ## Must the flow be known for the training?
#
# No. The training asks for the rewards of the objects that it drew, and for nothing else. Neither $Z$ nor any flow
# inside is given. Both sides of a balance contain flows that the network guesses, and the training makes the two
# sides agree. $Z$ is itself a learned number. The exact flow is only used afterwards, to see how good the guess is.

# %%
run = trained("tb")
for row in run.history[:: max(1, len(run.history) // 6)]:
    print(f"step {row['step']:5}   learned log Z {row['log_z']:.4f}")
print(f"the exact log Z, which the training never saw: {FLOWS.log_z:.4f}")

# %% [markdown]
# ## What does the network put out?
#
# One number for each action, $F(s)[a]$: the flow of the edge that action $a$ takes out of $s$. The input is the
# state, as six zeros and ones. The output has seven numbers, for the six parts and for STOP. They are logarithms, so
# that no flow is negative:
#
# $$F(s)[a] = F(s \to s_a) = \exp(l_a)$$
#
# This is how flow matching reads a network. The other objectives read the same outputs as logits of $P_F$ only, and
# learn $Z$ or $F(s)$ as separate numbers. The library keeps logarithms relative to a typical reward, its *level*, so
# that all outputs are near 0; the cell adds it again. The sum of the numbers is $Z$. Each of them may differ from the
# exact flow above: flow matching chooses for itself how water divides on its way.

# %%
print("input: ", np.asarray(ENV.initial(), int))
print("output:", np.asarray(edge_flows(ENV.initial())))
print("sum:   ", edge_flows(ENV.initial()).sum(), " Z:", np.exp(FLOWS.log_z).round(4))

# %% [markdown]
# ## How does a policy come from edge flows?
#
# Divide each edge flow by their sum. That is the definition of $P_F$ again, now with learned flows:
#
# $$P_F(a \mid s) = \frac{F(s)[a]}{\sum_b F(s)[b]}$$
#
# In log space the same is a softmax of the logarithms. To draw an action is then to draw from these probabilities.

# %%
flows = edge_flows(ENV.initial())
print("formula:", np.asarray(flows / flows.sum()))
print("softmax:", np.asarray(jax.nn.softmax(jnp.log(flows))))
action = jax.random.categorical(jax.random.key(0), jnp.log(flows))
print("one draw:", ENV.show(ENV.step(ENV.initial(), action)))

# %% [markdown]
# ## Why does no part come twice?
#
# Because of the mask. A part that the face already has is not allowed: its flow is set to 0 before the normalisation,
# so that its probability is exactly 0. With the state $x$ as zeros and ones, $1 - x$ is 1 for the parts that are
# missing. A common trick writes the mask as a product:
#
# $$F(s)[a] = \exp(l_a) \cdot (1 - x_a)$$
#
# The trick is right, with one weakness. In single precision $\exp(l)$ overflows for $l$ above about 88, and infinity
# times 0 is not a number. A mask in log space puts $-\infty$ in the place of the logit before $\exp$ is taken, and
# has no such weakness. The environment's method `legal` is this mask. STOP is an action like the others, and
# `can_stop` is its mask.

# %%
state = ENV.step(ENV.step(ENV.initial(), jnp.array(0)), jnp.array(2))  # a smile, and the left brow up
x = state.astype(float)
logits = trained("fm").policy.heads(state).forward[:6]
print(ENV.show(state), " x =", np.asarray(x), " legal:", np.asarray(ENV.legal(state)))

trick = jnp.exp(logits) * (1 - x)
masked = jnp.where(ENV.legal(state), logits, -jnp.inf)
print("P_F by the trick:       ", np.asarray(trick / trick.sum()))
print("P_F by the mask in logs:", np.asarray(jax.nn.softmax(masked)))
print("the trick with a logit of 100 at a part that is there:", jnp.exp(100.0) * (1 - 1.0))
