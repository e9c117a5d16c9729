"""Walks through a space whose steps are densities, forward and back, and what each step of them shows."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.continuous.kernels import draw, log_density
from anabranch.environment import State, initial_state, same_state, take
from anabranch.ground.streams import Stream, generator_of, key_of
from anabranch.laws.words import shortened


class Steps(eqx.Module):
    """Walks [W, rows]: the state of each row, the numbers it was left with, and the child that was drawn there."""

    state: State
    numbers: Float[Array, "*rows f"]
    back_numbers: Float[Array, "*rows b"]
    child: State
    moving: Bool[Array, "*rows"]
    """Whether the walk went on to the child."""
    can_stop: Bool[Array, "*rows"]


class Seen(eqx.Module):
    """What each row of a walk shows; True is a fault."""

    child_not_finite: Bool[Array, "*rows"]
    ahead_not_finite: Bool[Array, "*rows"]
    """forward(state).log_density(child)."""
    ahead_gradient: Bool[Array, "*rows"]
    still_gradient: Bool[Array, "*rows"]
    """The same with the state itself in the place of a child, as at a STOP."""
    back: Bool[Array, "*rows"]
    """backward(child).log_density(state), the space's own P_B."""
    back_learned: Bool[Array, "*rows"]
    back_gradient: Bool[Array, "*rows"]
    home_again: Bool[Array, "*rows"]
    """The child is the initial state."""
    no_change: Bool[Array, "*rows"]
    observation: Bool[Array, "*rows"]


class Returns(eqx.Module):
    """Walks back [W, rows]: a state, the parent that was drawn, and whether it leads forward again."""

    state: State
    parent: State
    moving: Bool[Array, "*rows"]
    leads_nowhere: Bool[Array, "*rows"]
    """The parent cannot move, or forward(parent) gives the state no finite density."""
    home: Bool[Array, "*walks"]


@dataclasses.dataclass(frozen=True, eq=False)
class WalkedKernels:
    """All walks of a check, as NumPy."""

    steps: Steps
    seen: Seen
    returns: dict[str, Returns]
    """By the space's own P_B, and by one that is learned where there is one."""

    @property
    def there(self) -> Bool[np.ndarray, "W rows"]:
        """The rows that belong to a walk: those that moved, and the one after them."""
        moving = np.asarray(self.steps.moving)
        return np.pad(moving[:, :-1], ((0, 0), (1, 0)), constant_values=True)

    def at(self, walk: int, row: int) -> State:
        """One state."""
        return take(self.steps.state, (walk, row))


def walk(env: ContinuousEnvironment, *, walks: int, seed: int) -> WalkedKernels:
    """Walks with numbers of 0 (every other one) and with random normal numbers; and as many walks back from objects."""
    key = key_of(seed, Stream.CHECK_WALKS)
    ahead_key, back_key = jax.random.split(key)
    steps, seen = _ahead(env, jax.random.split(ahead_key, walks))
    steps = jax.tree.map(np.asarray, steps)
    ends = _objects(steps, seed)
    returns = {}
    if ends is not None:
        for number, learned in enumerate((False, True)[: 1 + bool(env.backward_numbers)]):
            keys = jax.random.split(jax.random.fold_in(back_key, number), walks)
            found = _back(env, keys, jax.tree.map(jnp.asarray, ends), learned)
            returns["learned" if learned else "own"] = jax.tree.map(np.asarray, found)
    return WalkedKernels(steps, jax.tree.map(np.asarray, seen), returns)


def _objects(steps: Steps, seed: int) -> State | None:
    """A finished state of each walk, any of its own; None where some walk has none."""
    there = np.pad(np.asarray(steps.moving)[:, :-1], ((0, 0), (1, 0)), constant_values=True)
    finished = there & np.asarray(steps.can_stop)
    if not finished.any(1).all():
        return None
    luck = generator_of(seed, Stream.CHECK_OBJECTS).random(finished.shape)
    row = np.where(finished, luck, -1.0).argmax(1)
    return take(steps.state, (np.arange(row.size), row))


