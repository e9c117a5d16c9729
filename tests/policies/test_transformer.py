"""Transformers over words: a cache and one pass a trajectory change no number; and what both forms learn."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.bits_ordered import BitsAtEnds, BitsLeftToRight
from anabranch.envs.fragments import Fragments
from anabranch.envs.selfies_tokens import Selfies
from anabranch.envs.sequences import Sequences
from anabranch.policies.words_read import require_words
from anabranch.sampling.rollout import rollout
from anabranch.scoring.score import _by_row, score
from anabranch.scoring.whole import along_trajectories
from anabranch.training.memory import needed_bytes
from anabranch.training.step import init
from support.my_spaces import Subset
from support.spaces import Slots

SMALL = {"width": 16, "layers": 2, "heads": 2}
WORDS = Sequences(alphabet="abc", shortest=1, longest=5)
BATCH = 20
"""More than the fewest lanes of a rollout, so that lanes, and their caches, are dropped."""


def log_reward_of(state):
    """Some smooth reward of words."""
    return jnp.cos(jnp.sum(state * jnp.arange(1, 1 + state.shape[0]))) + 0.5 * jnp.sum(state == 1)


@functools.cache
def drawn(env, *, causal=True, backward="learned", objective="tb"):
    """A reading, fresh parameters that differ from 0 everywhere, explored trajectories, and what the sampler saw."""
    policy = ab.Transformer(causal=causal, **SMALL)
    explore = ab.Explore(epsilon=0.3)
    options = {"objective": objective, "backward": backward, "policy": policy, "explore": explore}
    setup = ab.setup(env, log_reward_of, steps=1, batch=BATCH, **options)
    parameters, static = eqx.partition(init(setup, 0).policy, eqx.is_inexact_array)
    rng = np.random.default_rng(0)
    shaken = jax.tree.map(lambda leaf: leaf + 0.3 * jnp.asarray(rng.normal(size=leaf.shape), leaf.dtype), parameters)
    policy = eqx.combine(shaken, static)
    draw = eqx.filter_jit(lambda policy, key: rollout(policy, setup.reading, key, BATCH, explore=setup.explore))
    return setup.reading, policy, *draw(policy, jax.random.key(1))[:2]


def largest_difference(one, other, mask):
    """Of two records of rows, in nats; impossible STOPs alike in both."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(np.max(np.where(mask & (np.asarray(a) != b), np.abs(a - b), 0.0))) for a, b in pairs)


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("env", [WORDS, BitsLeftToRight(length=8, word=2)], ids=["words", "bits"])
def test_cache_one_pass_and_rows_say_the_same(env):
    reading, policy, trajectories, seen = drawn(env)
    mask = np.asarray(trajectories.mask)
    assert env is not WORDS or len(set(np.asarray(trajectories.length))) > 2, (
        "rows of many lengths, or nothing is tried"
    )
    rows, whole = (eqx.filter_jit(one)(policy, reading, trajectories, None) for one in (_by_row, along_trajectories))
    assert largest_difference(rows, whole, mask) < 1e-5
    assert largest_difference(rows, seen.rows, mask) < 1e-5
    assert float(jnp.abs(jnp.where(mask, rows.log_pf, 0.0)).max()) > 0.5, "distributions that differ"


@pytest.mark.thorough
@pytest.mark.parametrize("chunk", [7, None])
def test_gradients_of_one_pass_are_those_of_the_rows(chunk):
    reading, policy, trajectories, seen = drawn(WORDS)
    parameters, static = eqx.partition(policy, eqx.is_inexact_array)

    def gradient(rows_of, chunk, known):
        def loss(parameters):
            one = dataclasses.replace(reading, chunk=chunk)
            found = rows_of(eqx.combine(parameters, static), one, trajectories, known)
            weight = jnp.sin(jnp.arange(found.log_pf.size, dtype=float)).reshape(found.log_pf.shape)
            flow = jnp.square(found.log_flow) + found.log_pb_in
            return jnp.sum(weight * (found.log_pf + flow))

        return jax.tree.leaves(jax.jit(jax.grad(loss))(parameters))

    plain = gradient(_by_row, None, None)
    for known in (None, seen):
        for one, other in zip(plain, gradient(along_trajectories, chunk, known), strict=True):
            assert float(jnp.abs(one - other).max()) <= 2e-5 * max(float(jnp.abs(one).max()), 1.0)


