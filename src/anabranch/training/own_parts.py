"""Parts of a user's own, tried once on shapes: what is missing or of the wrong kind is one sentence before a training.

Nothing is computed: each method is traced on the shapes of the space. Parts of the library are not tried.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from anabranch.environment import initial_state
from anabranch.graph.longest import rows_of
from anabranch.ground.errors import ConfigError, Error, did_you_mean
from anabranch.ground.streams import Stream, key_of
from anabranch.objectives.base import BalanceObjective
from anabranch.policies.heads import Heads, Policy, built
from anabranch.policies.recipes import POLICIES
from anabranch.training.needs import NEEDS, WITH_THE_SCORES
from anabranch.training.settings import Setup
from anabranch.trajectories import Scores

LIBRARY = "anabranch."
BATCH = 3
"""Trajectories of the batch that parts are tried on: a number that no other axis is likely to have."""


def require_name(part: Any, library: Mapping[str, type[Any]], what: str) -> None:
    """Raise ConfigError where a part has no name, or that of a part of the library that it is not."""
    kind, name = type(part), getattr(part, "name", None)
    if not isinstance(name, str) or not name:
        raise ConfigError(f'The {what} {kind.__name__} has no name: give it one, name: ClassVar[str] = "my-own".')
    if name in library and library[name] is not kind and _is_own(part):
        raise ConfigError(
            f"The {what} {kind.__name__} is called {name!r}, which is {library[name].__name__} of this library: give "
            'it a name of its own, name: ClassVar[str] = "my-own".'
        )


def require_own_parts(setup: Setup) -> None:
    """Raise ConfigError where a part of the user's own lacks something, or returns what it must not."""
    for part in (setup.objective, setup.backward, setup.policy, setup.explore):
        if _is_own(part):
            _require_hashable(part)
    own_backward = setup.backward is not None and _is_own(setup.backward)
    if own_backward:
        _require_flag(setup.backward, "learned", "whether the network has a head for it")
    if own_backward or type(setup.policy) not in POLICIES.own():
        heads = _tried_policy(setup)
        if own_backward:
            _try_backward(setup, setup.backward, heads)
    if _is_own(setup.objective):
        _try_objective(setup)
    if _is_own(setup.explore):
        _try_exploration(setup)


def _is_own(part: Any) -> bool:
    return not type(part).__module__.startswith(LIBRARY)


def _require_hashable(part: Any) -> None:
    try:
        hash(part)
    except TypeError as error:
        kind = type(part).__name__
        raise ConfigError(
            f"{kind} is not hashable ({error}): write @dataclass(frozen=True), without arrays."
        ) from error


def _tried(part: Any, method: str, call: Callable[..., Any], *arguments: Any) -> Any:
    """The shapes that a method returns. Raises ConfigError where it cannot be traced."""
    where = f"{type(part).__name__}.{method}"
    try:
        return eqx.filter_eval_shape(call, *arguments)
    except Error:
        raise
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError) as error:
        raise ConfigError(
            f"{where} needs the value of an array while it is traced, as in a Python `if`: write it with jnp.where or "
            "jax.lax.cond."
        ) from error
    except NotImplementedError as error:
        raise ConfigError(f"{type(part).__name__} lacks {method}: define it.") from error
    except (TypeError, ValueError, AttributeError, IndexError, KeyError) as error:
        words = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f"{where} raised {type(error).__name__}: {words}.") from error


def _require_array(part: Any, method: str, returned: Any, shape: tuple[int, ...], what: str) -> None:
    """Raise ConfigError where something is no array of floats of one shape."""
    kind, size = getattr(returned, "dtype", None), getattr(returned, "shape", None)
    if kind is not None and jnp.issubdtype(kind, jnp.floating) and size == shape:
        return
    promise = f"{type(part).__name__}.{method} must return {what}, float{list(shape)}"
    raise ConfigError(f"{promise}; it returns {_came(returned)}.")


def _came(returned: Any) -> str:
    """What a method returned, in words."""
    if hasattr(returned, "dtype") and hasattr(returned, "shape"):
        return f"{returned.dtype}{list(returned.shape)}"
    return "nothing" if returned is None else f"an object of {type(returned).__name__}"


