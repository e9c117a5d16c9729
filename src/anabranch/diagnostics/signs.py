"""What the numbers of an evaluation say: log Z, floored rewards, exploration, the floor of sampled distances."""

import math

import numpy as np

from anabranch.diagnostics.causes import far_log_z
from anabranch.diagnostics.subject import Finding, Subject, share, unperturbed
from anabranch.evaluation.exact_law import ExactLaw
from anabranch.graph.longest import rows_of
from anabranch.rewards.log_reward import floor_text
from anabranch.sampling.explore import Explore

LAG = 0.1
"""Nats by which a learned log Z may be wrong without a finding: a tenth of Z."""
ERRORS = 4.0
"""Standard errors that a difference from an estimate must exceed."""
LEAST_EFFECTIVE = 100.0
"""Effective samples below which importance-weighted estimates are too inaccurate to compare with."""
FLOORED = 0.05
UNTOUCHED = 0.05
FINE_FLOOR = 0.02
"""Below this floor a sampled total variation still tells good samplers apart."""
NEAR_FLOOR = 1.1


def log_z_lag(subject: Subject) -> Finding | None:
    """A learned log Z that is not the exact or the importance-weighted one."""
    measured, weighted = subject.evaluation, subject.evaluation.estimates.log_z
    learned, exact = measured.log_z, measured.log_z_exact
    if learned is None:
        return None
    if exact is None and measured.estimates.effective_samples < LEAST_EFFECTIVE:
        return None
    truth, error = (weighted.value, weighted.error) if exact is None else (exact, 0.0)
    if not abs(learned - truth) > max(LAG, ERRORS * error):
        return None
    beside = f"importance-weighted {weighted}" + ("" if exact is None else f", exact {exact:.4f}")
    evidence = f"The learned log Z is {learned:.4f}, off by {learned - truth:+.3f} nats ({beside})."
    return Finding(what="log Z lags", evidence=evidence, advice=_log_z_advice(subject, truth))


def _log_z_advice(subject: Subject, truth: float) -> str:
    estimates, learned = subject.evaluation.estimates, subject.evaluation.log_z
    assert learned is not None
    near = estimates.elbo is not None and abs(learned - estimates.elbo.value) <= max(LAG, ERRORS * estimates.elbo.error)
    if far_log_z(subject):
        return (
            "So far off it is a cause, no consequence: train longer, raise log_z_rate, or give as level the log R of a "
            "good object."
        )
    if abs(estimates.log_z.value - truth) > LAG:
        return "No estimate from the sampler's own draws can be right while it leaves out mass: see to coverage first."
    if near:
        return (
            "It has settled at E[log R + log P_B - log P_F], which lies below log Z by a KL: report the "
            "importance-weighted estimate, and train longer to close the rest."
        )
    return "It is still on its way: raise log_z_rate, or train longer."


def floored_share(subject: Subject, law: ExactLaw | None) -> Finding | None:
    """Many objects whose reward is 0, and why."""
    floored = subject.evaluation.floored
    if floored < FLOORED:
        return None
    floor = floor_text(subject.zero_floor, subject.policy.level)
    evidence = f"{share(floored)} of what is drawn has a reward of 0, which stands at {floor} in training"
    if law is None:
        return Finding(
            what="floored rewards",
            evidence=f"{evidence}.",
            advice=f"Train longer; where that does not help, lower zero_floor: all zeros together weigh {floor} "
            "times their number, against Z.",
        )
    zeros = int(np.isneginf(law.log_reward).sum())
    weight = zeros * subject.zero_floor
    due = weight / (weight + math.exp(min(law.log_z - subject.policy.level, 700.0)))
    evidence = f"{evidence}: {zeros:,} such objects together are due {share(due)} at this floor."
    advice = "Train longer." if due < floored / 2 else "Lower zero_floor."
    return Finding(what="floored rewards", evidence=evidence, advice=advice)


def epsilon_for_horizon(subject: Subject, law: ExactLaw | None) -> Finding | None:
    """Exploration at each step that leaves next to no trajectory as the policy would draw it."""
    explore, rows = subject.explore, subject.evaluation.estimates.rows
    if law is not None:
        rows = max(rows, 1.0 + float(law.target @ law.graph.level[law.graph.objects]))
    left = unperturbed(explore, rows)
    if subject.objective.on_policy or not isinstance(explore, Explore) or left >= UNTOUCHED:
        return None
    evidence = (
        f"With epsilon {explore.epsilon:g} at each step, {share(left)} of the trajectories of {rows:.0f} rows (a usual "
        f"length here) and {share(subject.untouched)} of the longest, {rows_of(subject.env)}, are free of random steps."
    )
    fitting = min(explore.epsilon, 1.0 / rows)
    advice = (
        f"Explore whole trajectories (explore.per trajectory), take epsilon near 1 / length ({fitting:.2g}), or let it "
        "fall to 0 (explore.anneal)."
    )
    return Finding(what="epsilon too high", evidence=evidence, advice=advice)


def at_sampling_floor(subject: Subject) -> Finding | None:
    """A sampled total variation that cannot get smaller, whatever the sampler does."""
    measured = subject.evaluation
    sampled, floor = measured.sampled_total_variation, measured.perfect_sampler_floor
    if sampled is None or floor is None or floor < FINE_FLOOR or sampled > NEAR_FLOOR * floor:
        return None
    evidence = (
        f"The total variation of {measured.samples:,} samples, {sampled:.3g}, is that of a perfect sampler with as "
        f"many draws, {floor:.3g}: it tells nothing more about the policy"
    )
    exact = measured.total_variation
    return Finding(
        what="at the sampling floor",
        evidence=f"{evidence}." if exact is None else f"{evidence}, whose exact one is {exact:.3g}.",
        advice="Compare policies by the exact total variation, or take more samples.",
    )
