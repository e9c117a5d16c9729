"""The fingerprint of a function: the same in another process, another after every change that could change a value."""

import functools
import subprocess
import sys

import numpy as np
import pytest

from anabranch.ground.errors import RewardError
from anabranch.rewards.fingerprint import fingerprint
from support import scores

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
import {module}
from anabranch.rewards.fingerprint import fingerprint
print(fingerprint({module}.score))
"""
SOURCE = """
import math
import numpy as np
import helper
WEIGHTS = {"a": 1.0, "b": [1, 2]}
TABLE = np.arange(5)

class Model:
    def __init__(self, slope):
        self.slope = slope
    def __call__(self, x):
        return self.slope * x

MODEL = Model(2.0)

def inner(x, power=2):
    return helper.shifted(x) ** power

def unused(x):
    return x + 1

def score(objects):
    return [inner(len(one)) + WEIGHTS["a"] + TABLE[1] + MODEL(1) + math.pi for one in objects]
"""
HELPER = "def shifted(x):\n    return x + 1\n"
CHANGES = {
    "a constant": ("math.pi", "math.e"),
    "a number": ("one)) + WEIGHTS", "one)) + 1 + WEIGHTS"),
    "an operator": ("TABLE[1] + MODEL", "TABLE[1] - MODEL"),
    "a default of an inner function": ("power=2", "power=3"),
    "a value in a global dictionary": ('"a": 1.0', '"a": 1.5'),
    "an array": ("np.arange(5)", "np.arange(5) + 1"),
    "an attribute of an object": ("Model(2.0)", "Model(2.5)"),
    "a method of its class": ("self.slope * x", "self.slope + x"),
}


def printed(folder, source=SOURCE, helper=HELPER, module="scored"):
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    (folder / "helper.py").write_text(helper)
    command = [sys.executable, "-c", PROGRAM.format(folder=str(folder), module=module)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return printed(tmp_path_factory.mktemp("original"))


def test_it_is_the_same_in_another_process_and_another_folder(original, tmp_path):
    assert printed(tmp_path / "elsewhere") == original
    assert printed(tmp_path / "comments", SOURCE + "\n# a remark\n") == original
    assert printed(tmp_path / "unused", SOURCE.replace("x + 1", "x + 2")) == original, "what it does not name"


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(change, original, tmp_path):
    old, new = CHANGES[change]
    assert SOURCE.count(old) == 1
    assert printed(tmp_path / "changed", SOURCE.replace(old, new)) != original


def test_a_change_in_a_module_beside_it_is_seen(original, tmp_path):
    assert printed(tmp_path / "changed", helper=HELPER.replace("+ 1", "+ 2")) != original


def test_closures_and_partials_and_cached_functions_count():
    def of(number):
        return lambda objects: [number] * len(objects)

    assert fingerprint(of(1)) == fingerprint(of(1)) != fingerprint(of(2))
    one, two = (functools.partial(scores.values, number) for number in (1, 2))
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(functools.cache(of(1))) != fingerprint(functools.cache(of(2)))


def test_a_fitted_model_is_read_by_what_it_has_learned():
    def of(weights):
        model = np.polynomial.Polynomial(weights)
        return lambda objects: [model(one) for one in objects]

    assert fingerprint(of([1.0, 2.0])) == fingerprint(of([1.0, 2.0])) != fingerprint(of([1.0, 2.5]))


def test_circles_end():
    ring = []
    ring.append(ring)
    assert fingerprint(lambda objects: ring)


def test_what_cannot_be_read_is_a_sentence_and_a_version_stands_for_it(tmp_path):
    with (tmp_path / "open").open("w") as file:

        def score(objects):
            return [file.tell() for _ in objects]

        with pytest.raises(RewardError, match=r"holds an object of TextIOWrapper.*version=\"1\""):
            fingerprint(score)
        assert fingerprint(score, "1") == fingerprint(score, "1") != fingerprint(score, "2")
