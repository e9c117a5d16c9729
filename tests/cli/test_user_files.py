"""A user's file on the command line: an environment with a reward, a file without a NAME, an environment alone."""

import json
import math
from pathlib import Path

import pytest

from support.tiny import FLAGS, MY_SPACES, answer, fine, one_object

SPACES = f"""
import dataclasses, sys
sys.path.insert(0, {str(Path(MY_SPACES).parent)!r})
import jax.numpy as jnp
import anabranch as ab
import my_spaces

class Weighted(my_spaces.Subset):
    "Choose at most k of n items."

def log_reward(state):
    return jnp.log(1.0 + state.sum())

@dataclasses.dataclass(frozen=True)
class Heavy:
    heavy: float = 2.0
    def __call__(self, state):
        return jnp.where(state[0], jnp.log(self.heavy), 0.0)

@dataclasses.dataclass
class Thawed:
    heavy: float = 2.0
    def __call__(self, state):
        return 0.0

heavy, thawed, space = Heavy(), Thawed(), Weighted(3, 2)
task = ab.Task(space, log_reward)

def flat(state):
    return 0.0 * jnp.sum(jnp.concatenate([jnp.ravel(leaf) for leaf in __import__("jax").tree.leaves(state)]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("user")
    (place / "spaces.py").write_text(SPACES)
    (place / "bare.py").write_text("import json\nfrom anabranch import Environment, Task\n")
    return place


@pytest.fixture(autouse=True)
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)


def refused(*arguments):
    code, out, err = answer(*arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err.removeprefix("anabranch: ").strip()


@pytest.fixture(scope="module")
def weighted(folder):
    """A run of an environment and a reward, and what training it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        spec = ("spaces.py:Weighted", "--reward", "spaces.py:log_reward", "--env.n", 4, "--env.k", 2)
        return folder / "weighted", answer("train", *spec, *FLAGS, "--out", "weighted")


AGAIN = ("--task", "spaces.py:Weighted", "--reward", "spaces.py:log_reward")
LOG_Z = math.log(1 + 4 * 2 + 6 * 3)


def test_an_environment_and_a_reward_make_a_task(weighted):
    place, trained = weighted
    assert f"exact {LOG_Z:.4f}" in fine(trained)
    config = json.loads((place / "run.json").read_text())
    assert config["task"] == "spaces.py:Weighted --reward spaces.py:log_reward"
    assert config["env"] == {"class": "Weighted", "n": 4, "k": 2}


@pytest.mark.thorough
def test_the_run_comes_back_when_both_are_named_again(weighted, tmp_path):
    place, _ = weighted
    record = one_object(fine(answer("evaluate", place, "--json", "--samples", 100, *AGAIN)))
    assert record["states"] == 11
    assert record["log_z_exact"] == pytest.approx(LOG_Z)
    assert "The balance of tb" in fine(answer("walk", place, *AGAIN))
    assert fine(answer("sample", place, "--n", 3, *AGAIN)).count("\n") == 3
    assert "graph.png" in fine(answer("plot", place, "--out", tmp_path / "pictures", *AGAIN))


def test_the_run_does_not_come_back_with_another_reward_or_space(weighted):
    fine(weighted[1])
    wrong = "weighted was trained on the reward spaces.py:log_reward, not on spaces.py:flat: name it again, --reward"
    assert wrong in refused("evaluate", "weighted", "--task", "spaces.py:Weighted", "--reward", "spaces.py:flat")
    missing = "weighted was trained on the reward spaces.py:log_reward: name it again, --reward spaces.py:log_reward."
    assert refused("walk", "weighted", "--task", "spaces.py:Weighted") == missing
    alone = refused("evaluate", "weighted", "--reward", "spaces.py:log_reward")
    assert "is a run of spaces.py:Weighted --reward spaces.py:log_reward, which is not a task known by name" in alone
    other = refused("evaluate", "weighted", "--task", MY_SPACES + ":Subset", "--reward", "spaces.py:log_reward")
    assert other == "weighted is a run of the environment Weighted; the given task has Subset."


