"""Parquet's rows: each result one complete Arrow stream, without what is pandas' or the batch's own."""

from __future__ import annotations

import datetime
import decimal
import sys
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from batchpoint_worker.rows import RowsError, arrow, shapes


def table(value: Any, name: str | None = None) -> pa.Table:
    """Write a value and read the stream back."""
    encoded = arrow.encode(shapes.read(value), name is not None)
    return pa.ipc.open_stream(arrow.finish(encoded, name)).read_all()


def test_a_frame_keeps_its_types_and_loses_its_index() -> None:
    """No metadata of pandas is left either."""
    frame = pd.DataFrame({"a": [1.5, np.nan], "s": ["x", None], "i": [1, 2]}, index=[7, 8])
    found = table(frame)
    assert pa.schema([("a", pa.float64()), ("s", pa.string()), ("i", pa.int64())]) == found.schema
    assert found.schema.metadata is None
    assert {"a": [1.5, None], "s": ["x", None], "i": [1, 2]} == found.to_pydict()


def test_the_file_is_the_first_column() -> None:
    """The same for each row."""
    assert {"file": ["f", "f"], "value": [1, 2]} == table([1, 2], "f").to_pydict()


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Categorical(["a", None, "a"]), pa.string()),
        (pd.Series(["a", "b", "c"], dtype="string"), pa.string()),
        (pa.array(["a", "b", "c"], pa.large_string()), pa.string()),
        (pa.array([b"a", b"b", b"c"], pa.large_binary()), pa.binary()),
        ([decimal.Decimal("1.10")] * 3, pa.decimal128(3, 2)),
        ([datetime.date(2026, 1, 2)] * 3, pa.date32()),
        ([[1, 2]] * 3, pa.list_(pa.int64())),
        ([uuid.UUID(int=1)] * 3, pa.string()),
        ([None, None, None], pa.null()),
        ([1, 2.5, None], pa.float64()),
    ],
    ids=str,
)
def test_types_do_not_depend_on_the_encoding(values: Any, kind: pa.DataType) -> None:
    """Streams of different mini-batches fit together."""
    column = (
        pa.table({"a": values})
        if isinstance(values, pa.Array)
        else pd.DataFrame({"a": values}, dtype=getattr(values, "dtype", object))
    )
    assert kind == table(column).schema.field("a").type


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            [1, "a"],
            'Column "value" cannot be written as Parquet: it holds values of type int and str. Give the '
            "column one type, or choose outputFormat JSONLines.",
        ),
        (
            pd.DataFrame([[1, 2]], columns=["a", "a"]),
            'What run returned has more than one column called "a". Give each its own name, or choose '
            "outputFormat CSV.",
        ),
    ],
    ids=["mixed", "repeated"],
)
def test_what_parquet_cannot_hold_is_named(value: Any, message: str) -> None:
    """By column and types, never by value."""
    with pytest.raises(RowsError) as caught:
        table(value)
    assert message == str(caught.value)


def test_half_characters_become_escapes() -> None:
    """Arrow holds UTF-8 only."""
    assert {"value": ["\\udc80", None]} == table(["\udc80", None]).to_pydict()


def test_no_rows_are_no_stream() -> None:
    """A segment without rows has no bytes."""
    assert (None, 0, None, ()) == arrow.encode(shapes.read([]), False)


def test_without_pyarrow_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the user's image that lacks it."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RowsError, match="outputFormat Parquet needs pyarrow in the scorer's image"):
        arrow.encode(shapes.read([1]), False)