@eqx.filter_jit
def _ahead(env: ContinuousEnvironment, keys: Key[Array, " W"]) -> tuple[Steps, Seen]:
    wild = jnp.arange(keys.shape[0]) % 2

    def move(carry: Any, own: Key[Array, ""]) -> Any:
        state, share = carry
        luck, back_luck, child_luck = jax.random.split(own, 3)
        numbers = share * jax.random.normal(luck, (env.forward_numbers,))
        back_numbers = share * jax.random.normal(back_luck, (env.backward_numbers,))
        child = draw(env.forward(state, numbers), child_luck)
        moving = jnp.asarray(env.can_move(state))
        after = jax.tree.map(lambda a, b: jnp.where(moving, a, b), child, state)
        step = Steps(state, numbers, back_numbers, child, moving, jnp.asarray(env.can_stop(state)))
        return (after, share), (step, _shown(env, step))

    def walked(key: Key[Array, ""], share: Float[Array, ""]) -> Any:
        return jax.lax.scan(move, (initial_state(env), share), jax.random.split(key, env.max_steps + 1))[1]

    return jax.vmap(walked)(keys, wild.astype(float))


def _shown(env: ContinuousEnvironment, step: Steps) -> Seen:
    state, child = step.state, step.child

    def ahead(numbers: Any, value: State) -> Any:
        return log_density(env.forward(state, numbers), value)

    def back(numbers: Any, value: State, parent: State) -> Any:
        return log_density(env.backward(value, numbers), parent)

    reached, slope = jax.value_and_grad(ahead)(step.numbers, child)
    still = jax.grad(ahead)(step.numbers, state)
    learned = back_gradient = jnp.array(False)
    if env.backward_numbers:
        value, back_slope = jax.value_and_grad(back)(step.back_numbers, child, state)
        alone = jax.grad(back)(step.back_numbers, state, state)
        learned, back_gradient = ~jnp.isfinite(value), _unsound(back_slope) | _unsound(alone)
    return Seen(
        child_not_finite=_unsound(child),
        ahead_not_finite=~jnp.isfinite(reached),
        ahead_gradient=_unsound(slope),
        still_gradient=_unsound(still),
        back=~jnp.isfinite(back(None, child, state)),
        back_learned=learned,
        back_gradient=back_gradient,
        home_again=same_state(child, initial_state(env)),
        no_change=same_state(child, state),
        observation=_unsound(env.observe(state)),
    )


def _unsound(tree: Any) -> Bool[Array, ""]:
    floats = [leaf for leaf in jax.tree.leaves(tree) if jnp.issubdtype(jnp.asarray(leaf).dtype, jnp.floating)]
    return jnp.array([~jnp.isfinite(leaf).all() for leaf in floats] or [False]).any()


@eqx.filter_jit
def _back(env: ContinuousEnvironment, keys: Key[Array, " W"], ends: State, learned: bool) -> Returns:
    source = initial_state(env)

    def move(state: State, own: Key[Array, ""]) -> Any:
        luck, number_luck, forward_luck = jax.random.split(own, 3)
        numbers = jax.random.normal(number_luck, (env.backward_numbers,)) if learned else None
        parent = draw(env.backward(state, numbers), luck)
        moving = ~same_state(state, source)
        ahead = env.forward(parent, jax.random.normal(forward_luck, (env.forward_numbers,)))
        nowhere = ~(jnp.asarray(env.can_move(parent)) & jnp.isfinite(log_density(ahead, state)))
        after = jax.tree.map(lambda a, b: jnp.where(moving, a, b), parent, state)
        return after, (state, parent, moving, moving & nowhere)

    def walked(key: Key[Array, ""], end: State) -> Any:
        last, (state, parent, moving, nowhere) = jax.lax.scan(move, end, jax.random.split(key, max(env.max_steps, 1)))
        return Returns(state, parent, moving, nowhere, same_state(last, source))

    return jax.vmap(walked)(keys, ends)


def told(state: State) -> str:
    """A state by its leaves, with four digits."""

    def rounded(leaf: Any) -> Any:
        leaf = np.asarray(leaf)
        return np.vectorize(lambda one: float(f"{one:.4g}"))(leaf).tolist() if leaf.dtype.kind == "f" else leaf.tolist()

    return shortened(repr(jax.tree.map(rounded, state)))


def numbers_text(numbers: Any) -> str:
    """The numbers of a network, in words; the first six where they are many."""
    numbers = np.asarray(numbers)
    if not numbers.any():
        return "numbers of 0"
    some = ", ".join(f"{one:.3g}" for one in numbers[:6])
    return f"numbers [{some}{', ...' * (numbers.size > 6)}]"
