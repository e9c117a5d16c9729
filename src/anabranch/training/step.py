"""The open door: `init` and `step` are pure functions of a Trainer; `advance` runs many steps in one compiled loop."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from anabranch.ground.errors import Error, LawError
from anabranch.ground.streams import Stream
from anabranch.ground.tracing import traced_once
from anabranch.policies.heads import Policy, at_level, started
from anabranch.rewards.log_reward import bad_reward
from anabranch.sampling.reference_level import FlowStart, flow_start
from anabranch.sampling.replay import Buffer, Replay
from anabranch.scoring.score import score
from anabranch.training.compatibility import require_served
from anabranch.training.gather import Batch, Fault, gathered, remembered, side_by_side
from anabranch.training.memory import require_memory
from anabranch.training.needs import extras
from anabranch.training.setup import SEEDS_AXIS, Trainer, with_values
from anabranch.trajectories import Scores


class TrainState(eqx.Module):
    """All that changes from step to step."""

    policy: Policy
    optimizer: Any
    step: Int[Array, ""]
    key: Key[Array, ""]
    """The stream that the keys of all steps are folded from."""
    buffer: Buffer | None = None
    lagged: Policy | None = None
    """A copy of the policy that follows it slowly."""
    prior: Policy | None = None
    values: dict[str, Float[Array, ""]] = eqx.field(default_factory=dict)
    """Settings that are traced, because they differ from lane to lane."""


class StepMetrics(eqx.Module):
    """What one step measured; a chunk reports their means."""

    loss: Float[Array, ""]
    log_reward: Float[Array, ""]
    """Mean log-reward of the sampled objects, zeros at their floor."""
    rows: Float[Array, ""]
    """Mean real rows of a trajectory."""
    floored: Float[Array, ""]
    """Share of sampled objects whose reward was zero."""


def init(trainer: Trainer, seed: int, *, start: Policy | None = None) -> TrainState:
    """The state before the first step: fresh parameters, or those of `start`; with `seeds`, of seed, seed + 1, ..."""
    numbers = jnp.asarray(seed) if trainer.seeds is None else seed + jnp.arange(trainer.seeds)
    return init_lanes(trainer, numbers, {}, start=start)


def init_lanes(
    trainer: Trainer, seeds: Int[Array, "*lanes"], values: dict[str, Float[Array, "*lanes"]], *, start: Any = None
) -> TrainState:
    """The same for any seeds, each lane with its own value of some settings (see `with_values`)."""
    require_served(trainer)
    require_memory(trainer)
    if start is None:
        aims = {"level": trainer.level, "zero_floor": trainer.zero_floor}
        begin = flow_start(trainer.env, trainer.log_reward, trainer.objective, **aims)
        policy = _begun(_each(trainer, _fresh_policy)(trainer, seeds), trainer.level, begin)
    else:
        policy = at_level(start, trainer.level)
    return _each(trainer, _fresh_state)(trainer, policy, seeds, values)


def _begun(policy: Policy, level: float, start: FlowStart) -> Policy:
    """A fresh policy whose log Z and flow head start near their values."""
    log_z = policy.log_z if start.log_z is None else jnp.full_like(policy.log_z, start.log_z)
    offset = None if start.log_flow is None else jnp.full_like(policy.log_z, start.log_flow)
    return started(policy, level=level, log_z=log_z, log_flow_offset=offset)


def _each(trainer: Trainer, function: Any) -> Any:
    """The function as it is, or for each seed of a leading axis."""
    if trainer.seeds is None:
        return function
    return eqx.filter_vmap(function, in_axes=eqx.if_array(0), axis_name=SEEDS_AXIS, axis_size=trainer.seeds)


@eqx.filter_jit
def _fresh_policy(trainer: Trainer, seed: Int[Array, ""]) -> Policy:
    learned = trainer.backward is not None and trainer.backward.learned
    key = jax.random.fold_in(jax.random.key(seed), Stream.INIT)
    return trainer.policy.build(trainer.env, key=key, learned_backward=learned)


@eqx.filter_jit
def _fresh_state(trainer: Trainer, policy: Policy, seed: Int[Array, ""], values: dict[str, Array]) -> TrainState:
    return TrainState(
        policy=policy,
        optimizer=trainer.transformation.init(eqx.filter(policy, eqx.is_inexact_array)),
        step=jnp.array(0),
        key=jax.random.fold_in(jax.random.key(seed), Stream.TRAIN),
        buffer=None if trainer.replay is None else _fresh_buffer(trainer, trainer.replay),
        lagged=policy if trainer.lag_rate else None,
        prior=None if trainer.prior is None else trainer.prior.policy,
        values=values,
    )


def _fresh_buffer(trainer: Trainer, replay: Replay) -> Buffer:
    with_actions = trainer.backward is not None and trainer.backward.from_memory
    buffer = Buffer.empty(trainer.env, replay, with_actions=with_actions)
    if trainer.data is None:
        return buffer
    return buffer.with_data(jax.tree.map(jnp.asarray, trainer.data.states), jnp.asarray(trainer.data.log_reward))


def step(trainer: Trainer, state: TrainState) -> tuple[TrainState, StepMetrics, Fault]:
    """Gather a batch, score it, and follow the gradient once. Pure; meant to be jitted."""
    trainer = with_values(trainer, state.values)
    key = jax.random.fold_in(state.key, state.step)
    batch, buffer = gathered(trainer, state.policy, state.buffer, state.key, state.step)
    given = extras(trainer, batch.trajectories, lagged=state.lagged, prior=state.prior)
    beta = 1.0 if trainer.anneal is None else trainer.anneal.beta(state.step)
    parameters, static = eqx.partition(state.policy, eqx.is_inexact_array)

    def loss_of(parameters: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
        policy = eqx.combine(parameters, static)
        scores = _annealed(dataclasses.replace(_scored(trainer, policy, batch), **given), beta)
        own = jnp.zeros(())
        if trainer.backward is not None and trainer.backward.has_own_loss:
            own = trainer.backward.own_loss(_scores_of_backward(trainer, policy, scores, buffer, key))
            log_pb = scores.log_pb if scores.lagged_log_pb is None else scores.lagged_log_pb
            scores = dataclasses.replace(scores, log_pb=jax.lax.stop_gradient(log_pb))
        loss = trainer.objective.loss(scores)
        return loss + own, loss

    (_, loss), gradient = jax.value_and_grad(loss_of, has_aux=True)(parameters)
    updates, optimizer = trainer.transformation.update(gradient, state.optimizer, parameters)
    policy = eqx.combine(eqx.apply_updates(parameters, updates), static)
    lagged = None if state.lagged is None else _following(state.lagged, policy, trainer.lag_rate)
    fresh = TrainState(policy, optimizer, state.step + 1, state.key, buffer, lagged, state.prior, state.values)
    return fresh, _metrics(batch, loss), batch.fault


def _annealed(scores: Scores, beta: Any) -> Scores:
    """The scores with R^beta in place of R, in everything that a reward entered."""
    if isinstance(beta, float):
        return scores
    rewards = {name: getattr(scores, name) for name in ("log_reward", "log_reward_at", "energy")}
    return dataclasses.replace(scores, **{name: beta * value for name, value in rewards.items() if value is not None})


def _metrics(batch: Batch, loss: Float[Array, ""]) -> StepMetrics:
    main = batch.main
    return StepMetrics(loss, main.log_reward.mean(), main.trajectories.length.mean(), batch.floored)


def _scored(trainer: Trainer, policy: Policy, batch: Batch) -> Scores:
    """The scores of all parts, side by side; what the sampler saw is used where it is still valid."""

    def one(part: Any) -> Scores:
        options = {"known": part.seen, "needs_inflow": trainer.objective.needs_inflow}
        return score(policy, trainer.reading, part.trajectories, part.log_reward, **options)

    return side_by_side([one(part) for part in batch.parts])


def _scores_of_backward(
    trainer: Trainer, policy: Policy, scores: Scores, buffer: Buffer | None, key: Key[Array, ""]
) -> Scores:
    """The scores that a backward policy's own loss is about."""
    assert trainer.backward is not None
    if not trainer.backward.from_memory:
        return scores
    assert buffer is not None
    trajectories = remembered(trainer, buffer, key)
    return score(policy, trainer.reading, trajectories, jnp.zeros(trajectories.length.shape))


