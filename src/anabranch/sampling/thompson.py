"""Thompson sampling: each trajectory is drawn by one member of an ensemble, chosen at random."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import State, forward_mask, initial_state
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.backward.uniform import UniformBackward
from anabranch.policies.heads import Heads, Policy, masked_log_softmax, observed
from anabranch.policies.mlp import MLP, MLPPolicy, mlp_policy
from anabranch.policies.observation import Observer
from anabranch.sampling.flags import Flags, first_raised
from anabranch.sampling.rollout import rollout
from anabranch.scoring.packing import on_real_rows
from anabranch.scoring.reading import Reading
from anabranch.trajectories import Trajectories


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thompson:
    """Thompson sampling: a share of each batch comes from an ensemble, each trajectory from one member at random.

    The ensemble is one multi-layer perceptron with `members` forward heads on a common trunk, beside the policy, with
    one log Z and an optimiser of its own. To the logits of each head those of a frozen random network are added, of
    standard deviation `prior` at the initial state: where there were no data the members disagree, and so their
    draws spread. In each step each member learns log R, at the exponent of the step, by trajectory balance with a
    uniform P_B, from those trajectories of the batch that a coin of probability `bootstrap` gives it. The policy learns
    from the same batch by its own objective, and is what is evaluated and kept; the ensemble stays in checkpoints.

    In the paper the ensemble is the policy, its heads share the trunk with each other only, and it draws every
    trajectory. Here the policy has a network of its own, of whatever kind, and draws the rest of the batch.

    Paper: Rector-Brooks et al. 2023, arXiv:2306.17693; random priors: Osband et al. 2018, arXiv:1806.03335.

    Raises:
        ConfigError: for a setting out of range.

    Example:
        run = anabranch.train("faces", objective="tb", thompson=anabranch.Thompson(members=5))
    """

    share: float = 0.5
    """Of each batch that the ensemble draws."""
    members: int = 10
    """Forward heads of the ensemble."""
    bootstrap: float = 0.5
    """Probability with which a member learns from a trajectory."""
    prior: float = 3.0
    """Standard deviation of the fixed random logits of a member, in nats; 0: none."""
    width: int = 256
    """Units of each hidden layer of the ensemble."""
    depth: int = 2
    """Hidden layers of the ensemble."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 <= self.share < 1.0:
            raise ConfigError(f"The ensemble's share of a batch lies from 0 to below 1; given {self.share}.")
        if min(self.members, self.width, self.depth) < 1:
            given = f"members={self.members}, width={self.width}, depth={self.depth}"
            raise ConfigError(f"members, width and depth of an ensemble must be positive; given {given}.")
        if not 0.0 < self.bootstrap <= 1.0:
            raise ConfigError(f"bootstrap is a probability above 0, at most 1; given {self.bootstrap}.")
        if not 0.0 <= self.prior < float("inf"):
            raise ConfigError(f"prior must be 0 or positive, and finite; given {self.prior}.")

    def build(self, observer: Observer, key: Key[Array, ""]) -> tuple[MLPPolicy, MLPPolicy | None]:
        """A fresh ensemble, as one policy with the labels of all members in a row, and its frozen priors."""
        own, fixed = jax.random.split(key)
        trained = self._network(observer, own)
        if self.prior == 0.0:
            return trained, None
        prior = self._network(observer, fixed)
        # The usual initial logits are a few hundredths of a nat: all members would be alike.
        spread = jnp.std(prior.heads(initial_state(observer.env)).forward)
        last = (prior.weights[-1], prior.biases[-1])
        scaled = jax.tree.map(lambda leaf: leaf * self.prior / spread, last)
        return trained, eqx.tree_at(lambda one: (one.weights[-1], one.biases[-1]), prior, scaled)

    def _network(self, observer: Observer, key: Key[Array, ""]) -> Any:
        labels = self.members * (observer.env.num_actions + 1)
        recipe = MLP(width=self.width, depth=self.depth)
        return observed(mlp_policy(recipe, observer, key=key, labels=labels, slots=0), observer)


def member_logits(ensemble: MLPPolicy, prior: MLPPolicy | None, state: State, labels: int) -> Float[Array, "K labels"]:
    """The forward logits of each member at one state."""
    logits = ensemble.heads(state).forward
    if prior is not None:
        logits = logits + jax.lax.stop_gradient(prior.heads(state).forward)
    return logits.reshape(-1, labels)


