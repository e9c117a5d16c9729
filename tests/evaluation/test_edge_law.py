"""What is read off a policy at every state: flows with their level, and a sentence where it is no number."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch as ab
from anabranch.evaluation.flows import edge_law, exact_flows, exact_policy
from anabranch.sampling.draw import reading_for

FACES = ab.make("faces")


def test_flows_are_absolute_whatever_the_level_of_the_policy():
    graph = ab.state_graph(FACES.env)
    flows = exact_flows(graph, ab.log_rewards(graph, FACES.log_reward) + 7.0)
    policy = exact_policy(flows, level=5.0)
    law = edge_law(graph, policy, reading_for(FACES.env, None))
    reached = flows.log_state > -100
    np.testing.assert_allclose(law.log_flow[reached], flows.log_state[reached], atol=1e-5)


def test_the_state_at_which_a_policy_is_no_number_is_named():
    graph = ab.state_graph(FACES.env)
    policy = exact_policy(exact_flows(graph, ab.log_rewards(graph, FACES.log_reward)))
    spoiled = eqx.tree_at(lambda one: one.forward, policy, policy.forward.at[17].set(jnp.nan))
    with pytest.raises(ab.ConfigError) as caught:
        edge_law(graph, spoiled, reading_for(FACES.env, None))
    assert f"not finite at {graph.show(17)}:" in str(caught.value)
