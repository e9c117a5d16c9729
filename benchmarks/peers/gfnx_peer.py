"""gfnx 0.0.1 on one benchmark row: `python gfnx_peer.py '{"space": "hypergrid", "mode": "time"}'`.

The training step does what the library's own baseline scripts do: a rollout over the padded horizon with
`gfnx.utils.forward_rollout`, a second pass of the network over all its rows for the loss, Adam, and the whole
loop inside one compiled `fori_loop`. What those scripts add for logging (metrics, callbacks, a progress bar)
is left out.
"""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import equinox as eqx
import gfnx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from gfnx.reward.ising import IsingRewardParams
from protocol import Peer, Row, main

Array = jax.Array


class Policy(eqx.Module):
    """One MLP, its output cut into forward logits, backward logits and a log-flow, as in the baselines."""

    network: eqx.nn.MLP
    cuts: tuple[int, int] = eqx.field(static=True)
    tokens: int = eqx.field(static=True)  # 0: the observation is used as it is

    def __init__(self, env: Any, row: Row, key: Array) -> None:
        forward, backward = env.action_space.n, env.backward_action_space.n
        size = env.observation_space.shape[0]
        self.tokens = env.ntoken if row.space == "bits" and row.encoding == "onehot" else 0
        self.cuts = (forward, forward + backward)
        outputs = forward + backward + (row.objective != "tb")
        self.network = eqx.nn.MLP(size * (self.tokens or 1), outputs, row.hidden, depth=2, key=key)

    def __call__(self, observation: Array) -> dict[str, Array]:
        if self.tokens:
            observation = jax.nn.one_hot(observation, self.tokens).reshape(-1)
        forward, backward, flow = jnp.split(self.network(observation), self.cuts)
        outputs = {"forward_logits": forward, "backward_logits": backward}
        return outputs | ({"log_flow": flow[0]} if flow.size else {})


def make_env(row: Row) -> tuple[Any, Any]:
    key = jax.random.PRNGKey(row.seed + 1)
    if row.space == "hypergrid":
        reward = gfnx.GeneralHypergridRewardModule(R0=row.r0, R1=row.r1, R2=row.r2)
        env = gfnx.HypergridEnvironment(reward, dim=row.dim, side=row.side)
        return env, env.init(key)
    if row.space == "bits":
        reward = gfnx.BitseqRewardModule(row.length, row.word, row.modes, row.beta)
        env = gfnx.BitseqEnvironment(reward, n=row.length, k=row.word)
        return env, env.init(key)
    env = gfnx.IsingEnvironment(gfnx.IsingRewardModule(), dim=row.side**2)
    couplings = gfnx.utils.get_true_ising_J(row.side, row.coupling / 2)  # x' J x meets every edge twice
    return env, env.init(key).replace(reward_params=IsingRewardParams(J=couplings))


def over_time(method: Any, states: Any, params: Any) -> Array:
    """A batched environment method on a tree of [batch, time, ...] arrays."""
    return jax.vmap(method, in_axes=(1, None), out_axes=1)(states, params)


def chosen(logits: Array, invalid: Array, actions: Array) -> Array:
    log_probs = jax.nn.log_softmax(gfnx.utils.mask_logits(logits, invalid), axis=-1)
    return jnp.take_along_axis(log_probs, actions[..., None], axis=-1)[..., 0]


def edge_scores(env: Any, params: Any, outputs: dict[str, Array], traj: Any) -> tuple[Array, Array]:
    """log P_F and log P_B of every edge, [batch, horizon], 0 on padding. The padded last row has no edge."""
    before = jax.tree.map(lambda leaf: leaf[:, :-1], traj.state)
    after = jax.tree.map(lambda leaf: leaf[:, 1:], traj.state)
    actions, pad = traj.action[:, :-1], traj.pad[:, :-1]
    undo = jax.vmap(env.get_backward_action, in_axes=(1, 1, 1, None), out_axes=1)
    no_move = over_time(env.get_invalid_mask, before, params)
    no_undo = over_time(env.get_invalid_backward_mask, after, params)
    log_pf = chosen(outputs["forward_logits"][:, :-1], no_move, actions)
    log_pb = chosen(outputs["backward_logits"][:, 1:], no_undo, undo(before, actions, after, params))
    return jnp.where(pad, 0.0, log_pf), jnp.where(pad, 0.0, log_pb)


