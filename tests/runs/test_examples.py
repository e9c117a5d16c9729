"""The examples in the docstrings of the public names run as they stand."""

import dataclasses
import inspect
import re
import textwrap

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import anabranch
from support.my_spaces import Subset

PUBLIC = {name: getattr(anabranch, name) for names in anabranch._PUBLIC.values() for name in names}


def example_of(thing):
    """The code of the section `Example:` of a docstring; none where there is no such section."""
    section = re.search(r"^Example:\n((?:    .*\n?|\n)+)", inspect.getdoc(thing) or "", re.MULTILINE)
    return textwrap.dedent(section[1]) if section else ""


EXAMPLES = {name: example_of(thing) for name, thing in PUBLIC.items() if example_of(thing)}


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What an example may take for granted: a small space, its reward and a run that was kept."""
    task = anabranch.make("faces")
    kept = tmp_path_factory.mktemp("examples") / "runs" / "faces"
    run = anabranch.train("faces", objective="tb", steps=20, out=kept)
    given = {"env": task.env, "log_reward": task.log_reward, "run": run, "Subset": Subset}
    modules = {"anabranch": anabranch, "dataclasses": dataclasses, "eqx": eqx, "jnp": jnp, "np": np}
    return kept.parents[1], given | modules


def short(*args, **settings):
    """`train` for a few steps: an example shows a call, not how long it takes."""
    return anabranch.runs.train.train(*args, **{**settings, "steps": 20})


ALWAYS = {"train", "python_reward", "Replay", "TrajectoryBalance", "resume", "load"}
"""Examples that train, of which `make test` runs these."""


def is_long(name):
    return "train(" in EXAMPLES[name] and name not in ALWAYS


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough) if is_long(name) else name for name in EXAMPLES]
)
def test_the_example_runs(name, names, monkeypatch):
    if name in ("WandB", "MLflow"):
        pytest.importorskip(name.lower())
    folder, given = names
    monkeypatch.chdir(folder)
    monkeypatch.setattr(anabranch, "train", short)
    exec(compile(EXAMPLES[name], f"the example of {name}", "exec"), dict(given))  # noqa: S102


def test_an_example_that_is_wrong_is_seen():
    def door():
        """A door.

        Example:
            anabranch.no_such_name()
        """

    with pytest.raises(AttributeError, match="no_such_name"):
        exec(example_of(door), {"anabranch": anabranch})  # noqa: S102
