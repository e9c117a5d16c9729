# %% [markdown]
# # 2. Flows
#
# What a flow network is, on the faces of the first tutorial: six parts (two mouths, four eyebrows), three steps. A happy face
# is worth 2, a sad one 1, and a face that is not one is worth 0.

# %%
# %matplotlib inline
import math

import jax.numpy as jnp
import numpy as np

import anabranch as ab
from anabranch.plots import state_graph_figure
from anabranch.scoring.reading import Reading, heads_at

task = ab.make("faces")
graph = ab.state_graph(task.env)
log_reward = ab.log_rewards(graph, task.log_reward)
flows = ab.exact_flows(graph, task.log_reward)
exact = ab.exact_law(graph, ab.exact_policy(flows), task.log_reward)

# %% [markdown]
# ## The flow network as water in pipes
#
# Objects are built step by step. A *state* is what stands so far, an *edge* is one more step, and a *trajectory* is a whole
# way from the empty state to a finished object $x$. The states and edges form a graph without circles.
#
# Now think of water. It enters at the empty state, divides at every state among the edges that leave it, joins where edges
# meet, and leaves the graph at the finished objects. The litres through an edge are its *flow* $F(s \to t)$, those through a
# state its *state flow* $F(s)$.

# %%
print(graph)

# %% [markdown]
# ## Conservation at inner states
#
# No water is lost: what flows into a state flows out of it.
#
# $$\sum_{s \to t} F(s \to t) = F(t) = \sum_{t \to u} F(t \to u)$$

# %%
flow = np.exp(flows.log_edge)
flow_in = np.zeros(graph.num_states)
flow_out = np.zeros(graph.num_states)
np.add.at(flow_in, graph.target, flow)
np.add.at(flow_out, graph.source, flow)
inner = (flow_in > 0) & (flow_out > 0)
print("inner states:", inner.sum(), " largest |in - out|:", np.abs(flow_in - flow_out)[inner].max())

# %% [markdown]
# ## The reward at the end
#
# At a finished object all water leaves, and it shall be exactly the reward: $F(x) = R(x)$. So the water that enters is the
# sum of all rewards, $Z = \sum_x R(x)$. For faces that is 4 happy faces worth 2 and 4 sad ones worth 1.

# %%
print("Z =", np.exp(flows.log_z), " sum of rewards =", np.exp(log_reward).sum())
print("largest |F(x) - R(x)|:", np.abs(np.exp(flows.log_state[graph.objects]) - np.exp(log_reward)).max())

# %% [markdown]
# ## P_F is the normalised flow
#
# Follow one drop. At a state it takes each edge with the probability that is that edge's share of the flow:
#
# $$P_F(t \mid s) = \frac{F(s \to t)}{F(s)}, \quad \log P_F = \log F(s \to t) - \log F(s)$$
#
# That is the *forward policy*. Looking back, the drop came along an edge with $P_B(s \mid t) = F(s \to t) / F(t)$, the
# *backward policy*.

# %%
first = graph.source == 0
for edge in np.nonzero(first)[0]:
    share = np.exp(flows.log_edge[edge] - flows.log_state[0])
    print(
        f"P_F({graph.show(int(graph.target[edge]))}) = {share:.4f}, of the library {np.exp(exact.law.log_pf[edge]):.4f}"
    )

# %% [markdown]
# ## p(x) is proportional to R(x)
#
# A drop reaches $x$ with the water: $P(x) = F(x) / Z = R(x) / Z$. This is all that the idea promises. Drawing an object is
# following a drop, and a happy face comes twice as often as a sad one because twice the water reaches it.

# %%
visits = np.zeros(graph.num_states)
visits[0] = 1.0
for edges in graph.edge_levels:
    np.add.at(visits, graph.target[edges], visits[graph.source[edges]] * np.exp(exact.law.log_pf[edges]))
print("largest |P(x) - R(x) / Z|:", np.abs(visits[graph.objects] - np.exp(log_reward - flows.log_z)).max())

# %% [markdown]
# ## The picture of all valid paths of the faces
#
# 42 states, 96 edges, 120 trajectories. Each line is as wide as its flow; the twelve invalid faces on the right get none.

# %%
state_graph_figure(graph, exact.law, log_reward, log_z=flows.log_z, title="The exact flow of faces")

