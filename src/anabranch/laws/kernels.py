"""check(env) of a space whose steps are densities: K1 to K7, on walks and on kernels that were met on them."""

import time
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import take
from anabranch.ground.streams import Stream, generator_of, key_of
from anabranch.laws.kernel_form import form_refutation
from anabranch.laws.kernel_mass import Probe, weigh
from anabranch.laws.kernel_steps import (
    endless_refutation,
    finite_refutation,
    return_refutation,
    undone_refutation,
)
from anabranch.laws.kernel_walks import WalkedKernels, numbers_text, told, walk
from anabranch.laws.report import DENSITY_LAWS, CheckReport
from anabranch.laws.words import name_of

LEAST_PROBES, MOST_PROBES = 6, 30
"""Kernels that are weighed whatever the time, and where there is enough of it."""
MOST_ROWS = 40_000
"""Walks are fewer where each is long."""


def examine_kernels(env: ContinuousEnvironment, *, seconds: float, walks: int, seed: int) -> CheckReport:
    """The report on a space whose steps are densities, also where laws are broken."""
    started = time.monotonic()
    walked, laws = None, dict.fromkeys(DENSITY_LAWS, "not checked")
    weighed = 0
    broken = form_refutation(env)
    if broken is None:
        affordable = max(2, min(walks, MOST_ROWS // (env.max_steps + 1)))
        walked = walk(env, walks=affordable, seed=seed)
        laws, weighed = _judged(env, walked, started + seconds, seed)
    else:
        laws["K7"] = f"refuted: {broken}"
    return CheckReport(
        env=name_of(env),
        proved=False,
        walks=0 if walked is None else walked.there.shape[0],
        walks_asked=walks,
        states=0 if walked is None else int(walked.there.sum()),
        edges=0 if walked is None else int(np.asarray(walked.steps.moving).sum()),
        objects=0 if walked is None else int((walked.there & np.asarray(walked.steps.can_stop)).sum()),
        seconds=time.monotonic() - started,
        laws=laws,
        remarks=() if weighed or walked is None else ("No kernel was weighed: K1 and K2 are open.",),
    )


def _judged(
    env: ContinuousEnvironment, walked: WalkedKernels, deadline: float, seed: int
) -> tuple[dict[str, str], int]:
    """The status of every law on what was seen, and how many kernels were weighed."""
    refuted = {
        "K3": undone_refutation(env, walked),
        "K4": return_refutation(env, walked),
        "K5": endless_refutation(env, walked),
        "K6": finite_refutation(env, walked),
    }
    laws = dict.fromkeys(DENSITY_LAWS, "sampled") | {"K7": "proved"}
    if not walked.returns:
        laws["K4"] = "not checked: some walk meets no state that may stop"
    # Numbers that are not finite have no integral.
    sound = refuted["K6"] is None
    weighed, texts = _weighed(env, walked, deadline, seed) if sound else (0, {})
    for law in ("K1", "K2"):
        laws[law] = f"sampled: {weighed} kernels" if weighed else "not checked"
    found = {**refuted, **texts}
    return laws | {law: f"refuted: {text}" for law, text in found.items() if text}, weighed


def _weighed(
    env: ContinuousEnvironment, walked: WalkedKernels, deadline: float, seed: int
) -> tuple[int, dict[str, str]]:
    """How many kernels were held against their draws, and the sentences on those that do not agree with them."""
    texts: dict[str, str] = {}
    weighed = 0
    for number, probe in enumerate(_probes(env, walked, seed)):
        if number >= LEAST_PROBES and time.monotonic() > deadline:
            break
        found = weigh(env, probe, jax.random.fold_in(key_of(seed, Stream.CHECK_KERNELS), number))
        if found is None:
            continue
        weighed += 1
        given = "None" if probe.numbers is None else numbers_text(probe.numbers)
        what = f"{type(env).__name__}.{probe.method} at {told(probe.state)} with {given}"
        if abs(found.mass - 1.0) > found.tolerance or not np.isfinite(found.mass):
            texts.setdefault("K1", f"the density of {what} adds up to {found.mass:.4f} {found.how}, and must to 1.")
        elif found.astray is not None:
            texts.setdefault("K2", f"of {what}, {found.astray}: draw and log_density must speak of one distribution.")
    return weighed, texts


def _probes(env: ContinuousEnvironment, walked: WalkedKernels, seed: int) -> Iterator[Probe]:
    """Kernels met on the walks, each kind in its turn, from different rows."""
    steps, moving = walked.steps, np.asarray(walked.steps.moving)
    random = generator_of(seed, Stream.CHECK_KERNELS)
    kinds: list[Any] = ["forward", "forward", "own"] + ["learned"] * bool(env.backward_numbers)
    rows = np.flatnonzero(moving.any(0))
    order = random.permutation(rows)
    for number in range(MOST_PROBES if order.size else 0):
        kind, turn = kinds[number % len(kinds)], number // len(kinds)
        # Numbers of 0 stand in the even walks, random ones in the odd ones.
        wild = number % len(kinds) == 1 or (kind == "learned" and turn % 2 == 0)
        row = int(order[(turn * (1 + (kind == "forward")) + (number % len(kinds) == 1)) % order.size])
        candidates = np.flatnonzero(moving[:, row] & (np.arange(moving.shape[0]) % 2 == wild))
        if not candidates.size:
            continue
        place = (int(random.choice(candidates)), row)
        if kind == "forward":
            yield Probe("forward", _on_device(take(steps.state, place)), jnp.asarray(steps.numbers[place]))
        else:
            numbers = jnp.asarray(steps.back_numbers[place]) if kind == "learned" else None
            yield Probe("backward", _on_device(take(steps.child, place)), numbers)


def _on_device(state: Any) -> Any:
    return jax.tree.map(jnp.asarray, state)