@pytest.mark.thorough
def test_a_walk_may_start_in_the_middle_of_a_word():
    """As local search does: the cache begins with what is written, and each lane is at a place of its own."""
    reading, policy, trajectories, _ = drawn(WORDS)
    start = jax.tree.map(lambda leaf: leaf[jnp.arange(BATCH) % 3, jnp.arange(BATCH)], trajectories.states)
    walk = eqx.filter_jit(lambda policy, start: rollout(policy, reading, jax.random.key(2), BATCH, start=start))
    ahead, seen, _ = walk(policy, start)
    outputs = eqx.filter_jit(lambda policy, states: jax.vmap(jax.vmap(policy.heads))(states))(policy, ahead.states)
    flow = np.where(ahead.mask, outputs.log_flow + (policy.log_flow_offset or 0.0), 0.0)
    assert np.abs(flow - np.where(ahead.mask, seen.rows.log_flow, 0.0)).max() < 1e-5
    assert len({int(row) for row in (start >= 0).sum(1)}) > 1


@pytest.mark.thorough
def test_padding_of_a_trajectory_changes_nothing():
    reading, policy, trajectories, _ = drawn(WORDS)
    mask = trajectories.mask
    spoiled = dataclasses.replace(
        trajectories,
        states=jnp.where(mask[..., None], trajectories.states, 1),
        actions=jnp.where(mask, trajectories.actions, 2),
    )
    one, other = (score(policy, reading, some, jnp.zeros(BATCH)) for some in (trajectories, spoiled))
    assert (np.asarray(one.log_pf) == np.asarray(other.log_pf)).all()
    assert (np.asarray(one.log_flow) == np.asarray(other.log_flow)).all()


SPACES_OF_WORDS = {
    "words": WORDS,
    "selfies": Selfies(longest=4),
    "bits": BitsLeftToRight(length=6, word=1),
    "long": BitsLeftToRight(length=120, word=1),
}


@pytest.mark.parametrize("env", SPACES_OF_WORDS.values(), ids=SPACES_OF_WORDS)
def test_spaces_of_words_keep_their_promise(env):
    require_words(env)


@pytest.mark.thorough
def test_fragments_are_words_too():
    pytest.importorskip("rdkit")
    require_words(Fragments())


class Reversed(Sequences):
    """Words whose `sequence` is wrong: the last letter first."""

    def sequence(self, state):
        labels, count = super().sequence(state)
        return jnp.roll(labels[::-1], count), count


class Narrow(Sequences):
    """Words whose `sequence` has another length."""

    def sequence(self, state):
        labels, count = super().sequence(state)
        return labels[:-1], count


@pytest.mark.parametrize(
    "env, sentence",
    [
        (BitsAtEnds(), "BitsAtEnds does not define sequence"),
        (Subset(4, 2), "Subset does not define sequence"),
        (Reversed(), "Reversed.sequence must be the labels that led from the initial state"),
        (Narrow(), r"Narrow.sequence must return labels, int\[6\]"),
    ],
)
def test_what_is_no_word_is_one_sentence(env, sentence):
    with pytest.raises(ab.ConfigError, match=sentence) as told:
        ab.train(env, lambda state: 0.0, objective="tb", policy=ab.Transformer(causal=True), steps=1, batch=2)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"layers": 0}, {"heads": 0}, {"width": 10, "heads": 4}])
def test_sizes_are_checked(wrong):
    with pytest.raises(ab.ConfigError, match=r"Transformer|width"):
        ab.Transformer(**wrong)


TINY = Sequences(alphabet="ab", shortest=0, longest=3)
FEW = Slots(2, 2)
TRAINING = {"steps": 600, "batch": 16, "callback": lambda _: None, "exact": True}
LATER = pytest.mark.thorough


