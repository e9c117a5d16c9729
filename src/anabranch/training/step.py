"""One training step as pure functions, for those who write the loop themselves.

A step has three parts. `propose` draws trajectories from the present policy, `reward` evaluates their objects, and
`learn` gathers the batch, scores it and follows the gradient of the loss once. `init` makes the first `TrainState`;
`advance` runs any number of steps in one compiled loop.

All of them take a frozen, hashable `Setup` and carry what changes in a `TrainState`. Equal setups share one
compilation. A compiled step cannot raise an error: what goes wrong (a dead end, a reward that is NaN) comes back as a
`Fault`, and `fault_error` makes a sentence of it.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from anabranch.ground.sharding import whole
from anabranch.ground.streams import Stream
from anabranch.ground.tracing import traced_once
from anabranch.policies.heads import Policy, at_level, built, observed, started
from anabranch.rewards.log_reward import Rewarded, rewarded, with_floor
from anabranch.sampling.reference_level import FlowStart, flow_start
from anabranch.scoring.score import score
from anabranch.training.compatibility import require_compatible
from anabranch.training.devices import drawn, scored
from anabranch.training.fault import Fault, first_fault, not_finite
from anabranch.training.gather import Batch, Proposal, gathered
from anabranch.training.guided import taught, with_guides
from anabranch.training.memory import make_room_for_programs, remembers, require_memory
from anabranch.training.needs import filled
from anabranch.training.pathwise import pathwise_scores
from anabranch.training.pending import first_pending
from anabranch.training.settings import SEEDS_AXIS, Setup
from anabranch.training.setup import with_values
from anabranch.training.sources import Part, Replayed, side_by_side, sources_of
from anabranch.training.state import StepMetrics, TrainState
from anabranch.trajectories import Scores


def init(setup: Setup, seed: int, *, start: Policy | None = None) -> TrainState:
    """The state before the first step.

    Arguments:
        setup: the training, as `anabranch.setup` makes it.
        seed: the seed of all its random numbers; with `seeds` the lanes have seed, seed + 1, ...
        start: a policy to go on from; None: fresh parameters, log Z and flows near their values.

    Returns:
        A `TrainState`: parameters, optimiser, step, key, and what the sources of a batch keep.

    Raises:
        ConfigError: where the parts do not go together, lack something, or need more memory than there is.
    """
    return init_lanes(setup, seeds_from(setup, seed), {}, start=start)


def seeds_from(setup: Setup, seed: int) -> Int[Array, "*lanes"]:
    """The seed of each lane."""
    return jnp.asarray(seed) if setup.seeds is None else seed + jnp.arange(setup.seeds)


def init_lanes(
    setup: Setup, seeds: Int[Array, "*lanes"], values: dict[str, Float[Array, "..."]], *, start: Any = None
) -> TrainState:
    """The same for any seeds, each lane with its own value of some settings (see `with_values`)."""
    require_compatible(setup)
    require_memory(setup)
    make_room_for_programs()
    if start is None:
        aims = {"level": setup.level, "zero_floor": setup.zero_floor, "beta": setup.first_beta}
        begin = flow_start(setup.env, setup.log_reward, setup.objective, **aims)
        policy = _begun(_each(setup, _fresh_policy)(setup, seeds), setup.level, begin)
    else:
        policy = at_level(observed(start, setup.observer), setup.level)
    state = _each(setup, _fresh_state)(setup, policy, seeds, values)
    return dataclasses.replace(state, pending=first_pending(setup))


def _begun(policy: Policy, level: float, start: FlowStart) -> Policy:
    """A fresh policy whose log Z and flow head start near their values."""
    log_z = policy.log_z if start.log_z is None else jnp.full_like(policy.log_z, start.log_z)
    offset = None if start.log_flow is None else jnp.full_like(policy.log_z, start.log_flow)
    return started(policy, level=level, log_z=log_z, log_flow_offset=offset)


def _each(setup: Setup, function: Any) -> Any:
    """The function as it is, or for each seed of a leading axis."""
    if setup.seeds is None:
        return function
    return eqx.filter_vmap(function, in_axes=eqx.if_array(0), axis_name=SEEDS_AXIS, axis_size=setup.seeds)


@eqx.filter_jit
def _fresh_policy(setup: Setup, seed: Int[Array, ""]) -> Policy:
    learned = setup.backward is not None and setup.backward.learned
    key = jax.random.fold_in(jax.random.key(seed), Stream.INIT)
    return built(setup.policy, setup.observer, key=key, learned_backward=learned)


@eqx.filter_jit
def _fresh_state(setup: Setup, policy: Policy, seed: Int[Array, ""], values: dict[str, Array]) -> TrainState:
    return TrainState(
        policy=policy,
        optimizer=setup.transformation.init(eqx.filter(policy, eqx.is_inexact_array)),
        step=jnp.zeros((), jnp.int32),  # strongly typed, as a checkpoint gives it back
        key=jax.random.fold_in(jax.random.key(seed), Stream.TRAIN),
        sources=tuple(source.begun(setup, policy, seed) for source in sources_of(setup)),
        lagged=policy if setup.lag_rate else None,
        prior=None if setup.prior is None else setup.prior.policy,
        values=values,
    )


def step(setup: Setup, state: TrainState) -> tuple[TrainState, StepMetrics, Fault]:
    """Propose objects, reward them, and learn from them: one training step. Pure; meant to be jitted.

    Arguments:
        setup: the training, as `anabranch.setup` makes it.
        state: the state before the step: parameters, optimiser, step, key.

    Returns:
        The state after the step, its metrics (loss, mean log-reward in nats, rows, share of zeros), and its fault.

    Example:
        training = anabranch.setup(env, log_reward, objective="tb", steps=100, batch=16)
        state, metrics, fault = anabranch.step(training, anabranch.init(training, seed=0))
    """
    proposal = propose(setup, state)
    # A training that is steered by hand has its rewards among the traced values.
    return learn(setup, state, proposal, reward(with_values(setup, state.values), proposal))


def propose(setup: Setup, state: TrainState) -> Proposal | None:
    """New trajectories of the present policy; None where a training draws none, because it learns from data alone."""
    setup = with_values(setup, state.values)
    fresh = setup.parts[0]
    if not fresh:
        return None
    key = jax.random.fold_in(state.key, state.step)
    options = {"explore": setup.explore, "at_step": state.step, "remember": remembers(setup)}
    # `rollout` splits this key, which is to fold in 0 and 1; sources fold in other numbers (StepStream).
    trajectories, seen, flags = drawn(state.policy, setup.reading, key, fresh, **options)
    # Without chunks automatic differentiation must see the forward pass, so that the sampler's values are not used.
    return with_guides(setup, state, key, Proposal(trajectories, seen if setup.chunk else None, flags))


def reward(setup: Setup, proposal: Proposal | None) -> Rewarded | None:
    """The rewards of what was proposed."""
    if proposal is None:
        return None
    aims = {"zero_floor": setup.zero_floor, "level": setup.level}
    return rewarded(setup.log_reward, proposal.trajectories.objects, **aims)


def learn(
    setup: Setup, state: TrainState, proposal: Proposal | None, rewards: Rewarded | None
) -> tuple[TrainState, StepMetrics, Fault]:
    """Score the proposed trajectories and those of the other sources, and follow the gradient once."""
    setup = with_values(setup, state.values)
    batch, sources = gathered(setup, state, proposal, rewards)
    # Outside of `loss_of`: no gradient flows into what the lagged copy, the prior or the reward say.
    given = filled(setup, batch.trajectories, lagged=state.lagged, prior=state.prior)
    beta = 1.0 if setup.anneal is None else setup.anneal.beta(state.step)
    parameters, static = eqx.partition(state.policy, eqx.is_inexact_array)

    def loss_of(parameters: Any) -> tuple[Float[Array, ""], tuple[Float[Array, ""], Scores]]:
        policy = eqx.combine(parameters, static)
        scores = _annealed(dataclasses.replace(_scores(setup, policy, state, batch), **given), beta)
        own = jnp.zeros(())
        if setup.backward is not None and setup.backward.has_own_loss:
            own = setup.backward.own_loss(_scores_of_backward(setup, policy, scores, state, sources))
            # A P_B with a loss of its own is a constant for the objective, read from the lagged copy if there is one.
            log_pb = scores.log_pb if scores.lagged_log_pb is None else scores.lagged_log_pb
            scores = dataclasses.replace(scores, log_pb=jax.lax.stop_gradient(log_pb))
        loss = setup.objective.loss(scores)
        return loss + own, (loss, scores)

    # The gradient is that of both losses; the loss that is reported is that of the objective.
    (_, (loss, scores)), gradient = jax.value_and_grad(loss_of, has_aux=True)(parameters)
    sources = taught(setup, state, sources, batch, scores)
    updates, optimizer = setup.transformation.update(gradient, state.optimizer, parameters)
    policy = eqx.combine(eqx.apply_updates(parameters, updates), static)
    lagged = None if state.lagged is None else _following(state.lagged, policy, setup.lag_rate)
    fresh = TrainState(policy, optimizer, state.step + 1, state.key, sources, lagged, state.prior, state.values)
    return fresh, _metrics(setup, batch, loss), batch.fault


def _annealed(scores: Scores, beta: Any) -> Scores:
    """The scores with R^beta in place of R, in everything that a reward entered."""
    if isinstance(beta, float):
        return scores
    # Here, and not where rewards are evaluated: the buffer and the data keep log R, which serves every exponent.
    rewards = {name: getattr(scores, name) for name in ("log_reward", "log_reward_at", "energy")}
    return dataclasses.replace(scores, **{name: beta * value for name, value in rewards.items() if value is not None})


def _metrics(setup: Setup, batch: Batch, loss: Float[Array, ""]) -> StepMetrics:
    main = batch.main
    log_reward = with_floor(main.log_reward, setup.zero_floor)
    return StepMetrics(loss, log_reward.mean(), main.trajectories.length.mean(), batch.floored)


def _scores(setup: Setup, policy: Policy, state: TrainState, batch: Batch) -> Scores:
    if not setup.objective.pathwise:
        return _scored(setup, policy, batch)
    # The key that `propose` drew with: the same trajectories, now as functions of the policy.
    key = jax.random.fold_in(state.key, state.step)
    return pathwise_scores(setup, policy, key, batch.main.log_reward.shape[0])


def _scored(setup: Setup, policy: Policy, batch: Batch) -> Scores:
    """The scores of all parts, side by side; what the sampler saw is used where it is still valid."""

    def one(part: Part) -> Scores:
        options = {"known": part.seen, "needs_inflow": "log_inflow" in setup.objective.needs}
        log_reward = with_floor(part.log_reward, setup.zero_floor)
        return scored(policy, setup.reading, part.trajectories, log_reward, **options)

    return side_by_side([one(part) for part in batch.parts])


def _scores_of_backward(
    setup: Setup, policy: Policy, scores: Scores, state: TrainState, sources: tuple[Any, ...]
) -> Scores:
    """The scores that a backward policy's own loss is about."""
    assert setup.backward is not None
    if not setup.backward.from_memory:
        return scores
    key = jax.random.fold_in(state.key, state.step)
    pairs = zip(sources_of(setup), sources, strict=True)
    (trajectories,) = (one.remembered(own, key, setup) for one, own in pairs if isinstance(one, Replayed))
    return score(policy, setup.reading, trajectories, jnp.zeros(trajectories.length.shape))


