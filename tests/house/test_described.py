"""The public names say what they take: each argument of a function, each field of a record; and help with it."""

import dataclasses
import inspect
import re
from statistics import fmean

import anabranch
from anabranch.ground.field_help import help_of
from support.house import none_of

LEAST_MEAN_LINES = 10
PUBLIC = {name: getattr(anabranch, name) for names in anabranch._PUBLIC.values() for name in names}
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if not inspect.isclass(thing)}
BASES = (anabranch.Objective, anabranch.BackwardPolicy, anabranch.Exploration, anabranch.Environment, anabranch.Policy)
OTHERS = {"Anneal", "Interval", "LocalSearch", "Metric", "MetricSettings", "Replay", "Settings", "Task"}
RECIPES = {
    name: thing
    for name, thing in PUBLIC.items()
    if inspect.isclass(thing) and (issubclass(thing, BASES) or hasattr(thing, "build") or name in OTHERS)
}
"""Classes that a user makes an instance of, or inherits."""
RECORDS = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing) and dataclasses.is_dataclass(thing)}


def described_arguments(text):
    """The names at the heads of the entries of `Arguments:`."""
    section = re.search(r"^Arguments:\n((?:    .*\n?|\n)+)", text, re.MULTILINE)
    heads = re.findall(r"^    (\w+(?:, \w+)*):", section[1], re.MULTILINE) if section else []
    return {name for head in heads for name in head.split(", ")}


def undescribed(name, function):
    """The arguments that a docstring leaves out, and those that it makes up."""
    taken, told = set(inspect.signature(function).parameters), described_arguments(inspect.getdoc(function) or "")
    yield from (f"{name}: the argument {one} is not described" for one in taken - told)
    yield from (f"{name}: there is no argument {one}" for one in told - taken)


def test_every_argument_of_a_public_function_is_described():
    none_of(sentence for name, function in FUNCTIONS.items() for sentence in undescribed(name, function))


def test_an_argument_without_its_line_is_seen():
    def door(first, second):
        """A door.

        Arguments:
            first: it is told.
            third: it is made up.
        """

    assert list(undescribed("door", door)) == [
        "door: the argument second is not described",
        "door: there is no argument third",
    ]


def test_every_field_of_a_public_record_says_what_it_is():
    none_of(
        f"{name}.{field.name} says nothing of itself: write a text below it"
        for name, record in RECORDS.items()
        for field in dataclasses.fields(record)
        if field.name not in help_of(record)
    )


def mean_lines(doors):
    """The mean number of lines of their docstrings."""
    return fmean(len((inspect.getdoc(door) or "").splitlines()) for door in doors.values())


def test_the_docstrings_of_the_doors_are_long_enough_to_help():
    assert mean_lines(FUNCTIONS) >= LEAST_MEAN_LINES
    assert mean_lines(FUNCTIONS | RECIPES) >= LEAST_MEAN_LINES


def test_every_door_is_told_in_more_than_a_line():
    none_of(f"{name} has a single line" for name, door in (FUNCTIONS | RECIPES).items() if mean_lines({name: door}) < 2)


def test_a_door_without_its_text_shortens_the_mean():
    def door():
        """A door."""

    assert mean_lines({"door": door}) == 1.0
