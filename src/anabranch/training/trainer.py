"""The open door: a Trainer is the whole configuration, `init` and `step` are pure functions of it."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Key

from anabranch.backward import BackwardPolicy, backward_policy
from anabranch.environment import Environment, State, take
from anabranch.errors import ConfigError, Error, LawError
from anabranch.explore import ON_POLICY, Explore, require_on_policy
from anabranch.objectives import Objective, objective_named
from anabranch.observation import observer
from anabranch.policy import MLP, Policy, PolicyRecipe
from anabranch.rewards import (
    DEFAULT_ZERO_FLOOR,
    LogReward,
    Rewarded,
    bad_reward,
    require_log_reward,
    require_zero_floor,
    rewarded,
)
from anabranch.sampling import Flags, rollout
from anabranch.scoring import CHUNK, Reading, score
from anabranch.training.optimizer import Adam, with_log_z_rate

INIT_STREAM, TRAIN_STREAM = 0, 1
SEEDS_AXIS = "seeds"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trainer:
    """All that a training step depends on; hashable, so that equal trainers share one compilation."""

    env: Environment
    log_reward: LogReward
    objective: Objective
    backward: BackwardPolicy | None
    """None for objectives without a P_B."""
    explore: Explore
    policy: PolicyRecipe
    optimizer: Adam | optax.GradientTransformation
    log_z_rate: float
    steps: int
    batch: int
    zero_floor: float
    chunk: int | None
    """Real rows a gradient chunk; None: one plain vmap over all rows."""
    seeds: int | None = None
    """So many runs in one program, on a leading axis of the state; None for a single run without that axis."""

    vectorised: bool = False
    """Whether seeds advance side by side, as one batch, or each in its turn within the program."""

    @property
    def reading(self) -> Reading:
        """How this trainer reads a policy's heads."""
        axis = SEEDS_AXIS if self.seeds is not None and self.vectorised else None
        return Reading(self.env, self.backward, self.objective.outflow, self.chunk, axis)

    @property
    def transformation(self) -> optax.GradientTransformation:
        """The optimiser as one gradient transformation."""
        return with_log_z_rate(self.optimizer, log_z_rate=self.log_z_rate, steps=self.steps)


class TrainState(eqx.Module):
    """All that changes from step to step."""

    policy: Policy
    optimizer: Any
    step: Int[Array, ""]
    key: Key[Array, ""]
    """The stream that the keys of all steps are folded from."""


class StepMetrics(eqx.Module):
    """What one step measured; a chunk reports their means."""

    loss: Float[Array, ""]
    log_reward: Float[Array, ""]
    """Mean log-reward of the sampled objects, zeros at their floor."""
    rows: Float[Array, ""]
    """Mean real rows of a trajectory."""
    floored: Float[Array, ""]
    """Share of sampled objects whose reward was zero."""


class Fault(eqx.Module):
    """What makes a run stop, with a state to name; read between chunks."""

    flags: Flags
    bad_reward: Any
    """A bool, and the object."""


def trainer(
    env: Environment,
    log_reward: LogReward,
    *,
    objective: str | Objective,
    backward: str | BackwardPolicy | None = "uniform",
    explore: Explore | None = None,
    policy: PolicyRecipe | None = None,
    optimizer: Adam | optax.GradientTransformation | None = None,
    log_z_rate: float = 0.1,
    steps: int,
    batch: int,
    zero_floor: float = DEFAULT_ZERO_FLOOR,
    chunk: int | None = CHUNK,
    seeds: int | None = None,
) -> Trainer:
    """Resolve names and defaults into a Trainer; every ConfigError and RewardError is raised here, before compiling."""
    goal = objective_named(objective)
    explored = explore or ON_POLICY
    if goal.on_policy:
        require_on_policy(explored, type(goal).__name__)
    whole = {
        "steps": steps,
        "batch": batch,
        "chunk": 1 if chunk is None else chunk,
        "seeds": 1 if seeds is None else seeds,
    }
    for name, value in whole.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigError(f"{name} must be a positive whole number; given {value!r}.")
    if not 0.0 < log_z_rate < float("inf"):
        raise ConfigError(f"log_z_rate must be positive and finite; given {log_z_rate}.")
    require_zero_floor(zero_floor)
    require_log_reward(env, log_reward)
    observer(env)
    return Trainer(
        env=env,
        log_reward=log_reward,
        objective=goal,
        backward=backward_policy(backward or "uniform") if goal.has_backward else None,
        explore=explored,
        policy=policy or MLP(),
        optimizer=optimizer or Adam(),
        log_z_rate=log_z_rate,
        steps=steps,
        batch=batch,
        zero_floor=zero_floor,
        chunk=chunk,
        seeds=seeds,
        # On a CPU one seed's matrices fill the cores already, and a batch of matrix products is slower.
        vectorised=jax.default_backend() != "cpu",
    )


def init(trainer: Trainer, seed: int, *, start: Policy | None = None) -> TrainState:
    """The state before the first step: fresh parameters, or those of `start`; with `seeds`, of seed, seed + 1, ..."""
    numbers = jnp.asarray(seed) if trainer.seeds is None else seed + jnp.arange(trainer.seeds)
    policy = start if start is not None else _each(trainer, _fresh_policy)(trainer, numbers)
    return _each(trainer, _fresh_state)(trainer, policy, numbers)


