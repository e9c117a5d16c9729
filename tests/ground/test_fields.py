"""Records to JSON, from JSON and from the text of a flag: one meaning for a field, and NaN in none of them."""

import dataclasses
import json
import math
from typing import Literal, Optional

import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.faces import Faces, FacesReward
from anabranch.ground.errors import ConfigError
from anabranch.ground.fields import converted, fields_of, parsed, replaced, to_json
from anabranch.objectives import OBJECTIVES


@dataclasses.dataclass(frozen=True)
class Everything:
    """A field of every kind, and two that are no settings."""

    count: int
    share: float = 0.5
    name: str = "none"
    loud: bool = False
    mode: Literal["cosine", "none"] = "cosine"
    level: Literal[1, 2] = 1
    limit: int | None = None
    word: Optional[str] = None  # noqa: UP045
    choice: Literal["a", "b"] | None = "a"
    sizes: tuple[int, ...] = (3, 4)
    rates: tuple[float, ...] | None = None
    names: tuple[str, ...] = ()
    inner: ab.MLP = dataclasses.field(default_factory=ab.MLP)
    array: np.ndarray | None = None
    made: int = dataclasses.field(default=3, init=False)


KINDS = {
    "count": "INT",
    "share": "FLOAT",
    "name": "TEXT",
    "loud": "BOOL",
    "mode": "cosine|none",
    "level": "1|2",
    "limit": "INT|none",
    "word": "TEXT|none",
    "choice": "a|b|none",
    "sizes": "INT,...",
    "rates": "FLOAT,...|none",
    "names": "TEXT,...",
}
HINTS = {field.name: field.annotation for field in fields_of(Everything)}

TEXTS = [
    ("count", "4", 4),
    ("count", "-4", -4),
    ("count", "1e3", 1000),
    ("count", "4.0", 4),
    ("share", "4", 4.0),
    ("share", "1e-3", 1e-3),
    ("share", "inf", math.inf),
    ("share", "-inf", -math.inf),
    ("name", "4", "4"),
    ("name", "none", "none"),
    ("name", "a b, c", "a b, c"),
    ("loud", "true", True),
    ("loud", "Yes", True),
    ("loud", "no", False),
    ("mode", "none", "none"),
    ("level", "2", 2),
    ("limit", "none", None),
    ("limit", "7", 7),
    ("word", "None", None),
    ("word", "nones", "nones"),
    ("choice", "none", None),
    ("choice", "b", "b"),
    ("sizes", "1,2, 3", (1, 2, 3)),
    ("sizes", "5", (5,)),
    ("sizes", "", ()),
    ("rates", "1,inf", (1.0, math.inf)),
    ("rates", "none", None),
    ("names", "a,b", ("a", "b")),
]

VALUES = [
    ("count", 4, 4),
    ("share", 4, 4.0),
    ("loud", True, True),
    ("mode", "none", "none"),
    ("level", 2, 2),
    ("limit", None, None),
    ("choice", None, None),
    ("sizes", [1, 2], (1, 2)),
    ("rates", [1, 0.5], (1.0, 0.5)),
    ("names", ("a",), ("a",)),
]

WRONG = [
    ("count", 4.0, "must be INT; given 4.0"),
    ("count", True, "must be INT; given True"),
    ("count", "4", "must be INT; given '4'"),
    ("count", None, "must be INT; given None"),
    ("share", "x", "must be FLOAT; given 'x'"),
    ("share", True, "must be FLOAT; given True"),
    ("share", math.nan, "is NaN"),
    ("share", 10**400, "is beyond the largest float"),
    ("name", 4, "must be TEXT; given 4"),
    ("loud", 1, "must be BOOL; given 1"),
    ("mode", "sine", "must be cosine|none; given 'sine'"),
    ("mode", None, "must be cosine|none; given None"),
    ("level", "2", "must be 1|2; given '2'"),
    ("level", True, "must be 1|2; given True"),
    ("limit", "x", "must be INT; given 'x'"),
    ("sizes", 3, "must be INT,...; given 3"),
    ("sizes", [1, 2.5], "must be INT; given 2.5"),
    ("rates", [1.0, math.nan], "is NaN"),
]

WRONG_TEXTS = [
    ("count", "x"),
    ("count", "2.5"),
    ("count", "true"),
    ("count", ""),
    ("count", "inf"),
    ("share", "x"),
    ("share", "nan"),
    ("share", "NaN"),
    ("share", "1" + "0" * 400),
    ("loud", "maybe"),
    ("mode", "sine"),
    ("level", "3"),
    ("limit", "x"),
    ("sizes", "1,x"),
    ("rates", "1,nan"),
]

