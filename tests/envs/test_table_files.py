"""Tables from files as people have them, and what is said where they cannot be used."""

import numpy as np
import pytest

import anabranch as ab
from anabranch.envs.table_files import parse_table, shipped_tables, table_content, table_of
from support import asia

NUMBERS = [[5.1, 3.5], [4.9, 3.0], [4.7, 3.2]]


def parsed(text, encoding="utf-8"):
    return parse_table(text.encode(encoding), where="my.csv")


@pytest.mark.parametrize("text, names", [
    ("a,b\n5.1,3.5\n4.9,3.0\n4.7,3.2\n", ("a", "b")),
    ("5.1,3.5\n4.9,3.0\n4.7,3.2", ("1", "2")),
    ("a;b\r\n5,1;3,5\r\n4,9;3\r\n4,7;3,2\r\n", ("a", "b")),
    ("5,1;3,5\n4,9;3,0\n4,7;3,2\n", ("1", "2")),
    ("a\tb\n5.1\t3.5\n4.9\t3.0\n4.7\t3.2\n", ("a", "b")),
    ("  5.1   3.5\n4.9 3e0\n4.7 3.2\n", ("1", "2")),
    ("# by hand\n\n\"a, b\" , c\n5.1, 3.5\n\n4.9, 3.0\n4.7, 3.2\n", ("a, b", "c")),
    ("a|b\n5.1|3.5\n4.9|3.0\n4.7|3.2\n", ("a", "b")),
])  # fmt: skip
def test_tables_are_read_as_people_write_them(text, names):
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        table = parsed(text, encoding)
        assert table.names == names
        assert table.numbers().tolist() == NUMBERS


def test_a_header_of_words_is_told_from_a_row_of_words():
    body = "yes,no\nno,no\nyes,yes\n"
    assert parsed("smoke,lung\n" + body).names == ("smoke", "lung")
    assert parsed(body).names == ("1", "2")
    codes, counts = parsed(body).categories()
    assert codes.tolist() == [[1, 0], [0, 0], [1, 1]]
    assert counts == (2, 2)


def test_columns_are_chosen_by_name_in_the_order_given():
    table = parsed("id,a,b\n1,5.1,x\n2,4.9,y\n")
    assert table.only(["b", "a"]).cells.tolist() == [["x", "5.1"], ["y", "4.9"]]
    with pytest.raises(ab.ConfigError, match=r"my\.csv has no column 'c'"):
        table.only(["c"])
    with pytest.raises(ab.ConfigError, match="taken once; given a, a"):
        table.only(["a", "a"])


@pytest.mark.parametrize("text, sentence", [
    ("a,b\n1,2\n3,NA\n?,5\n", "my.csv, line 3, column 'b', is missing (NA), the first of 2 such"),
    ("a,b\n1,2\n,4\n", "my.csv, line 3, column 'a', is missing (nothing stands there)"),
    ("a,b\n1,2\n\n3,four\n", "my.csv, line 4, column 'b', is 'four', which is no number"),
    ("a,b\n1,\"5,1\"\n2,\"5,2\"\n", "is '5,1', which is no number"),
    ("a,b\n1,2\n1,inf\n", "line 3, column 'b', is inf: a score needs finite numbers"),
    ("a,b\n1,2\n3\n4,5\n", "my.csv, line 3, has 1 values and line 1 has 2"),
    ("a,b\n", "my.csv has a header and no rows below it"),
    ("", "my.csv is empty"),
    ("a,b\n1,2\n\"3,4\n", "my.csv, line"),
    ("PK\x03\x04", "looks like a zip file or an Office document"),
])  # fmt: skip
def test_what_is_no_table_of_numbers_is_said_in_a_sentence(text, sentence):
    with pytest.raises(ab.ConfigError) as caught:
        parsed(text).numbers()
    assert sentence in str(caught.value)
    assert "alignment" not in str(caught.value)


def test_measurements_are_no_categories():
    with pytest.raises(ab.ConfigError, match=r"line 2, column 'b', is 3\.5, which is no category: BDeu"):
        parsed("a,b\n1,3.5\n2,4\n").categories()
    codes, counts = table_of(np.array([[3.0, 1.0], [7.0, 1.0]])).categories()
    assert codes.tolist() == [[0, 0], [1, 0]]
    assert counts == (2, 1)


def test_arrays_of_words_with_gaps_are_said():
    with pytest.raises(ab.ConfigError, match="data, row 2, column '1', is missing"):
        table_of([["a", "b"], [None, "b"]]).categories()


def test_the_shipped_tables_are_what_they_say():
    assert shipped_tables() == ["asia", "iris"]
    iris = parse_table(table_content("iris"), where="iris").numbers()
    assert iris.shape == (150, 4)
    assert iris.mean(0) == pytest.approx([5.843333, 3.057333, 3.758, 1.199333], abs=1e-6), "Fisher 1936, table I"
    assert iris[34].tolist() == [4.9, 3.1, 1.5, 0.2], "as Fisher printed it; a well-known copy has .1"
    assert table_content("asia").decode() == asia.table()
    drawn = asia.patients(200_000, seed=1)
    # Marginals that the authors' tables imply: P(lung) = .055, P(xray) = .11, P(dysp) = .436.
    assert [drawn[name].mean() for name in ("lung", "xray", "dysp")] == pytest.approx([0.055, 0.11, 0.436], abs=0.005)
    with pytest.raises(ab.ConfigError, match=r"There is no table 'iri': give the path of a CSV file, or asia or iris"):
        table_content("iri")