def _tried_policy(setup: Setup) -> Heads:
    """The shapes of the heads of the policy; of one of the user's own only after each is looked at."""
    env, recipe = setup.env, setup.policy
    learned = setup.backward is not None and setup.backward.learned
    key = key_of(0, Stream.INIT)
    state = jax.eval_shape(lambda: initial_state(env))

    def build(key: Any) -> Policy:
        return built(recipe, setup.observer, key=key, learned_backward=learned)

    policy = _tried(recipe, "build", build, key)
    heads = _tried(policy, "__call__", lambda policy, state: policy.heads(state), policy, state)
    if _is_own(policy):
        _require_heads(policy, heads, labels=env.forward_logits, slots=env.backward_logits if learned else 0)
        _require_array(policy, "log_z", getattr(policy, "log_z", None), (), "one number")
    return heads


def _require_heads(policy: Policy, heads: Any, *, labels: int, slots: int) -> None:
    if not isinstance(heads, Heads):
        kind = type(policy).__name__
        raise ConfigError(f"{kind}.__call__ must return Heads(forward, backward, log_flow); it returns {_came(heads)}.")
    _require_array(policy, "__call__", heads.forward, (labels,), "Heads with a logit for each label and STOP")
    _require_array(policy, "__call__", heads.log_flow, (), "Heads with one number log_flow")
    if slots:
        _require_array(policy, "__call__", heads.backward, (slots,), "Heads with a logit for each backward slot")


def _try_backward(setup: Setup, backward: Any, heads: Heads) -> None:
    _require_needs(backward, "own_loss")
    env = setup.env
    state = jax.eval_shape(lambda: initial_state(env))
    log_probs = _tried(backward, "log_probs", lambda state, heads: backward.log_probs(env, state, heads), state, heads)
    _require_array(backward, "log_probs", log_probs, (env.num_actions,), "log P_B of each label")


def _require_flag(part: Any, name: str, meaning: str) -> None:
    if not isinstance(getattr(part, name, None), bool):
        raise ConfigError(f"{type(part).__name__} does not say {name} ({meaning}): {name}: ClassVar[bool] = False.")


def _require_needs(part: Any, method: str) -> None:
    providers = {*NEEDS, *WITH_THE_SCORES}
    for name in getattr(part, "needs", ()):
        if name not in providers:
            raise ConfigError(
                f"{type(part).__name__}.needs has {name!r}, which no {method} can read{did_you_mean(name, providers)}"
            )


def _try_objective(setup: Setup) -> None:
    objective: Any = setup.objective
    _require_needs(objective, "loss")
    rows = jax.ShapeDtypeStruct((rows_of(setup.env), BATCH), jnp.float32)
    batch, mask = jax.ShapeDtypeStruct((BATCH,), jnp.float32), jax.ShapeDtypeStruct(rows.shape, jnp.bool_)

    def tried(method: str) -> Any:
        def call(rows: Any, batch: Any, mask: Any) -> Any:
            more = dict.fromkeys(objective.needs, rows)
            return getattr(objective, method)(Scores(rows, rows, rows, rows, batch, batch, mask, **more))

        return _tried(objective, method, call, rows, batch, mask)

    if isinstance(objective, BalanceObjective):
        residual = tried("residual")
        if not isinstance(residual, tuple) or len(residual) != 2:
            raise ConfigError(
                f"{type(objective).__name__}.residual must return two arrays, residuals and their weights; it returns "
                f"{_came(residual)}."
            )
        for array, what in zip(residual, ("residuals", "weights"), strict=True):
            count = (getattr(array, "shape", None) or (0,))[0]
            _require_array(objective, "residual", array, (count, BATCH), f"{what}, one column a trajectory")
    _require_array(objective, "loss", tried("loss"), (), "one number")


def _try_exploration(setup: Setup) -> None:
    explore, labels = setup.explore, setup.env.num_actions + 1
    uniforms, number = jax.ShapeDtypeStruct((BATCH,), jnp.float32), jax.ShapeDtypeStruct((), jnp.int32)
    shares = _tried(explore, "shares", explore.shares, uniforms, number)
    _require_array(explore, "shares", shares, (BATCH,), "one number a trajectory")
    log_probs, mask = jax.ShapeDtypeStruct((labels,), jnp.float32), jax.ShapeDtypeStruct((labels,), jnp.bool_)
    longest = rows_of(setup.env) - 1
    share = jax.ShapeDtypeStruct((), jnp.float32)
    weights = _tried(
        explore, "probabilities", lambda a, b, c: explore.probabilities(a, b, c, longest), log_probs, mask, share
    )
    _require_array(explore, "probabilities", weights, (labels,), "one weight for each label and STOP")
