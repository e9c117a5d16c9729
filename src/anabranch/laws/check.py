"""check(env): the laws of the contract, proved or refuted with a counter-example in the author's own terms."""

import re
import time
from typing import Any

import jax

from anabranch.continuous.contract import ContinuousEnvironment
from anabranch.environment import Environment
from anabranch.ground.arguments import is_whole, require_seed
from anabranch.ground.errors import ConfigError, SpaceTooLargeError, brackets, described
from anabranch.ground.fields import converted
from anabranch.laws.edges import backward_refutation, forward_refutation
from anabranch.laws.enumerated import enumerated_evidence
from anabranch.laws.evidence import Evidence, Facts, gather_facts, gather_retrace
from anabranch.laws.kernels import examine_kernels
from anabranch.laws.masks import (
    dead_end_refutation,
    observation_refutation,
    observation_unknown,
    slots_refutation,
    source_refutation,
)
from anabranch.laws.objects import judge_objects
from anabranch.laws.remarks import remarks_on
from anabranch.laws.report import LAWS, CheckReport, RefutedError, refuted_error
from anabranch.laws.static import slot_refutation, static_refutation
from anabranch.laws.walked import affordable_walks, walked_evidence
from anabranch.laws.words import name_of, shortened

__all__ = ["LAWS", "CheckReport", "RefutedError", "check", "examine"]


def check(
    env: Environment, *, max_states: int = 1_000_000, seconds: float = 20.0, walks: int = 256, seed: int = 0
) -> CheckReport:
    """Prove that an environment keeps the laws of the contract, or raise RefutedError (a LawError).

    Up to `max_states` states and half of the time the space is enumerated and the laws are proved; beyond, they are
    tested on random walks. Objects are decoded until the time is over. The report says what was done.

    Of a `ContinuousEnvironment` the laws are K1-K7: walks are taken, by numbers of 0 and by random ones, and kernels
    that are met on them are integrated and drawn from.

    Arguments:
        env: an instance of an Environment.
        max_states: beyond so many states the laws are sampled, not proved.
        seconds: about how long the whole check may take.
        walks: random walks forward, and as many back, or as many as half of the time allows.
        seed: the seed of the walks.

    Returns:
        A `CheckReport`: what each of the laws rests on, how much was visited, and remarks on odd spaces.

    Raises:
        LawError: with a counter-example in the terms of the environment, where a law is broken.
        ConfigError: for a class instead of an instance, and counts that are not positive.

    Example:
        print(anabranch.check(Subset(n=5, k=3)))
    """
    report = examine(env, max_states=max_states, seconds=seconds, walks=walks, seed=seed)
    if report.sound:
        return report
    raise refuted_error(report)


def examine(
    env: Environment, *, max_states: int = 1_000_000, seconds: float = 20.0, walks: int = 256, seed: int = 0
) -> CheckReport:
    """The report of `check` also where laws are broken: raises for its own arguments only."""
    require_arguments(env, max_states, walks)
    require_seed(seed)
    seconds = converted(seconds, float, "seconds")
    if isinstance(env, ContinuousEnvironment):
        return examine_kernels(env, seconds=seconds, walks=walks, seed=seed)
    started = time.monotonic()
    evidence = facts = None
    laws = dict.fromkeys(LAWS, "not checked")
    broken = static_refutation(env)
    if broken is None:
        try:
            evidence = _evidence(env, max_states, seconds, walks, seed)
            facts = gather_facts(evidence)
            laws = _judged(evidence, facts, started + seconds, seed)
        except jax.errors.JaxRuntimeError as failure:
            if "RESOURCE_EXHAUSTED" in str(failure):
                raise
            broken = f"a method raised an error when its compiled form ran: {_last_error(str(failure))}."
    if broken is not None:
        laws = {**dict.fromkeys(LAWS, "not checked"), "L8": f"refuted: {broken}"}
    return CheckReport(
        env=name_of(env),
        proved=evidence is not None and evidence.complete,
        walks=0 if evidence is None else evidence.walks,
        walks_asked=walks,
        states=0 if evidence is None else evidence.num_states,
        edges=0 if evidence is None else evidence.source.size,
        objects=0 if facts is None else facts.objects.size,
        seconds=time.monotonic() - started,
        laws=laws,
        remarks=() if evidence is None else remarks_on(evidence),
    )


def _last_error(text: str) -> str:
    """The line of a run-time failure that names the error itself, without the trace around it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return shortened([*lines[:1], *named][-1] if lines else "no message").rstrip(".")


def require_arguments(env: Any, max_states: int, walks: int) -> None:
    """Raise ConfigError for arguments that `check` cannot work with."""
    if not isinstance(env, Environment):
        description = f"{described(env)}{brackets(env)}" if isinstance(env, type) else f"a {type(env).__name__}"
        raise ConfigError(f"check needs an instance of an Environment, such as Subset(n=5, k=3); given {description}.")
    if not (is_whole(max_states) and is_whole(walks)) or max_states < 1 or walks < 1:
        raise ConfigError(f"check needs max_states >= 1 and walks >= 1; given {max_states!r} and {walks!r}.")


def _evidence(env: Environment, max_states: int, seconds: float, walks: int, seed: int) -> Evidence:
    try:
        return enumerated_evidence(env, max_states=max_states, seconds=seconds / 2)
    except SpaceTooLargeError:
        return walked_evidence(env, walks=affordable_walks(env, walks, seconds / 2), seed=seed)


def _judged(evidence: Evidence, facts: Facts, deadline: float, seed: int) -> dict[str, str]:
    """The status of every law on what was seen."""
    env = evidence.env
    retrace = gather_retrace(evidence)
    objects = judge_objects(evidence, facts, seconds=deadline - time.monotonic(), seed=seed)
    slots = slot_refutation(env)
    if slots is None and env.overrides("backward_slot"):
        slots = slots_refutation(evidence, facts)
    back = backward_refutation(evidence, facts, retrace) if evidence.walks == 0 else None
    refuted = {
        "L1": forward_refutation(evidence, facts, retrace),
        "L2": back,
        "L3": source_refutation(evidence, facts),
        "L4": dead_end_refutation(evidence, facts),
        "L6": observation_refutation(evidence),
        "L7": slots,
        "L9": objects.decode,
        "L10": objects.encode,
        **{law: text + facts.legal_hint * (law == "L5") for law, text in evidence.refuted.items()},
    }
    held = "proved" if evidence.complete else "sampled" if evidence.walks else "not checked"
    laws = dict.fromkeys(LAWS, held)
    if objects.partial:
        laws |= dict.fromkeys(("L9", "L10"), f"sampled: {objects.tested:,} of {facts.objects.size:,} objects")
    if env.merges_objects:
        merged = f"merges_objects is True ({objects.tested:,} finished states are {objects.distinct:,} objects)"
        laws["L9"] = f"not applicable: {merged}"
    if not env.overrides("encode"):
        laws["L10"] = "not applicable: encode is not defined"
    if observation_unknown(evidence):
        laws["L6"] = "not applicable: integers of unknown range in a large space; define bounds or observe"
    return laws | {law: f"refuted: {text}" for law, text in refuted.items() if text}
