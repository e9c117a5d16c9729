"""Coverage where all objects are known: how much of the target the sampler leaves out, exactly."""

import numpy as np

from anabranch.diagnostics.subject import TENTH, THOUSANDTH, Finding, Subject, recovery, share
from anabranch.evaluation.exact_law import ExactLaw

COLLAPSED = 0.2
"""The share of the target that a collapsed sampler misses: one of four modes is a quarter."""
UNCOVERED = 0.02
"""The share of the target that may be neglected without a finding: good samplers have a total variation of .02."""


def exact_coverage(subject: Subject, law: ExactLaw) -> Finding | None:
    """Collapse, or a coverage with holes; None where the sampler covers its target."""
    target, model = law.merged
    neglected = target[model < TENTH * target].sum()
    missed = target[model < THOUSANDTH * target].sum()
    if neglected < UNCOVERED:
        return None
    worst = int(np.argmax(np.where(model < TENTH * target, target, -1.0)))
    shown = law.graph.show(int(law.graph.objects[np.flatnonzero(law.group == worst)[0]]))
    evidence = (
        f"{share(neglected)} of the target's mass lies on objects that are drawn less than a tenth as often as they "
        f"should be, {share(missed)} on objects drawn less than a thousandth as often, such as {shown}; the exact "
        f"total variation is {law.total_variation:.3g}{subject.beside_the_loss()}."
    )
    return Finding(what="collapse" if missed >= COLLAPSED else "coverage", evidence=evidence, advice=recovery(subject))
