# %% [markdown]
# # 5. Any space
#
# The notebook's program knows that it builds faces. This page takes the same few lines to four other spaces.

# %%
# %matplotlib inline
import jax.numpy as jnp

import anabranch as ab


def trained(space, log_reward=None, **options):
    """Train by trajectory balance, and say how right it is."""
    run = ab.train(space, log_reward, objective="tb", seed=0, exact=True, callback=lambda row: None, **options)
    measured = run.evaluate(samples=100)
    print(
        f"exact total variation {measured.total_variation:.4f} over {measured.states:,} states, log Z {measured.log_z_exact:.4f}"
    )
    return run


# %% [markdown]
# ## "The model isn't generic": `for t in range(3)`
#
# In the notebook the number three stands in the loop that builds a face, six in the network, and the parts in the reward.
# Another space would be another program. Here a space is six small functions about one state, and everything else follows
# from them: padding, stopping, batching, the list of all states, the loop.
#
# | function | says | of faces |
# |---|---|---|
# | `initial()` | the empty state | no part |
# | `step(state, action)` | where an action leads | add the part |
# | `undo(state, action)` | where it came from | take it away |
# | `legal(state)` | which actions leave a state | parts that are missing |
# | `undoable(state)` | which actions lead into it | parts that are there |
# | `can_stop(state)` | whether it is a finished object | three parts |

# %%
run = trained("faces")

# %% [markdown]
# ## A grid
#
# Points of a grid of 8 by 8; an action adds 1 to one coordinate, and every point may be the object. Four modes lie in the
# corners, with little reward between them.

# %%
run = trained("hypergrid", steps=2_000)
run.plot()["distribution"]

# %% [markdown]
# ## Bit strings
#
# Three words of four bits, written in any order; the reward says how near a string is to one of some hidden ones.

# %%
run = trained("bits", steps=1_000)
print(run.sample(3).objects)

# %% [markdown]
# ## Permutations
#
# All orders of some things; those in which many things stand at their own place are worth more.

# %%
run = trained("permutations", steps=1_000)
print(run.sample(3).objects)

# %% [markdown]
# ## One of your own
#
# Choose at most three of six weights; the nearer their sum is to 10, the better. The class is the definition, `check` proves it
# on every state, and a mistake would come back as a counter-example.

# %%
WEIGHTS = jnp.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


class Scale(ab.Environment):
    """At most `most` of the weights."""

    most: int = 3
    max_steps = property(lambda self: self.most)

    def initial(self):
        return jnp.zeros(WEIGHTS.size, bool)

    def step(self, state, action):
        return state.at[action].set(True)

    def undo(self, state, action):
        return state.at[action].set(False)

    def legal(self, state):
        return ~state & (state.sum() < self.most)

    def undoable(self, state):
        return state

    def can_stop(self, state):
        return jnp.array(True)


def near_ten(state):
    """log R: minus the distance of the weight from 10."""
    return -jnp.abs(WEIGHTS @ state - 10.0)


print(ab.check(Scale()))
run = trained(Scale(), near_ten, steps=1_500, batch=16, explore=ab.Explore(epsilon=0.1))
run.plot()["distribution"]

# %% [markdown]
# The same program trained five spaces. What changes is the definition, and for a hard space the settings: which objective,
# which exploration, how many steps. [A space of your own](../guides/spaces.md) and [choosing](../guides/choosing.md) go on from here.
