"""The balance of a policy, equation by equation: under the objective that trained it, or under another."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from anabranch.environment import State
from anabranch.ground.errors import ConfigError
from anabranch.objectives.base import BalanceObjective, Objective
from anabranch.objectives.equations import Equation
from anabranch.objectives.forward_looking import with_energy
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.heads import Heads, Policy
from anabranch.rewards.log_reward import rewarded
from anabranch.sampling.explore import ON_POLICY
from anabranch.scoring.reading import Reading, heads_at
from anabranch.scoring.score import score
from anabranch.training.compatibility import require_compatible
from anabranch.training.needs import filled
from anabranch.training.settings import Setup
from anabranch.trajectories import Scores, Trajectories


class EdgeFlows(Policy):
    """A policy with a head for state flows, as flow matching reads one: its forward head holds log F(s) + log P_F."""

    inner: Policy
    log_z: Float[Array, ""]
    reading: Reading = eqx.field(static=True)

    def __call__(self, observation: Array) -> Heads:
        """Not used: masks need the state."""
        raise NotImplementedError("EdgeFlows reads states, not observations.")

    def heads(self, state: State) -> Heads:
        """The log edge flows at one state; the flow of the initial state is Z."""
        outputs, _ = heads_at(self.inner, self.reading, state)
        log_flow = jnp.where(self.reading.env.undoable(state).any(), outputs.log_flow, self.log_z)
        return Heads(outputs.log_pf + log_flow, None, log_flow)


def balance(
    setup: Setup, policy: Policy, trajectories: Trajectories, *, objective: Objective | None = None
) -> list[Equation]:
    """The equations of an objective's condition (by default of the one that trained the policy), absolute, in nats.

    They are about the first trajectory, or about all where the objective compares trajectories. None are returned for
    an objective without a balance condition. Raises ConfigError where the policy has not learned what it compares.
    """
    goal = setup.objective if objective is None else objective
    if not isinstance(goal, BalanceObjective):
        return []
    setup = dataclasses.replace(setup, level=policy.level)
    require_view(setup, goal)
    prior = None if setup.prior is None else setup.prior.policy
    scores = _viewed(setup, goal, policy, trajectories, _log_rewards(setup, trajectories.objects), prior)
    return [equation.scaled(goal.reward_power * policy.level) for equation in equations_of(goal, scores)]


def equations_of(objective: BalanceObjective, scores: Scores) -> list[Equation]:
    """An objective's equations; the bare residuals where a subclass compares something else than they say."""
    for cls in type(objective).__mro__:
        if "equations" in vars(cls):
            return objective.equations(scores)
        if "residual" in vars(cls) or "potentials" in vars(cls):
            return BalanceObjective.equations(objective, scores)
    return []


def require_view(setup: Setup, goal: Objective) -> None:
    """Raise ConfigError where a policy cannot be seen through an objective, because it lacks what that compares."""
    own = setup.objective
    if goal.has_log_z and not own.has_log_z:
        raise ConfigError(
            f"The condition of {goal.name} needs log Z, which {own.name} does not learn: look through vargrad, "
            "which compares trajectories with each other."
        )
    reads_flow = goal.has_state_flow or "log_inflow" in goal.needs
    if reads_flow and not (own.has_state_flow or own.outflow):
        raise ConfigError(
            f"The condition of {goal.name} needs the flow of each state, which {own.name} does not learn: look through "
            "tb or vargrad, which need none."
        )
    if "log_inflow" in goal.needs and "energy" in own.needs:
        raise ConfigError(
            f"The condition of {goal.name} needs the flow of each edge, and {own.name} learns flows beyond the energy: "
            "look through db."
        )
    require_compatible(dataclasses.replace(
        setup, objective=goal, backward=None, explore=ON_POLICY, replay=None, search=None
    ))  # fmt: skip


def _log_rewards(setup: Setup, objects: State) -> Float[Array, " B"]:
    """The rewards of objects, evaluated outside of any program, as one in plain Python must be."""
    options = {"zero_floor": setup.zero_floor, "level": setup.level}
    return rewarded(setup.log_reward, objects, **options).log_reward


@eqx.filter_jit
def _viewed(
    setup: Setup,
    goal: Objective,
    policy: Policy,
    trajectories: Trajectories,
    log_reward: Float[Array, " B"],
    prior: Policy | None,
) -> Scores:
    """The scores of given trajectories, with what the objective compares in the places where it looks for it."""
    own = setup.objective
    reading = Reading(setup.env, setup.backward or (None if own.outflow else UniformBackward()), own.outflow)
    if "log_inflow" in goal.needs and not own.outflow:
        policy = EdgeFlows(inner=policy, log_z=policy.log_z, reading=reading, level=policy.level)
        reading = Reading(setup.env, None, outflow=True)
    scores = score(policy, reading, trajectories, log_reward, needs_inflow=reading.outflow)
    if own.outflow and goal.has_backward:
        scores = dataclasses.replace(scores, log_pb=_implied_log_pb(scores))
    given: dict[str, Any] = {}
    for one in (own, goal):
        asked = dataclasses.replace(setup, objective=one)
        given |= filled(asked, trajectories, lagged=None, prior=prior)
    scores = _with_flow_of(own, goal, dataclasses.replace(scores, **given))
    # No run keeps its lagged copy: at the end it is the policy itself.
    return dataclasses.replace(scores, lagged_log_flow=scores.log_flow, lagged_log_pb=scores.log_pb)


def _implied_log_pb(scores: Scores) -> Float[Array, "rows B"]:
    """The P_B of edge flows: the share of each edge in what flows into its end."""
    assert scores.log_inflow is not None
    inflow = jnp.concatenate([scores.log_inflow[1:], scores.log_inflow[:1]])
    return jnp.where(scores.moves, scores.log_flow + scores.log_pf - inflow, 0.0)


def _with_flow_of(own: Objective, goal: Objective, scores: Scores) -> Scores:
    """The state flows as the objective reads them: whole, or beyond the energy."""
    if "energy" in own.needs and "energy" not in goal.needs:
        return with_energy(scores, strict=getattr(own, "strict", False))
    if "energy" in goal.needs and "energy" not in own.needs:
        assert scores.energy is not None
        beyond = jnp.where(scores.mask, scores.log_flow + scores.energy, 0.0)
        return dataclasses.replace(scores, log_flow=beyond.at[0].set(scores.log_flow[0]))
    return scores