# %% [markdown]
# ## A flow worked out by hand on six states
#
# A small network: from `start` to `a` or `b`, from both to `ab`, from `b` also to `bb`, and from `ab` to `abc`. Finished are
# `bb` with $R = 1$ and `abc` with $R = 3$. Go from the right to the left, and divide the flow of each state evenly among the
# edges that lead into it:
#
# | state | flow | why |
# |---|---|---|
# | abc | 3 | its reward |
# | bb | 1 | its reward |
# | ab | 3 | all of abc |
# | a | 1.5 | half of ab: two edges lead into it |
# | b | 1.5 + 1 = 2.5 | the other half of ab, and bb |
# | start | 1.5 + 2.5 = 4 | a and b; and this is $Z = 3 + 1$ |
#
# The same by the library, which does exactly this in `exact_flows`:

# %%
CHILDREN = {"start": ["a", "b"], "a": ["ab"], "b": ["ab", "bb"], "ab": ["abc"], "abc": [], "bb": []}
six = ab.tabulate("start", lambda state: CHILDREN[state])
six_graph = ab.state_graph(six)
six_flows = ab.exact_flows(six_graph, six.table(lambda state: {"bb": 1.0, "abc": 3.0}[state]))
for number in range(six_graph.num_states):
    print(f"F({six_graph.decode(number)}) = {np.exp(six_flows.log_state[number]):g}")

# %% [markdown]
# ## Why a network at all, when the flow can be solved?
#
# Because the graph is listed above, and mostly it cannot be. The number of states grows with every part; a list of the
# states of a 120-bit string has more entries than there are atoms in the earth. A network is a function that has seen some states
# and answers for the others. Where the graph can be listed, the exact flow is what the network is measured against.

# %%
for parts, steps in [(6, 3), (20, 10), (60, 30)]:
    print(f"{parts} parts, {steps} steps: {sum(math.comb(parts, k) for k in range(steps + 1)):.3g} states")

# %% [markdown]
# ## What are the training data? Must the flow be known?
#
# The training data are the sampler's own samples. At each step it draws some trajectories with its present policy, asks for
# the rewards of their objects, and changes the network so that an equation about these trajectories holds better. Nobody
# gives it objects, and the flow need not be known: an equation can be checked on one state, one edge or one trajectory
# without knowing the rest. [The next page](3_training.py) has these equations.

# %% [markdown]
# ## What does the network put out?
#
# One number for each action: $\log F(s)[a]$, the logarithm of the flow of the edge that action $a$ takes. Faces have six
# actions, one for each part. Where an objective works with $P_F$ and $\log F(s)$ instead, the head has the logits of $P_F$ and
# one number more.

# %%
run = ab.train("faces", objective="fm", seed=0, callback=lambda row: None)
flow_matching = Reading(task.env, None, True)  # how its outputs are read: as log flows, masked
scores, _ = heads_at(run.policy, flow_matching, task.env.initial())
outputs = np.asarray(scores.log_pf + scores.log_flow)[:6]
print("log F(empty face)[a] =", np.round(outputs, 3))
print("log of their sum", round(float(np.logaddexp.reduce(outputs)), 4), " log Z", round(flows.log_z, 4))

# %% [markdown]
# These flows are not those of the table above: the water may be led to the faces in many ways, and flow matching is content
# with any of them. What reaches each face is the same. A fixed $P_B$, such as the uniform one of `exact_flows`, picks one way.

# %% [markdown]
# ## The policy from edge flows
#
# $P_F(a \mid s) = F(s)[a] / \sum_b F(s)[b]$: the softmax of the outputs, because they are logarithms of flows.

# %%
print("P_F =", np.round(np.exp(np.asarray(scores.log_pf)[:6]), 4))

# %% [markdown]
# ## Why does no part come twice?
#
# The notebook wrote `exp() * (1 - x)`: the flow of an action is multiplied by 0 where the part is there already. In log space a
# factor of 0 is a logit of $-\infty$: the mask. A space says with `legal(state)` which actions leave a state, True means
# allowed, and the library applies the mask in one place, so that no objective can forget it.

# %%
state = task.env.step(task.env.initial(), jnp.array(0))
print("after `smile`, legal:", np.asarray(task.env.legal(state)))
