"""Which values `run` may return, and which rows and columns they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from batchpoint_worker.rows import RowsError, shapes
from batchpoint_worker.rows.columns import as_list


class Frame:
    """A frame of some other library, which knows how to become pandas'."""

    columns = ("a",)

    def to_pandas(self) -> pd.DataFrame:
        return pd.DataFrame({"a": [1]})


class Tensor:
    """Looks as torch's do: in another memory until it is fetched."""

    shape = (2,)

    def __array__(self, *_: Any) -> Any:
        raise TypeError("can't convert a device tensor")

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Any:
        return np.array([1.5, 2.5])


@pytest.mark.parametrize(
    ("value", "names", "columns"),
    [
        (pd.DataFrame({"a": [1], 2: ["x"]}, index=[9]), ["a", "2"], [[1], ["x"]]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ["a", "a"], [[1], [2]]),
        (pd.DataFrame({"a": []}), ["a"], [[]]),
        (pa.table({"a": [1, None]}), ["a"], [[1, None]]),
        (pa.record_batch({"a": [1]}), ["a"], [[1]]),
        (Frame(), ["a"], [[1]]),
        (Tensor(), ["value"], [[1.5, 2.5]]),
        (np.array([1, 2]), ["value"], [[1, 2]]),
        (np.array([[1, 2], [3, 4]]), ["value_0", "value_1"], [[1, 3], [2, 4]]),
        (np.array([(1, "x")], dtype=[("n", "i4"), ("t", "U1")]), ["n", "t"], [[1], ["x"]]),
        (np.ma.array([1, 2], mask=[False, True]), ["value"], [[1, None]]),
        (np.zeros((0, 2)), ["value_0", "value_1"], [[], []]),
        (pd.Series([1, 2], name="x"), ["value"], [[1, 2]]),
        ([1, "a", None], ["value"], [[1, "a", None]]),
        ((1, 2), ["value"], [[1, 2]]),
        ([], ["value"], [[]]),
        ([(1, "a"), [2, "b"]], ["value_0", "value_1"], [[1, 2], ["a", "b"]]),
        ([np.array([1, 2])], ["value_0", "value_1"], [[1], [2]]),
        ([{"a": 1, "b": 2}, {"b": 4, "a": 3}], ["a", "b"], [[1, 3], [2, 4]]),
        ([{"a": 1}, pd.Series({"a": 2})], ["a"], [[1, 2]]),
        ([np.float64(0.5)], ["value"], [[0.5]]),
    ],
    ids=lambda value: None,
)
def test_accepted_values_become_named_columns(
    value: Any, names: list[str], columns: list[Any]
) -> None:
    """A frame's own columns, a mapping's keys, value_0 … for a sequence, value for a scalar."""
    table = shapes.as_table(shapes.read(value))
    assert (names, columns) == (table.names, [as_list(column) for column in table.columns])
    assert table.rows == len(columns[0])


@pytest.mark.parametrize(
    ("value", "described"),
    [
        (None, "None"),
        ("text", "a str"),
        (b"x", "a bytes"),
        (5, "an int"),
        (0.5, "a float"),
        (np.float64(1), "a numpy.float64"),
        (np.array(5), "a numpy.ndarray"),
        ((i for i in [1]), "a generator"),
        ({1, 2}, "a set"),
        (iter([1]), "a list_iterator"),
        (map(str, []), "a map"),
        (object(), "an object"),
        (ValueError("x"), "a ValueError"),
        (print, "a builtin_function_or_method"),
    ],
    ids=lambda value: value if isinstance(value, str) else "value",
)
def test_other_values_are_refused_by_type(value: Any, described: str) -> None:
    """The message names the type and what is allowed, never the value."""
    with pytest.raises(RowsError) as caught:
        shapes.read(value)
    assert (
        f"run returned {described}; it must return a DataFrame, a list, a tuple, an array, or a dict "
        "from each file of mini_batch to its result."
    ) == str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, ValueError("x")], "Element 1 of the list that run returned is a ValueError. "),
        ([pd.DataFrame()], "Element 0 of the list that run returned is a pandas.DataFrame. "),
    ],
    ids=["error", "frame"],
)
def test_elements_that_belong_into_a_dict_are_refused(value: Any, message: str) -> None:
    """A list cannot say which file an error or a frame belongs to."""
    with pytest.raises(RowsError) as caught:
        shapes.read(value)
    advice = (
        "Return a dict from each file to its result: that tells frames apart and may hold errors."
    )
    assert message + advice == str(caught.value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            [{"a": 1}, {"b": 1}],
            "Rows 0 and 1 of what run returned have different columns: (a) and (b).",
        ),
        (
            [[1], [1], [1, 2]],
            "Rows 0 and 2 of what run returned have different columns: (value_0) and (value_0, value_1).",
        ),
        (
            [1, {"a": 1}],
            "Rows 0 and 1 of what run returned have different columns: (value) and (a).",
        ),
        (
            [{"a": 1}, {"a": 1, "b": 2}],
            "Rows 0 and 1 of what run returned have different columns: (a) and (a, b).",
        ),
    ],
    ids=["keys", "lengths", "kinds", "more"],
)
def test_rows_with_different_columns_are_named(value: Any, message: str) -> None:
    """Both lists, and the first row that differs."""
    with pytest.raises(RowsError) as caught:
        shapes.as_table(shapes.read(value))
    advice = " Give every row the same columns, or choose outputFormat JSONLines."
    assert message + advice == str(caught.value)


@pytest.mark.parametrize(
    ("value", "names", "rows"),
    [
        (None, [], 0),
        ("text", ["value"], 1),
        (np.float32(1), ["value"], 1),
        ({"a": 1, "b": [2]}, ["a", "b"], 1),
        ([1, 2, 3], ["value"], 3),
        ([], ["value"], 0),
        (pd.DataFrame({"x": [1, 2]}), ["x"], 2),
    ],
    ids=["none", "text", "number", "mapping", "list", "empty", "frame"],
)
def test_the_result_of_one_file_may_be_one_row(value: Any, names: list[str], rows: int) -> None:
    """A scalar or a mapping is a row, None is none, everything else is as for `run`."""
    table = shapes.as_table(shapes.read_item(value, "a.csv"))
    assert (names, rows) == (table.names, table.rows)


def test_long_column_lists_are_cut() -> None:
    """A message does not grow with the width of the data."""
    names = [str(at) for at in range(25)]
    assert "(" + ", ".join(names[:20]) + ", … 5 more)" == shapes.listed(names)
