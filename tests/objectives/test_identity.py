"""The backbone: at the exact flow every balance condition is zero, through the real sampling and scoring."""

import dataclasses
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from anabranch.objectives.forward_looking import ForwardLookingDetailedBalance
from anabranch.objectives.forward_looking_subtb import ForwardLookingSubTrajectoryBalance
from anabranch.policies.backward.maxent import CountedPathsBackward
from support.balances import BALANCES, held
from support.catalogue import CATALOGUE
from support.exact_scores import P_B, bench
from support.spaces import SPACES

STRICT = {
    "fl-db strict": ForwardLookingDetailedBalance(strict=True),
    "fl-subtb strict": ForwardLookingSubTrajectoryBalance(strict=True),
}


def worst_residual(objective, scores):
    """The largest residual that has a weight."""
    residual, weight = objective.residual(scores)
    assert float(weight.sum()) > 0
    return float(jnp.abs(jnp.where(weight > 0, residual, 0.0)).max())


def balanced(objective, scores):
    assert scores.log_pf.dtype == jnp.float64
    return worst_residual(objective, scores) < 1e-10 and float(objective.loss(scores)) < 1e-20


CASES = [*product(SPACES, P_B, ["plain", "packed"]), *product(CATALOGUE, ["random"], ["packed"])]
"""The plain form on the spaces of the tests alone: it differs from the packed one in how rows are walked, not read."""


@pytest.mark.sampled(every=10)
@pytest.mark.parametrize("space, backward, form", CASES)
def test_every_residual_is_zero_at_the_exact_flow(space, backward, form):
    """Every space x every objective; every P_B on the spaces of the tests, any P_B at all on the built-in ones."""
    with jax.enable_x64(True):
        served = 0
        for name, objective in BALANCES.items():
            scores = held(objective, space, backward, plain=form == "plain")
            if scores is not None:
                served += 1
                assert balanced(objective, scores), name
        assert served >= len(BALANCES) - 1


COUNTED = [name for name in CATALOGUE if CATALOGUE[name]().overrides("log_path_count")]
"""The spaces that count their paths: all but a product."""
HEADLESS = [*product([*SPACES, "product"], ["uniform"]), *product(COUNTED, ["maximum entropy"])]


@pytest.mark.sampled(every=15)
@pytest.mark.parametrize("space, backward", HEADLESS)
def test_backward_policies_without_a_head_are_read_right(space, backward):
    """Uniform, and n(s) / n(t) by the space's own count of paths: they balance, and are what the table holds."""
    with jax.enable_x64(True):
        held_in_table = bench(space).scores(backward).log_pb
        for scores in bench(space).again(backward):
            np.testing.assert_allclose(scores.log_pb, held_in_table, atol=1e-6)
            # Path counts are float32 where a space writes log 2.
            for name in ("db", "tb", "subtb", "vargrad"):
                assert worst_residual(BALANCES[name], scores) < (1e-10 if backward == "uniform" else 1e-5), name


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("space", [*SPACES, *CATALOGUE])
def test_counted_paths_are_the_maximum_entropy_policys_own(space):
    """The loss of the learned log n is zero for the true counts, and not for another P_B."""
    with jax.enable_x64(True):
        own_loss = CountedPathsBackward().own_loss
        if space in SPACES:
            assert float(own_loss(bench(space).scores("maximum entropy"))) < 1e-20
        several = (bench(space).graph.in_degree > 1).any()
        assert (float(own_loss(bench(space).scores("random"))) > 1e-3) == several


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("space", [*SPACES, *CATALOGUE])
def test_the_strict_forward_looking_form_is_right_only_where_objects_have_no_children(space):
    with jax.enable_x64(True):
        graph = bench(space).graph
        childless = not graph.can_stop[graph.source].any()
        for name, objective in STRICT.items():
            scores = held(objective, space, "random")
            assert balanced(objective, scores) == childless, name
            assert childless or worst_residual(objective, scores) > 1e-2


@pytest.mark.parametrize("space", SPACES)
def test_the_lagged_copy_of_the_same_policy_says_the_same(space):
    with jax.enable_x64(True):
        scores = bench(space).scores("random")
        np.testing.assert_allclose(scores.lagged_log_flow, scores.log_flow, atol=1e-12)
        np.testing.assert_allclose(scores.lagged_log_pb, scores.log_pb, atol=1e-12)


def late(field):
    """One field a row late."""
    return lambda scores: dataclasses.replace(scores, **{field: jnp.roll(getattr(scores, field), 1, axis=0)})


def without_stop(field):
    """The classical off-by-one: the STOP edge is left out."""

    def fault(scores):
        is_stop = scores.mask & ~scores.moves
        return dataclasses.replace(scores, **{field: jnp.where(is_stop, 0.0, getattr(scores, field))})

    return fault


def another_reward(scores):
    """Not by a constant, which log Z takes up and differences do not see."""
    number = jnp.arange(scores.log_reward.size) % 7
    at_rows = scores.log_reward_at
    if at_rows is not None:
        at_rows = jnp.where(scores.mask, at_rows + jnp.arange(at_rows.shape[0])[:, None], 0.0)
    return dataclasses.replace(scores, log_reward=scores.log_reward + 0.1 * number, log_reward_at=at_rows)


FAULTS = [
    *[(name, "no STOP in P_F", without_stop("log_pf")) for name in BALANCES if name != "mdb"],
    *[(name, "P_B a row late", late("log_pb")) for name in ("db", "mdb", "subtb", "fl-db", "soft-dqn", "pcl")],
    *[(name, "energies a row late", late("energy")) for name in ("fl-db", "fl-subtb")],
    ("soft-dqn", "lagged flows a row late", late("lagged_log_flow")),
    ("mdb", "rewards a row late", late("log_reward_at")),
    ("mdb", "stops a row late", late("log_stop")),
    ("rtb", "no STOP in the prior", without_stop("log_prior")),
    *[(name, "another reward", another_reward) for name in BALANCES],
]


@pytest.mark.parametrize("name, fault", [(n, f) for n, _, f in FAULTS], ids=[f"{n}: {words}" for n, words, _ in FAULTS])
def test_a_planted_fault_breaks_the_identity(name, fault):
    """The negative controls."""
    with jax.enable_x64(True):
        objective = BALANCES[name]
        assert worst_residual(objective, fault(held(objective, "skipping", "random"))) > 1e-2


@pytest.mark.parametrize("space", SPACES)
def test_padding_is_exactly_zero(space):
    with jax.enable_x64(True):
        for scores in (*bench(space).drawn("random")[1:], *bench(space).again("flow")):
            padding = ~np.asarray(scores.mask)
            assert padding[: bench(space).env.rows].any() or space in ("faces", "slots", "words")
            for field in dataclasses.fields(scores):
                rows = getattr(scores, field.name)
                if rows is not None and rows.ndim == 2:
                    assert (np.asarray(rows)[padding] == 0.0).all(), field.name


@pytest.mark.thorough
def test_padding_does_not_count():
    """More padding rows change neither sums nor denominators."""
    with jax.enable_x64(True):
        for name, objective in BALANCES.items():
            scores = another_reward(held(objective, "skipping", "random"))
            longer = jax.tree.map(lambda leaf: jnp.pad(leaf, ((0, 5), (0, 0))) if leaf.ndim == 2 else leaf, scores)
            assert float(objective.loss(longer)) == pytest.approx(float(objective.loss(scores)), rel=1e-12), name