def tb_loss(learnt: dict[str, Any], static: Policy, traj: Any, env: Any, params: Any, row: Row) -> Array:
    outputs = jax.vmap(jax.vmap(eqx.combine(learnt["model"], static)))(traj.obs)
    log_pf, log_pb = edge_scores(env, params, outputs, traj)
    log_reward = jnp.where(traj.pad, 0.0, traj.log_gfn_reward).sum(1)
    return optax.squared_error(learnt["log_z"] + log_pf.sum(1), log_reward + log_pb.sum(1)).mean()


def db_loss(learnt: dict[str, Any], static: Policy, traj: Any, env: Any, params: Any, row: Row) -> Array:
    """The baseline calls the network twice: on the transitions' states and again on their next states."""
    moves = gfnx.utils.split_traj_to_transitions(traj)
    model = jax.vmap(eqx.combine(learnt["model"], static))
    here, there = model(moves.obs), model(moves.next_obs)
    undo = env.get_backward_action(moves.state, moves.action, moves.next_state, params)
    log_pf = chosen(here["forward_logits"], env.get_invalid_mask(moves.state, params), moves.action)
    log_pb = chosen(there["backward_logits"], env.get_invalid_backward_mask(moves.next_state, params), undo)
    inflow = log_pb + jnp.where(moves.done, moves.log_gfn_reward, there["log_flow"])
    residual = log_pf + here["log_flow"] - inflow
    residual = jnp.where(moves.pad, 0.0, residual)  # before the square, which would be inf on padding
    return optax.l2_loss(residual).sum() / (~moves.pad).sum()


def subtb_loss(learnt: dict[str, Any], static: Policy, traj: Any, env: Any, params: Any, row: Row) -> Array:
    """Pair by pair with a masked sum for each, cubic in the horizon, as the baseline does it."""
    outputs = jax.vmap(jax.vmap(eqx.combine(learnt["model"], static)))(traj.obs)
    log_pf, log_pb = edge_scores(env, params, outputs, traj)
    pad, done, flow = traj.pad[:, :-1], traj.done[:, :-1], outputs["log_flow"]
    ends = jnp.where(done, traj.log_gfn_reward[:, :-1], flow[:, 1:])
    flow = jnp.concatenate([flow[:, :1], jnp.where(pad, 0.0, ends)], axis=1)
    horizon = log_pf.shape[1]
    starts, stops = jnp.triu_indices(horizon + 1, k=1)

    def one(log_pf: Array, log_pb: Array, flow: Array, pad: Array) -> Array:
        def pair(i: Array, j: Array) -> tuple[Array, Array]:
            times = jnp.arange(horizon)
            inside = (times >= i) & (times < j)
            left = flow[i] + (log_pf * inside).sum()
            right = flow[j] + (log_pb * inside).sum()
            weight = jnp.where(pad[j - 1], 0.0, jnp.power(row.lam, j - i))
            return weight * optax.squared_error(left, right), weight

        losses, weights = jax.vmap(pair)(starts, stops)
        return losses.sum() / weights.sum()

    return jax.vmap(one)(log_pf, log_pb, flow, pad).mean()


LOSSES = {"tb": tb_loss, "db": db_loss, "subtb": subtb_loss}


