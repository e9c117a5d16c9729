"""Transformers over sets of tokens: neither the order nor padding has a meaning."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.bits_ordered import BitsAtEnds

SMALL = {"width": 16, "layers": 2, "heads": 2}


class Bag(ab.Environment):
    """A set of items as a list of tokens, padded: the order of `places` and `extra` padding have no meaning."""

    n: int = 4
    extra: int = 0
    turned: bool = False

    max_steps = property(lambda self: self.n)
    vocabulary = property(lambda self: self.n + 1)
    padding_token = property(lambda self: self.n)

    def initial(self):
        return jnp.zeros(self.n, bool)

    def step(self, state, action):
        return state.at[action].set(True)

    def undo(self, state, action):
        return state.at[action].set(False)

    def legal(self, state):
        return ~state

    def undoable(self, state):
        return state

    def can_stop(self, state):
        return jnp.array(True)

    def observe(self, state):
        tokens = jnp.where(state, jnp.arange(self.n), self.n)
        tokens = jnp.pad(tokens, (0, self.extra), constant_values=self.n)
        return tokens[::-1] if self.turned else tokens


def heads_everywhere(env, recipe):
    """Forward logits and log F at every state."""
    policy = recipe.build(env, observer=ab.observer(env), key=jax.random.key(3), learned_backward=True)
    states = jnp.array([[(number >> bit) & 1 for bit in range(4)] for number in range(16)], bool)
    heads = jax.vmap(lambda state: policy(ab.observer(env)(state)))(states)
    return np.concatenate([heads.forward, heads.backward, heads.log_flow[:, None]], 1)


@pytest.mark.thorough
@pytest.mark.parametrize("pooling", ["class", "mean"])
def test_neither_order_nor_padding_of_tokens_has_a_meaning(pooling):
    recipe = ab.Transformer(pooling=pooling, **SMALL)
    plain = heads_everywhere(Bag(), recipe)
    for env in (Bag(turned=True), Bag(extra=3), Bag(extra=2, turned=True)):
        assert np.abs(heads_everywhere(env, recipe) - plain).max() < 1e-5
    assert np.abs(plain - plain[0]).max() > 0.05, "states differ"


def test_without_a_padding_token_padding_is_seen():
    """The negative control."""
    recipe = ab.Transformer(**SMALL)
    told = type("Told", (Bag,), {"padding_token": None, "__doc__": "A bag whose padding is a token."})
    assert np.abs(heads_everywhere(told(extra=3), recipe) - heads_everywhere(told(), recipe)).max() > 1e-3


@pytest.mark.thorough
def test_of_floats_the_entries_that_are_not_zero_are_tokens():
    """A float keeps its value; what is 0 is not there, so that rows of zeros give the class token alone."""
    env = BitsAtEnds(length=4, word=2)
    observer = ab.observer(env)
    policy = ab.Transformer(**SMALL).build(env, observer=observer, key=jax.random.key(0), learned_backward=False)
    ones, signed = jnp.array([1.0, 0.0, 1.0, 0.0]), jnp.array([1.0, 0.0, -1.0, 0.0])
    assert np.abs(policy(ones).forward - policy(signed).forward).max() > 1e-3
    fewer = eqx.tree_at(lambda one: one.features, policy, policy.features.at[1].set(9.0))
    assert (policy(ones).forward == fewer(ones).forward).all()
