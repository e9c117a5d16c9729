"""The public doors say what they take: each argument of a function, each field of a record."""

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


def test_the_docstrings_of_the_doors_are_long_enough_to_help():
    lines = [len((inspect.getdoc(function) or "").splitlines()) for function in FUNCTIONS.values()]
    assert fmean(lines) >= LEAST_MEAN_LINES