class Gfnx:
    """gfnx with its training loop compiled once a batch size; the number of steps is an argument."""

    packages = ("gfnx", "jax", "jaxlib", "equinox", "optax", "chex", "numpy")

    def __init__(self, row: Row) -> None:
        self.row, self.batch = row, row.batch
        self.threads = os.cpu_count() or 1  # XLA's own default pool
        self.env, self.params = make_env(row)
        self.note = {
            "hypergrid": "rows padded to dim * side + 1; a learned P_B over dim moves",
            "ising": "no STOP action: side^2 moves end the object, counted here as side^2 + 1 rows",
            "bits": f"no STOP action; P_B over slots; R = exp(-{row.beta:g} * min Hamming distance / length) "
            f"to {row.modes} random modes (duplicates possible); network input: {row.encoding} tokens",
        }[row.space]
        key, init = jax.random.split(jax.random.PRNGKey(row.seed))
        learnt, self.static = eqx.partition(Policy(self.env, row, init), eqx.is_array)
        tree: dict[str, Any] = {"model": learnt}
        tree |= {"log_z": jnp.array(0.0)} if row.objective == "tb" else {}
        rates = {"model": optax.adam(row.lr), "log_z": optax.adam(row.log_z_lr)}
        self.optimizer = optax.multi_transform(rates, {name: name for name in tree})
        self.carry = (tree, self.optimizer.init(tree), key, jnp.array(0.0))
        self.loops: dict[int, Any] = {}

    def policy(self, key: Array, observations: Array, model: Any) -> tuple[Array, dict[str, Array]]:
        """What the rollout asks for: logits, uniform with chance epsilon in each environment and step."""
        outputs = jax.vmap(eqx.combine(model, self.static))(observations)
        logits = outputs["forward_logits"]
        if self.row.epsilon:
            explore = jax.random.bernoulli(key, self.row.epsilon, (logits.shape[0], 1))
            logits = jnp.where(explore, 0.0, logits)
        return logits, outputs

    def step(self, batch: int, carry: Any) -> Any:
        tree, memory, key, rows = carry
        key, sample = jax.random.split(key)
        traj, info = gfnx.utils.forward_rollout(
            rng_key=sample,
            num_envs=batch,
            policy_fn=self.policy,
            policy_params=tree["model"],
            env=self.env,
            env_params=self.params,
        )
        loss = LOSSES[self.row.objective]
        grads = eqx.filter_grad(loss)(tree, self.static, traj, self.env, self.params, self.row)
        updates, memory = self.optimizer.update(grads, memory, tree)
        extra = self.row.space != "hypergrid"  # the STOP that is not there
        rows = rows + info["trajectory_length"].mean() + extra
        return eqx.apply_updates(tree, updates), memory, key, rows

    def loop(self, batch: int) -> Any:
        if batch not in self.loops:

            @functools.partial(jax.jit, donate_argnums=0)
            def loop(carry: Any, steps: Array) -> Any:
                return jax.lax.fori_loop(0, steps, lambda _, inner: self.step(batch, inner), carry)

            self.loops[batch] = loop.lower(self.carry, jnp.array(1)).compile()
        return self.loops[batch]

    def warm_up(self) -> float:
        start = time.perf_counter()
        loop = self.loop(self.batch)
        seconds = time.perf_counter() - start
        jax.block_until_ready(loop(jax.tree.map(jnp.copy, self.carry), jnp.array(1)))
        return seconds

    def set_batch(self, batch: int) -> None:
        self.batch = batch
        self.warm_up()

    def train(self, steps: int) -> tuple[float, float]:
        loop, count = self.loop(self.batch), jnp.array(steps)
        carry = jax.block_until_ready((*self.carry[:3], jnp.array(0.0)))
        start = time.perf_counter()
        self.carry = jax.block_until_ready(loop(carry, count))
        return time.perf_counter() - start, float(self.carry[3])

    def states(self, objects: Array) -> Any:
        """Finished objects (or, for the policy, the grid's states) as the library's own records."""
        no = jnp.zeros(len(objects), bool)
        if self.row.space == "hypergrid":
            return gfnx.HypergridEnvState(state=objects, is_terminal=no, is_initial=no, is_pad=no)
        full = jnp.full(len(objects), self.row.side**2)
        return gfnx.IsingEnvState(state=objects, time=full, is_terminal=~no, is_initial=no, is_pad=no)

    def log_reward(self, objects: np.ndarray) -> np.ndarray:
        """Compiled, as in training: eager and compiled divisions round differently at the thresholds."""
        reward = jax.jit(lambda x: self.env.reward_module.log_reward(self.states(x), self.params))
        dtype = jnp.int32 if self.row.space == "hypergrid" else jnp.int8
        return np.asarray(reward(jnp.asarray(objects, dtype)))

    @functools.cached_property
    def read(self) -> Any:
        @jax.jit
        def read(model: Any, coordinates: Array) -> Array:
            states = self.states(coordinates)
            outputs = jax.vmap(eqx.combine(model, self.static))(self.env.get_obs(states, self.params))
            invalid = self.env.get_invalid_mask(states, self.params)
            logits = gfnx.utils.mask_logits(outputs["forward_logits"], invalid)
            return jnp.where(invalid, -jnp.inf, jax.nn.log_softmax(logits, axis=-1))

        return read

    def log_probs(self, objects: np.ndarray) -> np.ndarray:
        model = self.carry[0]["model"]
        parts = np.array_split(objects, -(-len(objects) // 20_000))
        return np.concatenate([np.asarray(self.read(model, jnp.asarray(part))) for part in parts])


def build(row: Row) -> Peer:
    return Gfnx(row)


if __name__ == "__main__":
    main("gfnx", build)