def _following(lagged: Policy, policy: Policy, rate: float) -> Policy:
    """The lagged copy a step later."""
    old, static = eqx.partition(lagged, eqx.is_inexact_array)
    new = eqx.filter(policy, eqx.is_inexact_array)
    return eqx.combine(jax.tree.map(lambda a, b: a + rate * (b - a), old, new), static)


@eqx.filter_jit
def advance(setup: Setup, state: TrainState, count: Int[Array, ""]) -> tuple[TrainState, StepMetrics, Fault]:
    """`count` steps in one compiled loop: any count, one compilation.

    Arguments:
        setup: the training; equal setups share one compilation.
        state: the state before the first of the steps.
        count: how many steps, an integer array [].

    Returns:
        The state afterwards, the mean of the metrics, and the first fault (a dead end, a bad reward) with its state,
        and whether all numbers are finite. With `seeds` all have a leading axis.

    Example:
        training = anabranch.setup(env, log_reward, objective="tb", steps=100, batch=16)
        state, metrics, fault = anabranch.advance(training, anabranch.init(training, seed=0), jnp.array(100))
    """
    if setup.seeds is None or setup.vectorised:
        return _advanced(setup, state, count)
    dynamic, static = eqx.partition(state, eqx.is_array)

    def one(dynamic: Any) -> Any:
        fresh, metrics, fault = _advanced(setup, eqx.combine(dynamic, static), count)
        return eqx.filter(fresh, eqx.is_array), metrics, fault

    # Seeds in turn: on a CPU the matrices of one fill the cores, and a batch of matrix products is slower.
    dynamic, metrics, fault = jax.lax.map(one, dynamic)
    return eqx.combine(dynamic, static), metrics, fault