BUILT_IN = [
    Faces(),
    FacesReward(happy=4.0, invalid=0.5),
    *(objective() for objective in OBJECTIVES.values()),
    ab.FlowMatching(form="linear", terminal_weight=3.0, penalty="huber"),
    ab.SubTrajectoryBalance(lam=0.5, normalise="trajectory"),
    ab.Explore(epsilon=0.3, per="trajectory", anneal=10, temperature=2.0, stop_weight=0.25),
    ab.MLP(width=8, depth=3),
    ab.Tabular(),
    ab.Adam(learning_rate=1e-2, decay="none"),
]


def test_fields_are_the_settings_with_kinds_and_defaults():
    assert {field.name: field.kind for field in fields_of(Everything)} == KINDS
    defaults = {field.name: field.default for field in fields_of(Everything)}
    assert defaults["count"] is dataclasses.MISSING
    assert defaults["sizes"] == (3, 4)
    assert {field.name: field.default for field in fields_of(Everything(count=7))}["count"] == 7


def test_a_type_that_cannot_be_found_is_named():
    lost = dataclasses.make_dataclass("Lost", [("place", "Nowhere")])
    with pytest.raises(ConfigError, match="A field of Lost has a type that cannot be found: name 'Nowhere'"):
        fields_of(lost)


@pytest.mark.parametrize("name, text, value", TEXTS)
def test_text_becomes_a_value(name, text, value):
    found = parsed(text, HINTS[name], "--here")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("name, given, value", VALUES)
def test_json_becomes_a_value(name, given, value):
    found = converted(given, HINTS[name], "here")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("name, given, words", WRONG)
def test_a_wrong_value_names_the_place_and_the_kind(name, given, words):
    with pytest.raises(ConfigError) as caught:
        replaced(Everything(1), {name: given}, where="run.json: all")
    assert str(caught.value).startswith(f"run.json: all.{name} ")
    assert words in str(caught.value)


@pytest.mark.parametrize("name, text", WRONG_TEXTS)
def test_a_wrong_text_names_the_flag(name, text):
    with pytest.raises(ConfigError, match=r"^--here "):
        parsed(text, HINTS[name], "--here")


def test_replaced_changes_what_is_given_and_nothing_else():
    before = Everything(1, names=("x",))
    after = replaced(before, {"sizes": [5], "share": 1}, where="here")
    assert after == dataclasses.replace(before, sizes=(5,), share=1.0)
    assert before.sizes == (3, 4)


@pytest.mark.parametrize("name, words", [
    ("shares", "; did you mean share? It has: count, share, name,"),
    ("zzz", ". It has: count"),
    ("inner", "It has: count"),
    ("made", "It has: count"),
])  # fmt: skip
def test_an_unknown_setting_names_the_nearest(name, words):
    with pytest.raises(ConfigError) as caught:
        replaced(Everything(1), {name: 1}, where="here")
    assert str(caught.value).startswith(f"here has no setting '{name}'")
    assert words in str(caught.value)
    with pytest.raises(ConfigError, match="It has no settings"):
        replaced(ab.Tabular(), {"width": 3}, where="here")


@pytest.mark.parametrize("record", [Everything(2, rates=(0.1, 1 / 3), names=("a",)), *BUILT_IN], ids=repr)
def test_a_record_survives_json(record):
    text = json.dumps(to_json(record), allow_nan=False)
    fresh = type(record)(count=0) if isinstance(record, Everything) else type(record)()
    assert replaced(fresh, json.loads(text), where="here") == record


@pytest.mark.parametrize("record", BUILT_IN, ids=repr)
def test_every_setting_of_a_record_survives_as_a_flag(record):
    assert {field.name for field in fields_of(record)} == {field.name for field in dataclasses.fields(record)}
    for field in fields_of(record):
        text = ",".join(map(str, field.default)) if isinstance(field.default, tuple) else str(field.default)
        assert parsed(text, field.annotation, "--here") == field.default


@pytest.mark.parametrize("record", BUILT_IN, ids=repr)
def test_no_built_in_record_takes_nan(record):
    for field in fields_of(record):
        if field.kind.startswith("FLOAT"):
            with pytest.raises(ConfigError, match=f"here.{field.name} is NaN"):
                replaced(record, {field.name: math.nan}, where="here")
            with pytest.raises(ab.Error):
                dataclasses.replace(record, **{field.name: math.nan})
