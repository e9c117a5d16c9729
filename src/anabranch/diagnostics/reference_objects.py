"""Tests coverage of spaces that cannot be listed: log p against log R on objects that the sampler did not choose."""

import dataclasses

import jax
import numpy as np
from jaxtyping import Float, Int

from anabranch.diagnostics.subject import TENTH, Finding, Subject, recovery, share
from anabranch.diagnostics.walks import ReferenceObjects
from anabranch.environment import take
from anabranch.evaluation.affordable import draws_for
from anabranch.evaluation.estimates import log_probs
from anabranch.graph.enumeration import state_keys
from anabranch.ground.streams import Stream, key_of
from anabranch.rewards.host_reward import PythonReward
from anabranch.sampling.draw import sample_states

MOST, LEAST = 128, 10
"""The most objects whose log p is estimated, and the fewest from which a finding is drawn."""
DRAWS = 32
"""Trajectories drawn back from each object."""
NEGLECTED = 0.2
"""A share of neglected objects, or of neglected mass, that is a finding."""
UNTESTED = "coverage untested"
OWN_DRAWS, OWN_LEAST, OWN_MOST = 1024, 0.1, 0.9
"""The sampler's own objects, and the quantiles of their log R and gap that reference objects are held against."""


@dataclasses.dataclass(frozen=True, eq=False)
class Own:
    """What the sampler's own draws look like, by the same estimates."""

    log_reward: float
    """What nine of ten of its objects reach."""
    gap: float
    """log R - log p, the middle of its objects."""
    level: float
    """log R - log p that nine of ten of its objects keep below."""

    @classmethod
    def of(cls, subject: Subject) -> "Own | None":
        """From fresh draws; None where almost all of them have no reward."""
        draws = min(OWN_DRAWS, draws_for(subject.log_reward, None))
        states = sample_states(subject.env, subject.policy, draws, key=key_of(subject.seed, Stream.OWN_DRAWS))
        drawn = ReferenceObjects.of("its own draws", states, subject.log_reward)
        if drawn.log_reward.size < LEAST:
            return None
        gap, _ = gaps(subject, drawn, number=0)
        middle, level = np.quantile(gap, (0.5, OWN_MOST))
        return cls(float(np.quantile(drawn.log_reward, OWN_LEAST)), float(middle), float(level))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tested:
    """How a sampler does on one kind of reference objects."""

    source: str
    objects: int
    neglected: float
    """Share of them that get less than a tenth of their due, as the sampler's own draws have it."""
    missing: float
    """The share of all known mass that this amounts to; for objects of unknown mass, the same as `neglected`."""
    gap: float
    """log R - log p, the middle of those that are neglected, or of all where none is."""


def gaps(
    subject: Subject, reference: ReferenceObjects, *, number: int
) -> tuple[Float[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """log R - log p of the reference objects, in their order, and which they are; of MOST different ones at most.

    `number` tells the groups of one diagnosis apart: each draws by keys of its own.
    """
    places: dict[bytes, int] = {}
    numbers = np.array([places.setdefault(key, len(places)) for key in state_keys(reference.states)])
    kept = np.flatnonzero(numbers < MOST)
    _, first = np.unique(numbers, return_index=True)
    states = take(reference.states, first[:MOST])
    key = jax.random.fold_in(key_of(subject.seed, Stream.REFERENCE_OBJECTS_LOG_PROB), number)
    options = {"backward": subject.backward or "uniform", "samples": DRAWS, "key": key}
    log_prob = np.array([one.value for one in log_probs(subject.env, subject.policy, states, **options)])
    return reference.log_reward[kept] - log_prob[numbers[kept]], kept


def tested(subject: Subject, reference: ReferenceObjects, own: Own, *, number: int) -> Tested | None:
    """A sampler on one kind of reference objects; None where too few are as good as its own objects.

    At a flow log R - log p is log Z for every object. It is compared with what the sampler's own objects have by the
    same estimate, so that neither a wrong log Z nor a P_B that does not fit the sampler looks like a collapse.
    """
    if reference.log_mass is None:
        good = np.flatnonzero(reference.log_reward >= own.log_reward)
        reference = dataclasses.replace(
            reference, states=take(reference.states, good), log_reward=reference.log_reward[good]
        )
    if reference.log_reward.size < LEAST:
        return None
    gap, kept = gaps(subject, reference, number=number)
    below = gap > own.level - np.log(TENTH)
    missing = neglected = float(below.mean())
    if reference.log_mass is not None:
        log_z = subject.evaluation.estimates.log_z.value
        there = neglected * np.exp(min(reference.log_mass - log_z, 700.0))
        missing = float(there / (1.0 + there))
    middle = float(np.median(gap[below] if below.any() else gap))
    return Tested(source=reference.source, objects=kept.size, neglected=neglected, missing=missing, gap=middle)


def sampled_coverage(subject: Subject, sources: list[ReferenceObjects]) -> Finding | None:
    """Collapse, or that coverage could not be tested; None where the sampler covers what others find."""
    own = Own.of(subject)
    if own is None:
        return None
    tests = [tested(subject, source, own, number=at) for at, source in enumerate(sources, 1)]
    results = [found for found in tests if found is not None]
    asked = [found for found in results if found.source != "random walks" or found.missing >= NEGLECTED]
    if not asked:
        # Of a reward in plain Python there are the random walks of its survey alone: a search would ask for more.
        alone = isinstance(subject.log_reward, PythonReward)
        none = "Random walks reached no" if alone else "Neither random walks nor a search from them reached"
        return Finding(
            what=UNTESTED,
            evidence=f"{none} objects as good as the sampler's own: "
            f"nine of ten of these have log R >= {own.log_reward:.4g}.",
            advice="Give objects that are known to be good (data), or train several seeds and compare them.",
        )
    worst = max(asked, key=lambda found: found.missing)
    if worst.missing < NEGLECTED:
        return None
    evidence = (
        f"Of {worst.objects} objects from {worst.source}, {share(worst.neglected)} get less than a tenth of the "
        f"probability that the sampler gives its own objects of that reward: log R - log p is {worst.gap:.1f} nats for "
        f"these (the middle) and {own.gap:.1f} for its own draws. A sampler that covers its target has log Z everywhere"
        f"{subject.beside_the_loss()}."
    )
    return Finding(what="collapse", evidence=evidence, advice=recovery(subject))
