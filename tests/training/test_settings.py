"""The table of settings: the signature of `train` repeats it, every flag has a sentence, wrong names get one."""

import dataclasses
import inspect

import pytest

import anabranch as ab
from anabranch.envs.tasks import Settings, make, task_names
from anabranch.ground.field_help import help_of
from anabranch.ground.fields import fields_of
from anabranch.objectives import OBJECTIVES
from anabranch.policies.recipes import POLICIES
from anabranch.scoring.reading import CHUNK
from anabranch.training.optimizers import OPTIMIZERS
from anabranch.training.setting import REQUIRED
from anabranch.training.settings import SETTINGS, traced_settings
from support.house import none_of
from support.tiny import answer, fine

NOT_SETTINGS = {"env", "log_reward", "seed", "out", "checkpoint", "callback", "start", "name", "exact"}
"""Arguments of `train` that say where a run goes and what is watched, not what is learned."""


def test_the_signature_of_train_is_the_table():
    given = {name: one.default for name, one in inspect.signature(ab.train).parameters.items()}
    table = {name: one.default for name, one in SETTINGS.items() if not one.advanced}
    suited = {field.name for field in dataclasses.fields(Settings)}  # None leaves the task's
    table = {name: None if value is REQUIRED or name in suited else value for name, value in table.items()}
    assert {name: value for name, value in given.items() if name not in NOT_SETTINGS} == table


def test_what_suits_a_task_is_in_the_table_with_its_defaults():
    for field in dataclasses.fields(Settings):
        if SETTINGS[field.name].default is not REQUIRED:
            assert field.default == SETTINGS[field.name].default, field.name


def test_the_rows_of_a_chunk_are_those_of_a_reading():
    assert SETTINGS["chunk"].default == CHUNK


def test_lanes_differ_in_what_shapes_no_program():
    expected = {"log_z_rate", "explore.epsilon", "explore.temperature", "optimizer.learning_rate"}
    assert set(traced_settings()) == expected


def records():
    """Every record whose fields are flags."""
    tasks = [make(name) for name in task_names()]
    yield from (part for task in tasks for part in (task.env, task.log_reward) if dataclasses.is_dataclass(part))
    yield from (kind() for table in (OBJECTIVES, POLICIES, OPTIMIZERS) for kind in table.values())
    yield from (one.record() for one in SETTINGS.values() if one.kind == "record")
    yield ab.MetricSettings()
    yield ab.Checkpoint()


def test_every_setting_has_its_sentence():
    none_of(name for name, one in SETTINGS.items() if not one.help.endswith("."))
    none_of(
        f"{type(record).__name__}.{field.name} says nothing of itself: write a text below it"
        for record in records()
        for field in fields_of(record)
        if not help_of(type(record)).get(field.name, "").endswith(".")
    )


def test_help_says_them():
    out = " ".join(fine(answer("train", "hypergrid", "--help")).split())
    for words in (
        "gradient steps (default: the task's)",
        "R everywhere (default",
        "Units of each hidden layer (default",
    ):
        assert words in out


@dataclasses.dataclass(frozen=True)
class Documented:
    first: int = 1
    """The first
    of two."""
    second: int = 2


class Heir(Documented):
    second: int = 3
    """Its own."""


def test_the_text_below_a_field_is_inherited():
    assert help_of(Documented) == {"first": "The first of two."}
    assert help_of(Heir) == {"first": "The first of two.", "second": "Its own."}
    assert help_of(type("Made", (), {})) == {}, "a class without a source has no sentences"


@pytest.mark.parametrize("settings, sentence", [
    ({"objective": "tb", "steps": 1}, "A training needs batch=."),
    ({"objective": "tb", "steps": 1, "batch": 1, "epsilon": 1.0}, "A training has no setting 'epsilon'"),
    ({"objective": "tb", "steps": 1, "batch": 1, "replays": None}, "did you mean replay?"),
])  # fmt: skip
def test_wrong_settings_get_a_sentence(settings, sentence):
    task = make("faces")
    with pytest.raises(ab.ConfigError) as caught:
        ab.setup(task.env, task.log_reward, **settings)
    assert sentence in str(caught.value)
