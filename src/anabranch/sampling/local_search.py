"""Local search: undo some moves by P_B, go on by P_F, keep what is better or what Metropolis-Hastings accepts."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from anabranch.environment import State, undo
from anabranch.graph.longest import most_moves
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import require_types
from anabranch.policies.heads import Policy
from anabranch.sampling.flags import chosen
from anabranch.sampling.regrow import draw_back
from anabranch.sampling.rollout import rollout
from anabranch.scoring.reading import Reading, read


@dataclasses.dataclass(frozen=True, kw_only=True)
class LocalSearch:
    """Local search: a share of each batch is improved for some rounds, and its trajectories are regrown by P_B.

    The search starts from objects that the policy has just drawn. Each round undoes 1 to `depth` moves by P_B, all
    numbers alike (None: half of max_steps), and goes on by P_F. "better" keeps a proposal that is at least as good;
    "metropolis" accepts so that R / Z is left as it is. A round costs as much as a rollout.

    In a continuous space a round is a Langevin step along the gradient of log R, whose size is adapted, and costs one
    evaluation of the reward and its gradient: take 20 rounds or more, and "metropolis".

    Paper: Kim et al. 2024, arXiv:2310.02710.

    Raises:
        ConfigError: for a setting out of range.

    Example:
        run = anabranch.train("faces", objective="tb", search=anabranch.LocalSearch(share=0.25, rounds=2))
    """

    share: float = 0.5
    """Of each batch that is improved."""
    rounds: int = 4
    """Of undoing and going on."""
    depth: int | None = None
    """Most moves that a round undoes; none: half of the longest path."""
    accept: Literal["better", "metropolis"] = "better"
    """Which proposals are kept."""
    step: float = 0.01
    """Of a Langevin step, the size that is adapted from; squared lengths of the space."""

    def __post_init__(self) -> None:
        require_types(self)
        if not 0.0 <= self.share < 1.0:
            raise ConfigError(f"The searched share of a batch lies from 0 to below 1; given {self.share}.")
        if not 0.0 < self.step < float("inf"):
            raise ConfigError(f"step is the size of a Langevin step, positive and finite; given {self.step}.")
        if self.rounds < 1 or (self.depth is not None and self.depth < 1):
            raise ConfigError(f"rounds and depth must be positive; given rounds={self.rounds}, depth={self.depth}.")

    def depth_in(self, max_steps: int) -> int:
        """Most moves that a round undoes."""
        return self.depth or max(1, max_steps // 2)


class _Retreat(eqx.Module):
    """Where a walk back ended, and log-probabilities in nats of what it undid."""

    state: State
    log_pb: Float[Array, " B"]
    """Of the undone moves."""
    log_pf: Float[Array, " B"]
    """Of the undone moves and of the object's STOP."""
    moved: Int[Array, " B"]
    """How many moves were undone."""


def improved(
    policy: Policy,
    reading: Reading,
    log_reward: Callable[[State], Float[Array, " B"]],
    key: Key[Array, ""],
    objects: State,
    values: Float[Array, " B"],
    search: LocalSearch,
) -> tuple[State, Float[Array, " B"]]:
    """The objects after all rounds, and their log-rewards (`log_reward` takes a batch, zeros at their floor)."""
    batch = values.shape[0]
    depth = search.depth_in(most_moves(reading.env))

    def once(carry: Any, key: Any) -> Any:
        objects, values = carry
        depth_key, back_key, ahead_key, accept_key = jax.random.split(key, 4)
        wanted = jax.random.randint(depth_key, (batch,), 1, depth + 1)
        back = _retreat(policy, reading, back_key, objects, wanted, depth)
        ahead, seen, _ = rollout(policy, reading, ahead_key, batch, start=back.state)
        found = ahead.objects
        proposed = log_reward(found)
        if search.accept == "better":
            accepted = proposed >= values
        else:
            moves = ahead.length - 1
            # log of the proposal from x' to x, and below of that from x to x': back to the common ancestor by P_B,
            # ahead by P_F. P_B of the ancestor's own row is not part of it, and stands as 0 in the first row.
            there = _total(seen.rows.log_pb_in, ahead.mask) + back.log_pf
            here = back.log_pb + _total(seen.rows.log_pf, ahead.mask)
            # The number of moves is drawn evenly from 1 to depth, in both directions, and cancels: so the way back
            # from x' must be one of such a number. A walk that met the initial state early stands for several
            # numbers, and is refused.
            possible = (back.moved == wanted) & (moves >= 1) & (moves <= depth)
            log_uniform = jnp.log(1.0 - jax.random.uniform(accept_key, (batch,)))
            accepted = possible & (log_uniform <= proposed - values + there - here)
        kept = chosen(accepted, found, objects)
        return (kept, jnp.where(accepted, proposed, values)), None

    return jax.lax.scan(once, (objects, values), jax.random.split(key, search.rounds))[0]


def _retreat(
    policy: Policy, reading: Reading, key: Key[Array, ""], objects: State, moves: Int[Array, " B"], depth: int
) -> _Retreat:
    """Walk back `moves` moves by P_B, or to the source, and add up the log-probabilities of both directions."""
    env = reading.env
    # One turn more than moves: log P_F of an undone move is read a turn later, by the network call at its parent.
    uniforms = 1.0 - jax.random.uniform(key, (depth + 1, moves.shape[0]))

    def one(state: State, left: Any, moving: Any, uniform: Any, moves: Any, number: Any) -> Any:
        heads = policy.heads(state)
        log_pf = read(policy, heads, reading, state)[0].log_pf[left]
        action, log_pb = draw_back(reading, heads, state, uniform)
        goes = env.undoable(state).any() & (number < moves)
        parent = chosen(goes, undo(env, state, action), state)
        return parent, action, goes, jnp.where(goes, log_pb, 0.0), jnp.where(moving, log_pf, 0.0)

    def body(carry: Any, entry: Any) -> Any:
        state, left, moving, walk = carry
        uniform, number = entry
        numbers = jnp.broadcast_to(number, moving.shape)
        parent, action, goes, log_pb, log_pf = jax.vmap(one)(state, left, moving, uniform, moves, numbers)
        walk = (walk[0] + log_pb, walk[1] + log_pf, walk[2] + goes)
        return (parent, action, goes, walk), None

    nothing = jnp.zeros(moves.shape)
    left = jnp.full(moves.shape, env.num_actions)
    start = (objects, left, left >= 0, (nothing, nothing, jnp.zeros_like(moves)))
    (state, _, _, walk), _ = jax.lax.scan(body, start, (uniforms, jnp.arange(depth + 1)))
    return _Retreat(state, *walk)


def _total(rows: Float[Array, "rows B"], mask: Bool[Array, "rows B"]) -> Float[Array, " B"]:
    return jnp.where(mask, rows, 0.0).sum(0)