def _each(trainer: Trainer, function: Any) -> Any:
    """The function as it is, or for each seed of a leading axis."""
    if trainer.seeds is None:
        return function
    return eqx.filter_vmap(function, in_axes=eqx.if_array(0), axis_name=SEEDS_AXIS, axis_size=trainer.seeds)


@eqx.filter_jit
def _fresh_policy(trainer: Trainer, seed: Int[Array, ""]) -> Policy:
    learned = trainer.backward is not None and trainer.backward.learned
    key = jax.random.fold_in(jax.random.key(seed), INIT_STREAM)
    return trainer.policy.build(trainer.env, key=key, learned_backward=learned)


@eqx.filter_jit
def _fresh_state(trainer: Trainer, policy: Policy, seed: Int[Array, ""]) -> TrainState:
    optimizer = trainer.transformation.init(eqx.filter(policy, eqx.is_inexact_array))
    key = jax.random.fold_in(jax.random.key(seed), TRAIN_STREAM)
    return TrainState(policy, optimizer, jnp.array(0), key)


def step(trainer: Trainer, state: TrainState) -> tuple[TrainState, StepMetrics, Fault]:
    """Sample a batch, score it, and follow the gradient once. Pure; meant to be jitted."""
    key = jax.random.fold_in(state.key, state.step)
    reading = trainer.reading
    options = {"explore": trainer.explore, "at_step": state.step, "remember": trainer.chunk is not None}
    trajectories, seen, flags = rollout(state.policy, reading, key, trainer.batch, **options)
    objects = trajectories.objects
    reward = rewarded(trainer.log_reward, objects, zero_floor=trainer.zero_floor)
    parameters, static = eqx.partition(state.policy, eqx.is_inexact_array)

    def loss_of(parameters: Any) -> Float[Array, ""]:
        policy = eqx.combine(parameters, static)
        scores = score(
            policy,
            reading,
            trajectories,
            reward.log_reward,
            known=seen if trainer.chunk else None,
            needs_inflow=trainer.objective.needs_inflow,
        )
        return trainer.objective.loss(scores)

    loss, gradient = jax.value_and_grad(loss_of)(parameters)
    updates, optimizer = trainer.transformation.update(gradient, state.optimizer, parameters)
    policy = eqx.combine(eqx.apply_updates(parameters, updates), static)
    metrics = StepMetrics(
        loss=loss,
        log_reward=reward.log_reward.mean(),
        rows=trajectories.length.mean(),
        floored=reward.floored.mean(),
    )
    return TrainState(policy, optimizer, state.step + 1, state.key), metrics, _fault(flags, reward, objects)


def _fault(flags: Flags, reward: Rewarded, objects: State) -> Fault:
    return Fault(flags, (reward.bad.any(), take(objects, jnp.argmax(reward.bad))))


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
    def once(state: TrainState, fault: Fault | None) -> Any:
        state, metrics, fresh = step(trainer, state)
        if fault is not None:
            fresh = jax.tree.map(lambda old, new: jnp.where(_any_fault(fault), old, new), fault, fresh)
        return state, metrics, fresh

    def body(_: Any, carry: Any) -> Any:
        dynamic, total, fault = carry
        state, metrics, fault = every(eqx.combine(dynamic, static), fault)
        return eqx.filter(state, eqx.is_array), jax.tree.map(jnp.add, total, metrics), fault

    every = _each(trainer, once) if trainer.vectorised else once
    dynamic, static = eqx.partition(state, eqx.is_array)
    shapes = eqx.filter_eval_shape(lambda state: every(state, None)[1:], state)
    total, fault = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    dynamic, total, fault = jax.lax.fori_loop(0, count, body, (dynamic, total, fault))
    return eqx.combine(dynamic, static), jax.tree.map(lambda leaf: leaf / count, total), fault


def _any_fault(fault: Fault) -> Array:
    return fault.flags.dead_end | fault.flags.too_long | fault.bad_reward[0]


def fault_error(trainer: Trainer, fault: Fault) -> Error | None:
    """The sentence about what happened in a chunk, or None."""
    if trainer.seeds is not None:
        first = int(jnp.argmax(_any_fault(fault)))
        fault = jax.tree.map(lambda leaf: leaf[first], fault)
    env = trainer.env
    name = type(env).__name__
    if bool(fault.flags.dead_end):
        return LawError(
            f"{name} has a dead end (law L4): at {env.show(fault.flags.state)} nothing is legal and it may not stop. "
            "Run anabranch.check(env)."
        )
    if bool(fault.flags.too_long):
        return LawError(
            f"{name} has a trajectory longer than max_steps={env.max_steps} (law L5), at "
            f"{env.show(fault.flags.state)}. Run anabranch.check(env)."
        )
    if bool(fault.bad_reward[0]):
        culprit = fault.bad_reward[1]
        return bad_reward(env.show(culprit), float(trainer.log_reward(culprit)))
    return None
