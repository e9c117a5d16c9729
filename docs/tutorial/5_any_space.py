# %% [markdown]
# # 5. Any space
#
# Faces are an example. This part takes the same program to other spaces without a change, and defines a space that
# the library does not have.
#
# Run the next cell first. Every section after it can then be run alone, and in any order.

# %%
"""What the sections of this part need."""

from functools import cache

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import anabranch as ab

plt.switch_backend(plt.get_backend())  # so that a notebook shows figures inline


class Coins(ab.Environment):
    """Pay an amount with coins of some values, a coin a step; the order of the coins does not matter."""

    amount: int = 10
    values: tuple[int, ...] = (1, 2, 5)
    max_steps = property(lambda self: self.amount // min(self.values))  # the longest way: only the smallest coins

    def initial(self):
        return jnp.zeros(len(self.values), int)  # how many there are of each coin

    def step(self, state, action):
        return state.at[action].add(1)

    def undo(self, state, action):
        return state.at[action].add(-1)

    def legal(self, state):
        return self.paid(state) + jnp.array(self.values) <= self.amount

    def undoable(self, state):
        return state > 0

    def can_stop(self, state):
        return self.paid(state) == self.amount

    def paid(self, state):
        """The sum of the coins."""
        return jnp.sum(state * jnp.array(self.values))


def few_coins(state):
    """log R: each coin costs half a nat, so that few coins are worth more."""
    return -0.5 * jnp.sum(state)


PERMUTATIONS = ab.make("permutations", env={"n": 4})
SPACES = {
    "faces": ab.make("faces"),
    "hypergrid": ab.make("hypergrid"),
    "bits": ab.make("bits", env={"length": 6, "word": 2}),
    "permutations": PERMUTATIONS,
    "coins": ab.Task(env=Coins(), log_reward=few_coins, name="coins"),
}


@cache
def trained(name):
    """One sampler for each space, by trajectory balance, with the same settings for all of them."""
    settings = {"steps": 2_000, "batch": 16, "optimizer": ab.Adam(learning_rate=3e-3), "policy": ab.MLP(width=64)}
    explore = ab.Explore(epsilon=0.1)
    return ab.train(SPACES[name], objective="tb", explore=explore, seed=0, callback=lambda row: None, **settings)


def report(name):
    """Print the size of a space and how exactly right its sampler is."""
    run = trained(name)
    graph = ab.state_graph(run.setup.env)
    distance = ab.total_variation(graph, run.policy, run.setup.log_reward)
    sizes = f"{graph.num_states:5,} states, {graph.objects.size:3,} objects, {run.setup.env.max_steps:2} steps at most"
    print(f"{name:13} {sizes}   total variation {distance:.1e}   {run.seconds:5.2f} s")


# %% [markdown]
# ## Is the model not generic?
#
# The first program that one writes for the faces is not. The numbers of the faces stand everywhere in it: six inputs,
# six outputs, three steps, and the rule for the reward in the middle of the training loop. A second problem then
# needs a second program.
#
# Nothing in the theory asks for this. A flow needs states, edges, and rewards at the ends. So the space is an object
# of its own, an *environment*, with a few questions that it answers for one state:
#
# | question | method |
# |---|---|
# | Where does a trajectory begin? | `initial()` |
# | Which actions are allowed here? | `legal(state)` |
# | Where does an action lead? | `step(state, action)` |
# | Which actions may have led here, and from where? | `undoable(state)`, `undo(state, action)` |
# | Is this a finished object? | `can_stop(state)` |
#
# The network takes its number of inputs and outputs from the answers. The balance conditions use flows and
# probabilities only. The cell shows how many numbers the network of each space sees, and how many it puts out.

# %%
for name, task in SPACES.items():
    env, see = task.env, ab.observer(task.env)
    print(f"{name:13} {see.size:3} inputs, {env.num_actions + 1:3} outputs, STOP included")

# %% [markdown]
# ## Why not `for t in range(3)`?
#
# The loop over three steps is right for faces only. In general the trajectories of one batch have different lengths,
# and a trajectory ends when it takes the action STOP. The longest path of the space, `max_steps`, bounds the loop. A
# batch is stored with `max_steps + 1` rows, and what comes after STOP is padding that counts for nothing:
#
# $$(\log Z + \sum_{t=0}^{n} \log P_F(a_t \mid s_t) - \log R(x) - \sum_{t=1}^{n} \log P_B(s_{t-1} \mid s_t))^2$$
#
# Here $n$ is the number of moves of this trajectory, and $a_n$ is STOP. The padding has $\log P_F = \log P_B = 0$, so
# that a sum over all rows is the sum of the formula. The cell draws four ways to pay the amount 10.

# %%
env, policy = SPACES["coins"].env, trained("coins").policy
drawn = ab.sample_trajectories(env, policy, 4, seed=0)
scores = ab.score_trajectories(env, policy, drawn, jnp.zeros(4))
print(f"rows of a batch: {drawn.actions.shape[0]}, lengths with STOP: {drawn.length}")
for number in range(4):
    moves = np.asarray(drawn.actions[: drawn.length[number] - 1, number])
    coins = np.array(env.values)[moves]
    print(f"coins {coins}  sum {coins.sum()}  sum of log P_F over all rows {scores.log_pf[:, number].sum():.4f}")

# %% [markdown]
# ## A hypergrid
#
# The standard test of the field. A walker starts in the corner of an 8 x 8 grid, moves right or up, and stops where
# it likes. Every state is a finished object. The reward is high near the four corners and low between them:
#
# $$R(x) = R_0 + R_1 \prod_i [0.25 < d_i] + R_2 \prod_i [0.3 < d_i < 0.4]$$
#
# Here $d_i = \mid \frac{x_i}{7} - \frac{1}{2} \mid$ is the distance from the middle. A bracket is 1 where it holds,
# else 0.

# %%
report("hypergrid")


def grids(run):
    """The target and the learned law of the 8 x 8 grid, as two pictures."""
    law = ab.exact_law(ab.state_graph(run.setup.env), run.policy, run.setup.log_reward)
    figure, axes = plt.subplots(1, 2, figsize=(6, 3))
    for panel, values, title in zip(axes, (law.target, law.model), ("R / Z", "learned"), strict=True):
        grid = np.zeros((8, 8))
        grid[tuple(law.graph.object_states.T)] = values
        panel.imshow(grid, origin="lower", vmin=0.0, vmax=law.target.max())
        panel.set_title(title)
    plt.close(figure)  # else a notebook shows it twice
    return figure


grids(trained("hypergrid"))

# %% [markdown]
# ## Bit strings
#
# A string of 6 bits has three places for words of 2 bits. An action fills one place with one word, in any order. A
# string is worth more the closer it is to the nearest of some hidden strings.

# %%
report("bits")
drawn = trained("bits").sample(6, seed=0)
for item, log_reward in zip(drawn.objects, drawn.log_reward, strict=True):
    print(item, f"R = {np.exp(log_reward):.4f}")

# %% [markdown]
# ## Permutations
#
# Four values are put into four positions, in any order of filling. The reward grows with the *fixed points*, the
# values that stand in their own position: $R(x) = \exp(\frac{1}{2} \text{fixed points})$. The mask is the rule of the
# game: no position and no value is used twice.

# %%
report("permutations")
print(f"learned log Z {trained('permutations').history[-1]['log_z']:.4f}, exact {PERMUTATIONS.log_reward.log_z:.4f}")

# %% [markdown]
# ## A space of one's own
#
# The class `Coins` in the first cell is a space that the library does not have. A state says how many there are of
# each coin. It is finished when the amount is paid. The reward prefers few coins:
#
# $$\log R(x) = - \frac{1}{2} \text{number of coins}$$
#
# A definition may be wrong in ways that no error message shows: `undo` may not be the inverse of `step`, or the masks
# may disagree. `ab.check` tests every law on every state, and shows a counter-example where one is broken. The second
# check is of a space with such a mistake: it forgets a coin on the way back.


# %%
class Forgetful(Coins):
    """Coins with a wrong way back: the last coin of a kind cannot be taken away."""

    def undoable(self, state):
        return state > 1


print(ab.check(Coins()))
try:
    ab.check(Forgetful())
except ab.LawError as error:
    print("\nForgetful is refused:", error)

# %% [markdown]
# The checked space is trained like any other.

# %%
report("coins")
run = trained("coins")
law = ab.exact_law(ab.state_graph(run.setup.env), run.policy, run.setup.log_reward)
for number, wanted, learned in zip(law.graph.objects, law.target, law.model, strict=True):
    print(f"coins of 1, 2, 5: {law.graph.decode(int(number))}   R / Z {wanted:.4f}   learned {learned:.4f}")

# %% [markdown]
# ## All spaces beside each other
#
# The same call of `ab.train`, with the same objective, network and settings, for all five. Only the space and its
# reward differ.

# %%
for name in SPACES:
    report(name)
