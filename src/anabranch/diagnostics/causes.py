"""Causes that show as several findings at once: rewards of a wide range, a log Z that is far off, too few steps."""

import numpy as np

from anabranch.diagnostics.subject import Finding, Subject
from anabranch.evaluation.exact_law import ExactLaw
from anabranch.rewards.anneal import WIDE
from anabranch.sampling.reference_level import survey_of

FAR = 10.0
"""Nats of error in log Z that missed objects cannot explain: the sampler would miss all but e^-10 of the target."""
INACCURATE = 0.1
"""An exact total variation above which there is a finding, where nothing else was found."""


def wide_rewards(subject: Subject, law: ExactLaw | None) -> Finding | None:
    """Rewards so far apart that the worst objects dominate the loss; a finding only where something went wrong."""
    log_reward = survey_of(subject.env, subject.log_reward).log_reward if law is None else law.log_reward
    valid = log_reward[np.isfinite(log_reward)]
    span = float(np.ptp(valid)) if valid.size else 0.0
    if span < WIDE:
        return None
    whose = "all objects" if law is not None else f"{valid.size} random objects"
    anneal = subject.anneal
    remedy = "anneal (anneal.steps, half of the training)"
    if anneal is not None:
        remedy = f"anneal longer or from a smaller beta (now {anneal.start:g}, over {anneal.steps:,} steps)"
    return Finding(
        what="wide rewards",
        evidence=f"The rewards span {span:,.0f} nats: log R of {whose} lies between {valid.min():.6g} and "
        f"{valid.max():.6g}, so that the residuals of the worst objects drown out those of the best.",
        advice=f"Either {remedy}, which leaves the target as it is; or temper: give log R divided by a number, which "
        "is another target.",
    )


def far_log_z(subject: Subject) -> bool:
    """Whether the learned log Z is off by more nats than missed objects explain."""
    learned, measured = subject.evaluation.log_z, subject.evaluation
    truth = measured.log_z_exact if measured.log_z_exact is not None else measured.estimates.log_z.value
    return learned is not None and abs(learned - truth) > FAR


def inaccurate(subject: Subject) -> Finding | None:
    """A sampler that leaves out no object and whose probabilities are wrong all the same."""
    distance = subject.evaluation.total_variation
    if distance is None or distance < INACCURATE:
        return None
    return Finding(
        what="inaccurate",
        evidence=f"The exact total variation is {distance:.3g}, though no part of the target is neglected"
        f"{subject.beside_the_loss()}.",
        advice="Train longer, on larger batches, or at another learning rate; a network that is too small for the "
        "space cannot get closer.",
    )