class Member(Policy):
    """One member of an ensemble, as a policy that draws."""

    ensemble: MLPPolicy
    prior: MLPPolicy | None
    number: Int[Array, ""]
    log_z: Float[Array, ""]

    def heads(self, state: State) -> Heads:
        """The heads at one state, without a state flow."""
        assert self.ensemble.observer is not None
        labels = self.ensemble.observer.env.num_actions + 1
        logits = member_logits(self.ensemble, self.prior, state, labels)[self.number]
        return Heads(logits, None, jnp.zeros(()))

    def __call__(self, observation: Array) -> Heads:
        """Not of use: a member reads the state, because its prior does too."""
        raise NotImplementedError("A member of an ensemble is asked by heads(state).")


def drawn_by_members(
    ensemble: MLPPolicy, prior: MLPPolicy | None, reading: Reading, key: Key[Array, ""], batch: int, members: int
) -> tuple[Trajectories, Flags]:
    """Trajectories, each drawn by a member of its own, chosen at random."""
    choice_key, walk_key = jax.random.split(key)
    numbers = jax.random.randint(choice_key, (batch,), 0, members)
    # All walks take as many turns as the longest one, so that the end of the loop is one number.
    axis = (*(reading.axis or ()), "members")
    alone = dataclasses.replace(reading, axis=axis)

    def one(number: Any, key: Any) -> Any:
        member = Member(ensemble=ensemble, prior=prior, number=number, log_z=ensemble.log_z)
        trajectories, _, flags = rollout(member, alone, key, 1, narrow=False)
        return trajectories, flags

    trajectories, flags = jax.vmap(one, axis_name="members")(numbers, jax.random.split(walk_key, batch))
    # Each walk is a batch of one: [walks, rows, 1, ...] becomes [rows, walks, ...].
    states, actions = jax.tree.map(
        lambda leaf: jnp.moveaxis(leaf[:, :, 0], 0, 1), (trajectories.states, trajectories.actions)
    )
    return Trajectories(states, actions, trajectories.length[:, 0]), first_raised(flags)


def residuals_of_members(
    ensemble: MLPPolicy,
    prior: MLPPolicy | None,
    reading: Reading,
    trajectories: Trajectories,
    log_reward: Float[Array, " B"],
) -> Float[Array, "K B"]:
    """The residual of trajectory balance of each member on each trajectory, under a uniform P_B, in nats."""
    env, mask = reading.env, trajectories.mask
    parameters, static = eqx.partition((ensemble, prior), eqx.is_inexact_array)
    before = jnp.concatenate([trajectories.actions[:1], trajectories.actions[:-1]])
    first = jnp.broadcast_to(jnp.arange(mask.shape[0])[:, None] == 0, mask.shape)

    def row(parameters: Any, entry: Any) -> tuple[Float[Array, " K"], Float[Array, ""]]:
        state, action, entered, first = entry
        allowed = forward_mask(env, state)
        trained, fixed = eqx.combine(parameters, static)
        logits = member_logits(trained, fixed, state, allowed.shape[0])
        log_pf = jax.vmap(lambda own: masked_log_softmax(own, allowed)[0][action])(logits)
        nothing = Heads(logits[0], None, jnp.zeros(()))
        log_pb = jnp.where(first, 0.0, UniformBackward().log_prob(env, state, nothing, entered))
        return log_pf, log_pb

    flat = jax.tree.map(
        lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), (trajectories.states, trajectories.actions, before, first)
    )
    options = {"chunk": reading.chunk, "axis": reading.axis}
    log_pf, log_pb = on_real_rows(row, parameters, flat, mask.reshape(-1), **options)
    zeta = log_reward + log_pb.reshape(mask.shape).sum(0)
    return ensemble.log_z + log_pf.reshape(*mask.shape, -1).sum(0).T - zeta


def bootstrapped(residual: Float[Array, "K B"], chosen: Bool[Array, "K B"]) -> Float[Array, ""]:
    """The mean squared residual over members and the trajectories that each of them learns from."""
    return jnp.sum(jnp.where(chosen, residual**2, 0.0)) / jnp.maximum(chosen.sum(), 1)
