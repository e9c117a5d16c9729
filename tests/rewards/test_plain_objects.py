"""Plain objects as bytes: there and back, one encoding for one object, and no bytes that build anything else."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anabranch.rewards.plain_objects import from_bytes, to_bytes

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")  # of a strategy, now and then
ATOMS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary() | st.text("\ud800")
)
HASHABLE = st.recursive(ATOMS, lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3))
OBJECTS = st.recursive(HASHABLE, lambda inner: st.lists(inner) | st.dictionaries(HASHABLE, inner, max_size=3))


@pytest.mark.thorough
@settings(max_examples=40, deadline=None, derandomize=True)  # a busy machine is no finding
@given(OBJECTS)
def test_an_object_comes_back(item):
    assert from_bytes(to_bytes(item)) == item


@settings(max_examples=40, deadline=None, derandomize=True)  # a busy machine is no finding
@given(OBJECTS, OBJECTS)
def test_objects_that_differ_have_other_bytes(one, other):
    """1, 1.0 and True are equal in Python, and three objects here; 0.0 and -0.0 too."""
    if to_bytes(one) == to_bytes(other):
        assert repr(one) == repr(other) or one == other


def test_the_kinds_of_one_are_told_apart():
    assert len({to_bytes(one) for one in (1, 1.0, True, "1", b"1", (1,), [1], frozenset([1]), {1: 1})}) == 9


def test_the_order_of_a_dictionary_and_of_a_set_is_none():
    assert to_bytes({1: "a", 2: "b"}) == to_bytes({2: "b", 1: "a"})
    assert to_bytes(frozenset([3, 10, 1])) == to_bytes(frozenset([10, 1, 3]))


def test_numpys_numbers_and_texts_are_plain():
    assert to_bytes((np.int64(3), np.float32(0.5), np.bool_(True), np.str_("a"))) == to_bytes((3, 0.5, True, "a"))
    assert from_bytes(to_bytes(np.arange(3))) == [0, 1, 2]


def test_what_is_not_plain_is_a_sentence():
    with pytest.raises(TypeError, match="an object of object is not plain: text, numbers"):
        to_bytes((1, object()))


@pytest.mark.parametrize("change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"q" + b[1:], lambda b: b[:3]])
def test_bytes_that_are_no_object_are_refused(change):
    with pytest.raises(ValueError, match=r"end too early|are left behind|no kind of object"):
        from_bytes(change(to_bytes((1, "two"))))


def test_a_length_beyond_the_bytes_allocates_nothing():
    with pytest.raises(ValueError, match="end too early"):
        from_bytes(b"s\xff\xff\xff\xff")
