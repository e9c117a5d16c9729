"""Faults of compiled steps: a compiled step cannot raise an error, so that it returns a `Fault` that becomes one."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from anabranch.ground.errors import Error, LawError
from anabranch.rewards.log_reward import bad_reward
from anabranch.sampling.flags import Flags
from anabranch.training.guides import GuideState
from anabranch.training.optimizer import Adam
from anabranch.training.settings import Setup
from anabranch.training.state import TrainState


class Fault(eqx.Module):
    """What makes a run stop, with a state to name; read between chunks."""

    flags: Flags | None
    bad_reward: Any
    """A bool, and the object."""
    not_finite: Bool[Array, "*lanes"] | None = None
    """Whether the steps ended with a loss, a parameter or a moment of the optimiser that is no number; None while they
    run."""

    @property
    def raised(self) -> Bool[Array, "*lanes"]:
        """Whether anything is wrong."""
        flags = self.flags
        return self.bad_reward[0] if flags is None else flags.dead_end | flags.too_long | self.bad_reward[0]


def first_fault(old: Fault, new: Fault) -> Fault:
    """The first of two faults that was raised, of one lane or of each."""

    def first(old: Array, new: Array) -> Array:
        return jnp.where(old_raised.reshape(*old_raised.shape, *[1] * (new.ndim - old_raised.ndim)), old, new)

    old_raised = old.raised
    return jax.tree.map(first, old, new)


def not_finite(setup: Setup, state: TrainState, loss: Float[Array, "*lanes"]) -> Bool[Array, "*lanes"]:
    """Whether a loss, or what it led to, is no number: of a state, or of each lane where lanes are one batch."""
    lanes = 1 if setup.vectorised and setup.seeds is not None else 0

    def any_of(trees: list[Any], test: Callable[[Array], Array]) -> Bool[Array, "*lanes"]:
        leaves = jax.tree.leaves(eqx.filter(trees, eqx.is_inexact_array))
        if not leaves:
            return jnp.zeros(loss.shape, bool)
        # Side by side, so that one test is compiled, and not one for each leaf.
        return test(jnp.concatenate([leaf.reshape(*leaf.shape[:lanes], -1) for leaf in leaves], -1)).any(-1)

    def infinite(leaf: Array) -> Array:
        return ~jnp.isfinite(leaf)

    # A moment of Adam that is infinite would freeze its parameter; another optimiser may start from infinity.
    of_optimizer = infinite if isinstance(setup.optimizer, Adam) else jnp.isnan
    guides = [own for own in state.sources if isinstance(own, GuideState)]
    learned = [state.policy, *(guide.policy for guide in guides)]
    kept = [state.optimizer, *(guide.optimizer for guide in guides)]
    return any_of(learned, infinite) | any_of(kept, of_optimizer) | infinite(loss)


def fault_error(setup: Setup, fault: Fault) -> Error | None:
    """The sentence about what happened in a chunk, or None."""
    if setup.seeds is not None:
        first = int(jnp.argmax(fault.raised))
        fault = jax.tree.map(lambda leaf: leaf[first], fault)
    env = setup.env
    name = type(env).__name__
    flags = fault.flags
    if flags is not None and bool(flags.dead_end):
        return LawError(
            f"{name} has a dead end (law L4): at {env.show(flags.state)} nothing is legal and it may not stop. "
            "Run anabranch.check(env)."
        )
    if flags is not None and bool(flags.too_long):
        return LawError(
            f"{name} has a trajectory longer than max_steps={env.max_steps} (law L5), at "
            f"{env.show(flags.state)}. Run anabranch.check(env)."
        )
    if bool(fault.bad_reward[0]):
        culprit = fault.bad_reward[1]
        return bad_reward(env.show(culprit), float(setup.log_reward(culprit)))
    return None
