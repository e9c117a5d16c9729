"""States that carry a condition: the space stays itself, and at the exact flow of each condition all is balanced."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.environment import initial_state
from anabranch.evaluation.under_conditions import UnderConditions
from anabranch.ground.errors import ConfigError
from anabranch.policies.at_condition import at_condition, held
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.conditioned import Conditioned, Given, Seen
from anabranch.policies.heads import Heads, Policy, observed
from anabranch.policies.observation import dense, linear, observer
from anabranch.rewards.conditional import ConditionalReward
from anabranch.sampling.regrow import walk_back
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading
from anabranch.scoring.score import score
from support.balances import BALANCES

TASK = ab.make("hypergrid", env={"dim": 2, "side": 5})
CLASSES = ab.Classes(count=3)
SPACE = Conditioned(TASK.env, CLASSES)


def three(state):
    """Three log-rewards, far apart."""
    return jnp.stack([TASK.log_reward(state), 0.3 * state.sum(), -1.0 * state[0] + 0.2 * state[1]])


class Exact(Policy):
    """The exact flow of each class, as a table each."""

    tables: Any
    log_z: Any

    def __call__(self, observation):
        raise NotImplementedError

    def heads(self, state):
        every = [table.heads(state.state) for table in self.tables]
        chosen = jax.tree.map(lambda *leaves: jnp.stack(leaves)[state.condition], *every)
        return Heads(chosen.forward, chosen.backward, chosen.log_flow)


def exact(scale=0.0):
    """A policy with the exact flows; `scale` adds to log Z of one class, which must be seen."""
    graph = ab.state_graph(TASK.env)
    tables = []
    for number in range(3):
        flows = ab.exact_flows(graph, ConditionalReward(three, CLASSES).at(jnp.asarray(number)))
        tables.append(ab.exact_policy(flows, level=0.0))
    place = tables[1]
    source = place.lookup(initial_state(TASK.env))
    tables[1] = eqx.tree_at(lambda one: one.log_flow, place, place.log_flow.at[source].add(scale))
    return observed(Exact(tables, jnp.zeros(())), observer(SPACE))


def scored(policy, *, chunk, outflow=False, inflow=False):
    reading = Reading(SPACE, UniformBackward(), outflow, chunk)
    trajectories, seen, _ = rollout(policy, reading, jax.random.key(0), 64)
    assert len(np.unique(trajectories.states.condition[0])) == 3
    log_reward = jax.vmap(ConditionalReward(three, CLASSES))(trajectories.objects)
    known = seen if chunk else None
    return trajectories, score(policy, reading, trajectories, log_reward, known=known, needs_inflow=inflow)


def worst(objective, scores):
    residual, weight = objective.residual(scores)
    return float(jnp.abs(jnp.where(weight > 0, residual, 0.0)).max())


@pytest.mark.sampled(every=4)
@pytest.mark.parametrize("name", ["tb", "db", "subtb", "mdb"])
def test_every_residual_is_zero_at_the_exact_flow_of_each_condition(name):
    with jax.enable_x64(True):
        at = None
        for chunk in (512, None):
            trajectories, scores = scored(exact(), chunk=chunk)
            if name == "mdb":
                every = jax.vmap(jax.vmap(ConditionalReward(three, CLASSES)))(trajectories.states)
                scores = dataclasses.replace(scores, log_reward_at=jnp.where(scores.mask, every, 0.0))
            assert worst(BALANCES[name], scores) < 1e-9
            at = scores
        assert np.ptp(at.log_z) > 1.0, "each condition has a log Z of its own"


@pytest.mark.thorough
def test_flow_matching_is_balanced_too():
    with jax.enable_x64(True):
        _, scores = scored(exact(), chunk=512, outflow=True, inflow=True)
        assert worst(BALANCES["fm"], scores) < 1e-9


def test_a_wrong_log_z_of_one_condition_is_seen():
    with jax.enable_x64(True):
        assert worst(BALANCES["tb"], scored(exact(0.1), chunk=512)[1]) == pytest.approx(0.1, abs=1e-9)


def test_steps_and_masks_are_those_of_the_space_and_keep_the_condition():
    starts = SPACE.starts(jax.random.key(3), 5)
    for number in range(5):
        state = jax.tree.map(lambda leaf, number=number: leaf[number], starts)
        assert (SPACE.legal(state) == TASK.env.legal(state.state)).all()
        child = SPACE.step(state, jnp.asarray(1))
        assert int(child.condition) == int(state.condition)
        assert (SPACE.undoable(child) == TASK.env.undoable(child.state)).all()
        back = SPACE.undo(child, jnp.asarray(1))
        assert (back.state == state.state).all()
        assert SPACE.decode(child) == TASK.env.decode(child.state)
        assert SPACE.start_of(child).condition == state.condition


@pytest.mark.thorough
def test_regrown_trajectories_keep_the_condition_of_their_object():
    policy, reading = exact(), Reading(SPACE, UniformBackward())
    objects = rollout(policy, reading, jax.random.key(0), 32)[0].objects
    back = walk_back(policy, reading, jax.random.key(1), objects)
    assert (back.states.condition == objects.condition).all()
    assert (back.objects.state == objects.state).all()


@pytest.mark.parametrize("condition", [ab.Temperature(), ab.Preferences(rewards=3), ab.Goal(), CLASSES])
@pytest.mark.parametrize("space", ["hypergrid", "faces"])
def test_tokens_and_floats_take_the_condition_beside_them(space, condition):
    env = Conditioned(ab.make(space).env, condition)
    seeing = observer(env)
    seen = seeing(initial_state(env))
    assert isinstance(seen, Seen)
    weight = jax.random.normal(jax.random.key(0), (seeing.inputs, 7))
    np.testing.assert_allclose(linear(seen, weight), dense(seen, seeing.vocabulary) @ weight, rtol=1e-5, atol=1e-5)


def test_a_policy_held_at_a_condition_is_the_policy_under_it():
    policy = exact()
    state = TASK.env.step(TASK.env.initial(), jnp.asarray(0))
    at = at_condition(policy, 2)
    np.testing.assert_array_equal(at.heads(state).forward, policy.heads(Given(state, jnp.asarray(2))).forward)
    law = UnderConditions.of(ab.state_graph(TASK.env), ConditionalReward(three, CLASSES))
    for number in range(3):
        found = law.law(policy, jnp.asarray(number))
        assert found.total_variation < 1e-6
        assert float(held(policy, jnp.asarray(number)).log_z) == pytest.approx(found.log_z, abs=1e-4)


def test_a_policy_is_refused_without_its_condition_and_with_one_it_does_not_have():
    policy, plain = exact(), ab.exact_policy(ab.exact_flows(ab.state_graph(TASK.env), TASK.log_reward))
    for call in (
        lambda: ab.sample(TASK.env, policy, 1, seed=0),
        lambda: ab.log_prob(TASK.env, policy, [(0, 0)]),
    ):
        with pytest.raises(ConfigError, match=r"trained under a condition \(classes\): give condition="):
            call()
    with pytest.raises(ConfigError, match="trained without a condition"):
        ab.sample(TASK.env, plain, 1, seed=0, condition=1)


NETWORKS = {
    "set": ("hypergrid", {"side": 4}, ab.Transformer(width=16, layers=1, heads=2)),
    "causal": ("bits-left", {"length": 6, "word": 1}, ab.Transformer(width=16, layers=2, heads=2, causal=True)),
    "graph": ("dags", {"nodes": 3}, ab.GraphNetwork(width=16, layers=1)),
    "own": ("hypergrid", {"side": 4}, ab.Network(make=lambda n, m, key: eqx.nn.MLP(n, m, 16, 1, key=key))),
}


@pytest.mark.thorough
@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_is_told_of_the_condition_while_sampling_and_while_scoring(kind):
    name, fields, recipe = NETWORKS[kind]
    task = ab.make(name, env=fields)
    heat = ab.Temperature(low=0.5, high=4.0)
    small = {"objective": "tb", "steps": 3, "batch": 8, "policy": recipe, "optimizer": ab.Adam(learning_rate=1e-2)}
    setup = ab.setup(task.env, task.log_reward, condition=heat, **small)
    state, _, fault = ab.advance(setup, ab.init(setup, 0), jnp.array(3))
    assert not bool(fault.raised)
    policy, reading = state.policy, Reading(setup.env, UniformBackward())
    trajectories, seen, _ = rollout(policy, reading, jax.random.key(2), 16)
    nothing = jnp.zeros(16)
    drawn = score(policy, reading, trajectories, nothing, known=seen)
    anew = score(policy, reading, trajectories, nothing)
    np.testing.assert_allclose(drawn.log_pf, anew.log_pf, atol=2e-5)
    np.testing.assert_allclose(drawn.log_z, anew.log_z, atol=2e-5)
    assert np.ptp(np.asarray(drawn.log_z)) > 1e-4, "log Z follows the condition"
    cold, hot = held(policy, jnp.asarray(0.5)), held(policy, jnp.asarray(4.0))
    start = initial_state(task.env)
    assert np.abs(np.asarray(cold.heads(start).forward - hot.heads(start).forward)).max() > 1e-4
