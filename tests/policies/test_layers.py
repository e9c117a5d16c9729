"""What networks are made of, against the plain formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.policies.heads import entry
from anabranch.policies.layers import ROWS_AT_ONCE, sum_of_rows

WEIGHT = jax.random.normal(jax.random.key(0), (11, 5))


# In turn: those that `make test` runs, and their neighbours.
@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE - 1, 3 * ROWS_AT_ONCE + 1, ROWS_AT_ONCE + 3])
def test_rows_that_tokens_name_are_added_up_with_their_gradient(count: int):
    tokens = jax.random.randint(jax.random.key(1), (4, count), 0, 11)
    towards = jax.random.normal(jax.random.key(2), (4, 5))

    def plain(weight):
        return weight[tokens].sum(1)

    def ours(weight):
        return jax.vmap(lambda own: sum_of_rows(weight, own))(tokens)

    np.testing.assert_allclose(ours(WEIGHT), plain(WEIGHT), atol=1e-5)
    slopes = [jax.grad(lambda weight, f=f: (f(weight) * towards).sum())(WEIGHT) for f in (ours, plain)]
    np.testing.assert_allclose(*slopes, atol=1e-5)
    turned = [jax.jvp(f, (WEIGHT,), (WEIGHT[::-1],))[1] for f in (ours, plain)]
    np.testing.assert_allclose(*turned, atol=1e-5)


def test_an_entry_is_read_and_nothing_else_has_a_gradient():
    values = jnp.array([1.0, -jnp.inf, 3.0])
    assert [float(entry(values, jnp.array(place))) for place in range(3)] == [1.0, -jnp.inf, 3.0]
    np.testing.assert_array_equal(jax.grad(entry)(values, jnp.array(2)), [0.0, 0.0, 1.0])
