"""The settings of a training, each of them once.

A field of `Setup` is all that is known of a setting: its name, its type, what `train` takes where it is not given,
whether the lanes of one program may differ in it, whether a run directory keeps it, and, in the text below the field,
the sentence that `--help` shows. Flags, `run.json`, `load`, `sweep` and the reference page are read off this table; the
signature of `train` repeats names and defaults, and a test holds the two equal. Nothing here needs JAX.
"""

import dataclasses
import functools
from dataclasses import field
from typing import TYPE_CHECKING, Any

from anabranch.ground.fields import fields_of
from anabranch.ground.tables import imported
from anabranch.training.setting import Setting, about, share_of_batch

if TYPE_CHECKING:
    import optax

    from anabranch.environment import Environment
    from anabranch.objectives.base import Objective
    from anabranch.policies.backward.base import BackwardPolicy
    from anabranch.policies.heads import Policy, PolicyRecipe
    from anabranch.policies.observation import Observer
    from anabranch.rewards.anneal import Anneal
    from anabranch.rewards.conditions.base import Condition
    from anabranch.rewards.log_reward import LogReward
    from anabranch.sampling.data_set import DataSet
    from anabranch.sampling.explore import Exploration
    from anabranch.sampling.local_search import LocalSearch
    from anabranch.sampling.replay import Replay
    from anabranch.sampling.teacher import Teacher
    from anabranch.sampling.thompson import Thompson
    from anabranch.scoring.reading import Reading
    from anabranch.training.optimizer import Adam

