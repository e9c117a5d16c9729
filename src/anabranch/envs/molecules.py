"""The tasks of molecules: words of SELFIES tokens, and fragments that are joined."""

from anabranch.envs.chemistry import distance
from anabranch.envs.fragments import Fragments
from anabranch.envs.molecule_reward import MoleculeReward
from anabranch.envs.selfies_tokens import Selfies
from anabranch.envs.tasks import Task, usual_settings

WORDS, FRAGMENTS = Selfies(), Fragments()
TASKS = {
    "molecules": Task(
        env=WORDS,
        log_reward=MoleculeReward(env=WORDS, score="qed", exponent=4.0, batch_size=64),
        name="molecules",
        summary="molecules as words of SELFIES tokens, worth their drug-likeness",
        settings=usual_settings(steps=15_000, batch=64, learning_rate=2e-3, width=128),
        distance=distance,
    ),
    "fragments": Task(
        env=FRAGMENTS,
        log_reward=MoleculeReward(env=FRAGMENTS, score="qed*sa", exponent=8.0, batch_size=32, copies="one"),
        name="fragments",
        summary="molecules of joined fragments, worth their drug-likeness and accessibility",
        settings=usual_settings(steps=3_000, batch=32, learning_rate=1e-3, width=256),
        distance=distance,
    ),
}