def _following(lagged: Policy, policy: Policy, rate: float) -> Policy:
    """The lagged copy a step later."""
    old, static = eqx.partition(lagged, eqx.is_inexact_array)
    new = eqx.filter(policy, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda a, b: a + rate * (b - a), old, new), static)


@eqx.filter_jit
def advance(trainer: Trainer, state: TrainState, count: Int[Array, ""]) -> tuple[TrainState, StepMetrics, Fault]:
    """`count` steps in one compiled loop (any count, one compilation), the mean of their metrics, the first fault.

    With `seeds`, so for each seed, and all results have a leading axis.
    """
    if trainer.seeds is None or trainer.vectorised:
        return _advanced(trainer, state, count)
    dynamic, static = eqx.partition(state, eqx.is_array)

    def one(dynamic: Any) -> Any:
        fresh, metrics, fault = _advanced(trainer, eqx.combine(dynamic, static), count)
        return eqx.filter(fresh, eqx.is_array), metrics, fault

    dynamic, metrics, fault = jax.lax.map(one, dynamic)
    return eqx.combine(dynamic, static), metrics, fault


def _advanced(trainer: Trainer, state: TrainState, count: Int[Array, ""]) -> tuple[TrainState, StepMetrics, Fault]:
    dynamic, static = eqx.partition(state, eqx.is_array)

    def once(state: TrainState) -> Any:
        fresh, metrics, fault = step(trainer, state)
        return eqx.filter(fresh, eqx.is_array), metrics, fault

    every = _each(trainer, once) if trainer.vectorised else once
    advanced, shapes = traced_once(lambda dynamic: every(eqx.combine(dynamic, static)), dynamic)

    def body(_: Any, carry: Any) -> Any:
        dynamic, total, fault = carry
        dynamic, metrics, fresh = advanced(dynamic)
        return dynamic, jax.tree.map(jnp.add, total, metrics), _first_fault(fault, fresh)

    total, fault = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes[1:])
    dynamic, total, fault = jax.lax.fori_loop(0, count, body, (dynamic, total, fault))
    return eqx.combine(dynamic, static), jax.tree.map(lambda leaf: leaf / count, total), fault


def _first_fault(old: Fault, new: Fault) -> Fault:
    """The first of two faults that was raised, of one lane or of each."""

    def first(old: Array, new: Array) -> Array:
        return jnp.where(old_raised.reshape(*old_raised.shape, *[1] * (new.ndim - old_raised.ndim)), old, new)

    old_raised = old.raised
    return jax.tree.map(first, old, new)


def fault_error(trainer: Trainer, fault: Fault) -> Error | None:
    """The sentence about what happened in a chunk, or None."""
    if trainer.seeds is not None:
        first = int(jnp.argmax(fault.raised))
        fault = jax.tree.map(lambda leaf: leaf[first], fault)
    env = trainer.env
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
        return bad_reward(env.show(culprit), float(trainer.log_reward(culprit)))
    return None
