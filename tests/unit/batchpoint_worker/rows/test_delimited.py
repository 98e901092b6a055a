"""CSV: what a reader gets back is what was written."""

from __future__ import annotations

import csv
import io
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_worker.rows import RowsError, delimited, shapes


def written(value: Any, name: str | None = None) -> str:
    """Return the CSV of a value."""
    encoded = delimited.encode(shapes.read(value), name is not None)
    return "" if encoded.body is None else delimited.finish(encoded, name).decode()


def test_rows_are_separated_by_commas_and_line_feeds() -> None:
    """Quoted where needed, missing is nothing."""
    frame = pd.DataFrame({"a": [1.0, None], "b": ["x,y", 'q"'], "c": [1, 2]})
    assert '1.0,"x,y",1\n,"q""",2\n' == written(frame)


def test_the_file_is_the_first_cell() -> None:
    """Quoted, too, where needed."""
    assert '"a,b.csv",1\n"a,b.csv",2\n' == written([1, 2], "a,b.csv")


@pytest.mark.parametrize(
    "value", [["", "a"], [None, "a"], pd.DataFrame({"x": [None, "a"]})], ids=str
)
def test_a_row_of_one_empty_cell_is_no_empty_line(value: Any) -> None:
    """Readers skip empty lines, and a row would be lost."""
    assert '""\na\n' == written(value)


def test_rows_without_columns_are_rows() -> None:
    """A frame that has only an index still counts."""
    assert '""\n""\n' == written(pd.DataFrame(index=[1, 2]))
    assert "f\nf\n" == written(pd.DataFrame(index=[1, 2]), "f")


def test_repeated_columns_are_written_as_they_are() -> None:
    """CSV can hold them."""
    frame = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert ["a", "a"] == delimited.encode(shapes.read(frame), False).columns
    assert "1,2\n" == written(frame)


def test_no_rows_have_no_columns() -> None:
    """An empty frame does not take part in the comparison of columns."""
    assert (None, 0, None, ()) == delimited.encode(shapes.read(pd.DataFrame({"a": []})), False)


def test_different_columns_are_an_error() -> None:
    """CSV has one header."""
    with pytest.raises(RowsError):
        delimited.encode(shapes.read([{"a": 1}, {"b": 1}]), False)


@given(
    st.lists(
        st.lists(st.text(alphabet=st.sampled_from('ab,"\n\r é')), min_size=2, max_size=2),
        min_size=1,
    )
)
def test_csv_reads_back_as_it_was(rows: list[list[str]]) -> None:
    """Whatever is in the texts."""
    text = written(pd.DataFrame(rows, dtype=object))
    assert rows == list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(st.tuples(st.floats(allow_nan=False), st.integers(-(2**60), 2**60)), min_size=1))
def test_numbers_are_written_as_pandas_does(rows: list[tuple[float, int]]) -> None:
    """Digit by digit."""
    frame = pd.DataFrame(rows)
    assert frame.to_csv(header=False, index=False) == written(frame)