SEEDS_AXIS = "seeds"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setup:
    """All that a training step depends on, with names, defaults and estimates resolved.

    `setup(env, log_reward, ...)` makes it; `init`, `step` and `advance` take it. It is frozen and hashable, so that
    equal setups share one compilation. The fields are the settings of `train`, and `reading`, `transformation` and
    `parts` are derived from them.
    """

    env: "Environment"
    """The space."""
    log_reward: "LogReward"
    """log R(x) in nats, a JAX function of one finished state."""
    observer: "Observer"
    """What a network sees of a state."""
    objective: "Objective" = field(metadata=about("part", home="anabranch.objectives:OBJECTIVES"))
    """The balance condition that is trained."""
    backward: "BackwardPolicy | None" = field(
        metadata=about("part", "uniform", home="anabranch.policies.backward:BACKWARDS")
    )
    """The backward policy P_B."""
    explore: "Exploration" = field(
        metadata=about(
            "record",
            None,
            home="anabranch.sampling.explore:Explore",
            base="anabranch.sampling.explore:Exploration",
            example="Explore(epsilon=0.1)",
            off={"epsilon": 0.0},
        )
    )
    """How the sampler departs from its policy."""
    policy: "PolicyRecipe" = field(metadata=about("part", None, home="anabranch.policies.recipes:POLICIES"))
    """The network."""
    optimizer: "Adam | optax.GradientTransformation" = field(
        metadata=about("part", None, home="anabranch.training.optimizers:OPTIMIZERS")
    )
    """The optimiser of the network."""
    log_z_rate: float = field(metadata=about("number", 0.1, traced=True))
    """Learning rate of log Z."""
    steps: int = field(metadata=about("number"))
    """Gradient steps."""
    batch: int = field(metadata=about("number"))
    """Trajectories a step."""
    level: float = field(metadata=about("number", None, before=0.0))
    """The level of log R, in nats, that all is learned relative to; none: estimated from random objects."""
    zero_floor: float = field(metadata=about("number", 1e-4))
    """What stands for a reward of 0, as a share of a typical reward."""
    anneal: "Anneal | None" = field(
        metadata=about(
            "record",
            None,
            home="anabranch.rewards.anneal:Anneal",
            example="Anneal(start=0.01)",
            off={"steps": 0},
            unset={},
            before=None,
        )
    )
    """How the exponent of the reward rises to 1; None: fitted to the rewards of random objects."""
    replay: "Replay | None" = field(metadata=share_of_batch("anabranch.sampling.replay:Replay", "Replay(share=0.5)"))
    """The share of each batch that comes from objects seen before."""
    search: "LocalSearch | None" = field(
        metadata=share_of_batch("anabranch.sampling.local_search:LocalSearch", "LocalSearch(rounds=4)")
    )
    """The share of each batch that is improved by local search."""
    teacher: "Teacher | None" = field(
        metadata=share_of_batch("anabranch.sampling.teacher:Teacher", "Teacher(share=0.5)", before=None)
    )
    """The share of each batch that a teacher draws, where the policy is wrong."""
    thompson: "Thompson | None" = field(
        metadata=share_of_batch("anabranch.sampling.thompson:Thompson", "Thompson(members=10)", before=None)
    )
    """The share of each batch that an ensemble draws, each trajectory by one member."""
    data: "DataSet | None" = field(metadata=about("source", None, swept=False, mark=int | None))
    """Finished objects to learn from; on the command line a file of them, one a line."""
    condition: "Condition | None" = field(
        metadata=about(
            "part", None, home="anabranch.rewards.conditions:CONDITIONS", swept=False, before=None, optional=True
        )
    )
    """What the reward depends on beside the object, such as a temperature or preferences."""
    prior: "Prior | None" = field(metadata=about("source", None, swept=False, mark=bool))
    """The sampler that relative balance starts from; on the command line its run."""
    seeds: int | None = field(metadata=about("number", None, swept=False))
    """So many seeds at once, in one compiled program."""
    chunk: int | None = field(metadata=about("number", 512, swept=False, kept=False, advanced=True))
    """Real rows a gradient chunk: large products, and activations that stay in a cache; none: one vmap over all."""
    vectorised: bool = False
    """Whether seeds advance side by side, as one batch, or each in its turn within the program: so on a CPU, where one
    seed's matrices fill the cores already, and a batch of matrix products is slower."""

    @property
    def reading(self) -> "Reading":
        """How the heads of a policy are read in this training."""
        from anabranch.scoring.reading import Reading

        axis = (SEEDS_AXIS,) if self.seeds is not None and self.vectorised else None
        return Reading(self.env, self.backward, self.objective.outflow, self.chunk, axis)

    @property
    def transformation(self) -> "optax.GradientTransformation":
        """The optimiser as one gradient transformation."""
        from anabranch.training.optimizer import with_log_z_rate

        return with_log_z_rate(self.optimizer, log_z_rate=self.log_z_rate, steps=self.steps)

    @property
    def beside_reward(self) -> dict[str, Any]:
        """The prior, and the data as a batch of states: what a target may come from, beside the reward."""
        return {
            "prior": None if self.prior is None else self.prior.policy,
            "data": None if self.data is None else self.data.states,
        }

    @property
    def first_beta(self) -> float:
        """The exponent of the reward at the first step."""
        return 1.0 if self.anneal is None or self.anneal.start is None else self.anneal.start

    @property
    def lag_rate(self) -> float:
        """How fast a lagged copy of the policy follows; 0 where neither objective nor backward policy needs one."""
        return max(self.objective.lag_rate, 0.0 if self.backward is None else self.backward.lag_rate)

    @property
    def parts(self) -> tuple[int, int, int]:
        """How many trajectories of a batch are drawn anew, replayed, and improved by local search."""
        if self.objective.needs_data:
            return 0, self.batch, 0
        replayed, searched = self._part(self.replay), self._part(self.search)
        return self.batch - replayed - searched - sum(self.guided), replayed, searched

    @property
    def guided(self) -> tuple[int, int]:
        """How many trajectories of a batch a teacher and an ensemble draw."""
        return self._part(self.teacher), self._part(self.thompson)

    def _part(self, source: Any) -> int:
        return 0 if source is None else round(self.batch * source.share)


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """A sampler that another is measured against; compared by identity."""

    policy: "Policy"


SETTINGS: dict[str, Setting] = {
    one.name: Setting(name=one.name, owner=Setup, annotation=one.type, **one.metadata["setting"])
    for one in dataclasses.fields(Setup)
    if "setting" in one.metadata
}


@functools.cache
def traced_settings() -> tuple[str, ...]:
    """Settings that shape no array and no program, as `group.field` or `field`: lanes of one program may differ."""
    inside = {name: imported(one.home) for name, one in SETTINGS.items() if one.kind == "record"}
    inside["optimizer"] = SETTINGS["optimizer"].table["adam"]
    fields = [f"{group}.{one.name}" for group, cls in inside.items() for one in fields_of(cls) if one.traced]
    return (*(name for name, one in SETTINGS.items() if one.traced), *fields)