def trained(env, *, causal, **changes):
    policy = ab.Transformer(width=16, layers=1, heads=2, causal=causal)
    options = {**TRAINING, "policy": policy, "optimizer": ab.Adam(learning_rate=5e-3), "backward": "learned"}
    return ab.train(env, log_reward_of, **{**options, **changes})


@pytest.mark.thorough
@pytest.mark.parametrize(
    "env, causal, objective, changes",
    [
        pytest.param(TINY, True, "tb", {}, id="causal tb"),
        pytest.param(TINY, True, "tb", {"seeds": 2}, id="causal tb, two seeds", marks=LATER),
        pytest.param(TINY, True, "db", {}, id="causal db", marks=LATER),
        pytest.param(TINY, True, "subtb", {}, id="causal subtb", marks=LATER),
        pytest.param(TINY, True, "fm", {"backward": None, "steps": 1_500}, id="causal fm", marks=LATER),
        pytest.param(
            TINY,
            True,
            "tb",
            {"replay": ab.Replay(share=0.25), "search": ab.LocalSearch(share=0.25, rounds=1)},
            id="causal tb, replay and search",
            marks=LATER,
        ),
        pytest.param(FEW, False, "tb", {}, id="set tb", marks=LATER),
        pytest.param(FEW, False, "db", {}, id="set db"),
        pytest.param(FEW, False, "subtb", {"seeds": 2}, id="set subtb, two seeds", marks=LATER),
        pytest.param(FEW, False, "fm", {"backward": None}, id="set fm", marks=LATER),
        pytest.param(Subset(4, 3), False, "tb", {}, id="set of booleans", marks=LATER),
    ],
)
def test_it_learns(env, causal, objective, changes):
    """Exact total variation .05: before training it is above .2 on each."""
    run = trained(env, causal=causal, objective=objective, **changes)
    assert np.max(run.history[-1]["total_variation"]) < 0.05
    assert np.min(run.history[0]["total_variation"]) > 0.05


@pytest.mark.thorough
def test_seeds_side_by_side_are_those_in_turn():
    """As on an accelerator: the lanes of all seeds are at one row, and carry caches of their own."""
    policy = ab.Transformer(causal=True, **SMALL)
    options = {"objective": "tb", "policy": policy, "steps": 4, "batch": 4, "seeds": 2}
    in_turn = ab.setup(WORDS, log_reward_of, **options)
    found = []
    for setup in (in_turn, dataclasses.replace(in_turn, vectorised=True)):
        state, metrics, _ = ab.advance(setup, init(setup, 0), jnp.array(4))
        heads = eqx.filter_jit(eqx.filter_vmap(lambda policy: policy.heads(WORDS.initial())))(state.policy)
        found.append([*jax.tree.leaves(metrics), *jax.tree.leaves(heads)])
    # Not the parameters: a bias of keys has no effect and a gradient of rounding alone, of which Adam makes steps.
    for one, other in zip(*found, strict=True):
        assert float(jnp.abs(one - other).max()) <= 1e-4 * max(float(jnp.abs(one).max()), 1.0)


@pytest.mark.thorough
def test_caches_are_part_of_the_bill():
    """Of each lane the keys and values of 121 rows in each of two layers, as 32-bit numbers."""
    env = BitsLeftToRight(length=120, word=1)
    bills = [
        needed_bytes(ab.setup(env, log_reward_of, objective="tb", policy=one, steps=1, batch=1_000))["the batch"]
        for one in (ab.Transformer(causal=True, width=32), ab.Transformer(width=32))
    ]
    assert bills[0] - bills[1] == 1_000 * 121 * 2 * 2 * 32 * 4


@pytest.mark.thorough
def test_the_recipe_has_a_name_and_comes_back(tmp_path):
    out = tmp_path / "run"
    policy = ab.Transformer(width=8, heads=2, layers=1, causal=True)
    run = ab.train("sequences", objective="tb", policy=policy, steps=2, batch=4, out=out, exact=False)
    loaded = ab.load(out)
    assert loaded.setup.policy == policy
    assert run.config["policy"]["name"] == "transformer"
    for one, other in zip(jax.tree.leaves(run.policy), jax.tree.leaves(loaded.policy), strict=True):
        assert (np.asarray(one) == np.asarray(other)).all()
