"""Remarks of `check` on what is lawful in a space and yet looks like a mistake; a remark refutes no law."""

import numpy as np

from anabranch.laws.evidence import Evidence
from anabranch.laws.words import actions_text


def remarks_on(evidence: Evidence) -> tuple[str, ...]:
    """Sentences on a space of one state, and on labels that are never legal; none where not all of it was seen."""
    if not evidence.complete:
        return ()
    if evidence.env.num_actions == 0:
        return ("There are no labels at all: a single object, and nothing to learn.",)
    if evidence.num_states == 1:
        single = "There is a single state, the initial one, because nothing is legal there"
        return (f"{single}: is the mask that legal returns inverted? True means allowed.",)
    unused = np.setdiff1d(np.arange(evidence.env.num_actions), evidence.action)
    if not unused.size:
        return ()
    what = f"The action {unused[0]} is" if unused.size == 1 else f"The actions {actions_text(unused.tolist())} are"
    return (f"{what} legal at no state: a mask may be wrong, or the space has more labels than it needs.",)