@pytest.mark.thorough
def test_a_reward_takes_the_place_of_a_built_in_one(folder):
    out = fine(answer("train", "faces", "--reward", "spaces.py:flat", *FLAGS, "--out", "flat_faces"))
    assert f"exact {math.log(20):.4f}" in out
    record = one_object(fine(answer("evaluate", "flat_faces", "--json", "--reward", "spaces.py:flat")))
    assert record["log_z_exact"] == pytest.approx(math.log(20))
    assert "was trained on the reward spaces.py:flat" in refused("evaluate", "flat_faces")


@pytest.mark.thorough
def test_a_frozen_reward_keeps_its_settings(folder):
    spec = ("spaces.py:space", "--reward", "spaces.py:heavy", "--reward.heavy", 5)
    assert f"exact {math.log(3 * 5 + 4):.4f}" in fine(answer("train", *spec, *FLAGS, "--out", "heavy"))
    again = ("--task", "spaces.py:space", "--reward", "spaces.py:heavy")
    record = one_object(fine(answer("evaluate", "heavy", "--json", *again)))
    assert record["log_z_exact"] == pytest.approx(math.log(3 * 5 + 4))


def test_help_lists_the_fields_of_a_class():
    out = fine(answer("train", "spaces.py:Weighted", "--reward", "spaces.py:log_reward", "--help"))
    assert "--env.n INT" in out
    assert "--reward TEXT|none" in out


REFUSED = {
    "train spaces.py:Weighted": "spaces.py:Weighted is an Environment without a reward: add --reward FILE.py:NAME of a "
    "log-reward, or write task = anabranch.Task(env=Weighted(...), log_reward=...) there and give spaces.py:task.",
    "train spaces.py:space": "write task = anabranch.Task(env=space, log_reward=...) there",
    "compare spaces.py:Weighted": "is an Environment without a reward: add --reward",
    "show spaces.py:Weighted": "is an Environment without a reward: add --reward",
    "train spaces.py:Weighted --reward spaces.py:log_reward": "Weighted needs n, k: add --env.n VALUE --env.k VALUE.",
    "train spaces.py:Weighted --reward spaces.py:log_reward --env.m 3": "no flag --env.m; did you mean --env.n?",
    "train faces --reward spaces.py:space": "--reward spaces.py:space is an object of Weighted, not a function of one "
    "state that returns log R in nats (or an instance of a frozen dataclass that can be called so), nor one of a list "
    "of objects that returns R of each.",
    "train faces --reward spaces.py:Heavy": "--reward spaces.py:Heavy is the class Heavy, not a function",
    "train faces --reward spaces.py:thawed": "The reward Thawed is not hashable: write @dataclass(frozen=True).",
    "train faces --reward log_reward": "--reward names a log-reward of your own, FILE.py:NAME; given 'log_reward'.",
    "train faces --reward spaces.py": "give FILE.py:NAME, here spaces.py:NAME; it holds Weighted, log_reward, Heavy",
    "train faces --objective spaces.py": "give FILE.py:NAME, here spaces.py:NAME; it holds",
    "check bare.py": "bare.py is a whole file: give FILE.py:NAME, here bare.py:NAME; it holds no Environment and no",
    "check missing.py": "There is no file missing.py: give FILE.py:NAME.",
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_missing_is_said_in_one_sentence(command):
    assert REFUSED[command] in refused(*command.split())


@pytest.mark.parametrize("verb", ["check", "train", "compare", "sweep", "show"])
def test_a_file_without_a_name_lists_what_it_holds(verb):
    sentence = refused(verb, "spaces.py")
    listed = "give FILE.py:NAME, here spaces.py:NAME; it holds the Environments Weighted, space and the Tasks task."
    assert sentence == f"spaces.py is a whole file: {listed}"
    assert refused(verb, "spaces.py:") == sentence


SEEDED = ("train faces", "compare faces", "sweep faces --over batch=8", "evaluate RUN", "sample RUN", "walk RUN")


@pytest.mark.parametrize("command", [*SEEDED, "plot RUN", "check faces"])
@pytest.mark.parametrize("seed", ["-1", str(2**40), str(2**31 - 1)])
def test_a_seed_out_of_range_is_refused_by_every_verb(weighted, command, seed):
    words = [str(weighted[0]) if word == "RUN" else word for word in command.split()]
    sentence = refused(*words, "--seed", seed)
    assert sentence == f"--seed must be a whole number from 0 to 2,147,483,646; given {seed}."