def _advanced(setup: Setup, state: TrainState, count: Int[Array, ""]) -> tuple[TrainState, StepMetrics, Fault]:
    dynamic, static = eqx.partition(state, eqx.is_array)

    def once(state: TrainState) -> Any:
        fresh, metrics, fault = step(setup, state)
        # Trajectories are spread over the devices, where there are several; what goes on is whole on each.
        return whole((eqx.filter(fresh, eqx.is_array), metrics, fault))

    # Arrays alone go through the loop; what is static is the same at every step, and is put back afterwards.
    every = _each(setup, once) if setup.vectorised else once
    advanced, shapes = traced_once(lambda dynamic: every(eqx.combine(dynamic, static)), dynamic)

    def body(_: Any, carry: Any) -> Any:
        dynamic, total, fault = carry
        dynamic, metrics, fresh = advanced(dynamic)
        return dynamic, jax.tree.map(jnp.add, total, metrics), first_fault(fault, fresh)

    total, fault = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes[1:])
    dynamic, total, fault = jax.lax.fori_loop(0, count, body, (dynamic, total, fault))
    last = eqx.combine(dynamic, static)
    # Asked once, after the loop: what is no number stays none, and a step that asked would be slower.
    fault = dataclasses.replace(fault, not_finite=not_finite(setup, last, total.loss))
    return last, jax.tree.map(lambda leaf: leaf / count, total), fault
