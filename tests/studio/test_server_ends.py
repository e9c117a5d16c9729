"""The server and its trainers: ends that leave nothing, a death that loses nothing, a run that goes on bit for bit."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest

from anabranch.envs.tasks import make
from anabranch.storage.checkpoints import Checkpoints
from anabranch.studio.choices import Choices
from anabranch.studio.steered import Steered
from support.studio import serving, waited

CHOICES = {"objective": "tb", "learning_rate": 0.003}


class Trained:
    """A trainer without a server, spoken to by its input."""

    def __init__(self, place, **order):
        command = [sys.executable, "-m", "anabranch.studio.trainer"]
        self.place = place
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.tell({"run": str(place), "task": "faces", **order})
        self.said = json.loads(self.process.stdout.readline())

    def tell(self, order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()

    def ask(self, kind, value=None):
        self.tell({"kind": kind, "value": value})

    def now(self):
        return json.loads((self.place / "flow" / "now.json").read_text())

    def step(self, count):
        wanted = self.now()["step"] + count
        self.ask("step", count)
        waited(lambda: self.now()["step"] == wanted)

    def end(self):
        self.process.stdin.close()
        return self.process.wait(30)


def script(trainer):
    """What is done on the page: each a step count, or a control."""
    for kind, value in [
        (None, 40),
        ("reward", {"fields": {"happy": 4.0}, "exponent": 1.5, "overrides": {"3": 7.0}}),
        (None, 30),
        ("epsilon", 0.3),
        ("learning_rate", 0.001),
        (None, 20),
        ("shake", None),
        (None, 25),
        ("replay", 0.5),
        (None, 20),
        ("objective", "db"),
        (None, 30),
        ("seed", 4),
        ("reset", None),
        (None, 15),
    ]:
        if kind is None:
            trainer.step(value)
            yield
        else:
            before = len((trainer.place / "controls.jsonl").read_text().splitlines())
            trainer.ask(kind, value)
            waited(lambda before=before: len((trainer.place / "controls.jsonl").read_text().splitlines()) > before)


def arrays(place):
    return Checkpoints(place / "checkpoints").newest().arrays


@pytest.mark.thorough
def test_a_killed_trainer_does_again_what_was_done_on_the_page_bit_for_bit(tmp_path):
    calm = Trained(tmp_path / "calm", choices=CHOICES)
    for _ in script(calm):
        pass
    assert calm.end() == 0
    place = tmp_path / "killed"
    trainer = Trained(place, choices=CHOICES)
    steps = script(trainer)
    for _ in steps:
        if trainer.now()["step"] in (90, 165):  # after the reward and the rates, and after the objective
            trainer.process.kill()
            trainer.process.wait()
            again = Trained(place)
            assert "ready" in again.said, again.said
            trainer.process = again.process
    assert trainer.end() == 0
    wanted, got = arrays(tmp_path / "calm"), arrays(place)
    assert wanted.keys() == got.keys()
    for name, value in wanted.items():
        np.testing.assert_array_equal(got[name], value, err_msg=name)


class KilledError(Exception):
    """What ends a trainer in the middle of going on."""


@pytest.mark.thorough
def test_one_that_is_killed_again_while_it_goes_on_ends_at_the_same_parameters(tmp_path, monkeypatch):
    """It writes checkpoints on its way through the log, and each must say which events it contains."""
    calm = Steered(tmp_path / "calm", make("faces"), Choices.of(CHOICES))
    calm.begin()
    for kind, value in [("step", 20), ("shake", None), ("step", 10), ("epsilon", 0.3), ("shake", None), ("step", 15),
                        ("reward", {"fields": {"happy": 4.0}}), ("step", 10)]:  # fmt: skip
        calm.act(kind, value)
        if calm.left:
            calm.train(calm.left)
            calm.left = 0
    calm.end()
    apply = Steered.apply
    for last in ("shake", "epsilon", "reward"):
        place = tmp_path / last
        shutil.copytree(tmp_path / "calm", place)
        shutil.rmtree(place / "checkpoints")

        def until_the_last(trainer, event, last=last):
            if event.kind == last and (last != "shake" or event.step > 20):
                raise KilledError
            return apply(trainer, event)

        monkeypatch.setattr(Steered, "apply", until_the_last)
        trainer = Steered(place, make("faces"), Choices.of(CHOICES))
        with pytest.raises(KilledError):
            trainer.go_on()
        trainer.keeper.close()
        monkeypatch.setattr(Steered, "apply", apply)
        assert 0 < Checkpoints(place / "checkpoints").newest().progress["events"] < len(trainer.log.read())
        trainer = Steered(place, make("faces"), Choices.of(CHOICES))
        trainer.go_on()
        trainer.end()
        wanted, got = arrays(tmp_path / "calm"), arrays(place)
        for name, value in wanted.items():
            np.testing.assert_array_equal(got[name], value, err_msg=f"{last}: {name}")


@pytest.mark.thorough
def test_bad_controls_are_refused_with_a_sentence_and_change_nothing(tmp_path):
    trainer = Trained(tmp_path / "run", choices=CHOICES)
    trainer.step(5)
    before = trainer.now()["now"]["choices"]
    bad = [
        ("reward", {"fields": {"happy": 0, "sad": 0}}, "Every reward is 0"),
        ("reward", {"fields": {"glad": 1}}, "no field 'glad'"),
        ("reward", {"overrides": {"99": 1}}, "no object 99"),
        ("reward", {"overrides": {"x": 1}}, "number of an object"),
        ("reward", [1], "fields, exponent and overrides"),
        ("reward", {"exponent": -1}, "exponent"),
        ("objective", "nothing", "The studio trains"),
        ("learning_rate", 0, "learning_rate lies"),
        ("learning_rate", "fast", "learning_rate must"),
        ("epsilon", 2, "epsilon lies"),
        ("seed", -1, "seed lies"),
        ("step", 0, "1 to 1000"),
        ("speed", "slow", "speed"),
        ("dance", None, "no control 'dance'"),
    ]
    for kind, value, words in bad:
        trainer.ask(kind, value)
        waited(lambda words=words: words in trainer.now()["now"]["words"])
        assert trainer.now()["now"]["choices"] == before
    trainer.process.stdin.write("no json\n[1]\n")
    trainer.step(1)
    assert trainer.end() == 0
    kinds = [json.loads(line)["kind"] for line in (tmp_path / "run" / "controls.jsonl").read_text().splitlines()]
    assert kinds == ["begin", "step", "step"], "what was refused is not done again"


@pytest.mark.thorough
def test_a_training_that_diverges_stops_at_the_step_before_it(tmp_path):
    trainer = Trained(tmp_path / "run", choices={**CHOICES, "learning_rate": 1.0, "log_z_rate": 10.0})
    trainer.ask("reward", {"fields": {"happy": 1e9}, "exponent": 32.0})
    trainer.ask("play")
    waited(lambda: trainer.now()["step"] > 500 or "diverged" in trainer.now()["now"]["words"], 60)
    assert np.isfinite(trainer.now()["total_variation"])
    assert trainer.end() == 0


def children_of(pid):
    listing = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in listing.splitlines()[1:]]
    return [child for child, parent in pairs if parent == pid]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_server_that_ends_leaves_no_process_and_the_run_goes_on_in_the_next(tmp_path, number):
    root = tmp_path / "runs"
    with serving("faces", "--root", root) as server:
        place = root / "studio-faces"
        waited(lambda: json.loads((place / "flow" / "now.json").read_text())["step"] > 100, 60)
        (child,) = children_of(server.process.pid)
        server.process.send_signal(number)
        code = server.process.wait(20)
        assert code == (-9 if number == signal.SIGKILL else 0)
        waited(lambda: not alive(child), 10)
    done = max(int(step.name) for step in (place / "checkpoints").iterdir())
    assert done > 50
    with serving(place) as server:
        waited(lambda: json.loads((place / "flow" / "now.json").read_text())["step"] >= done, 60)
        assert server.url.endswith("run=studio-faces")
