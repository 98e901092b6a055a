"""JSON Lines: each row an object."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batchpoint_worker.rows import RowsError, jsonlines, shapes


def written(value: Any, name: str | None = None) -> str:
    """Return the JSON Lines of a value."""
    encoded = jsonlines.encode(shapes.read(value), name is not None)
    return "" if encoded.body is None else jsonlines.finish(encoded, name).decode()


def test_a_row_is_an_object() -> None:
    """Compact, missing is null, dates are ISO 8601."""
    frame = pd.DataFrame(
        {"a": [0.5, np.nan], "é%": ['q"', None], "d": pd.to_datetime(["2026-01-02", None])}
    )
    expected = '{"a":0.5,"é%":"q\\"","d":"2026-01-02T00:00:00"}\n{"a":null,"é%":null,"d":null}\n'
    assert expected == written(frame)


def test_the_file_is_the_first_key() -> None:
    """As JSON, so that any name is allowed."""
    assert '{"file":"a\\"b","value":1}\n' == written([1], 'a"b')


def test_rows_may_have_columns_of_their_own() -> None:
    """Results of language models do."""
    assert '{"a":1}\n{"value":2}\n{"value_0":3}\n' == written([{"a": 1}, 2, [3]])


def test_rows_without_columns_are_objects() -> None:
    """With the file in them, where there is one."""
    assert "{}\n{}\n" == written([{}, {}])
    assert '{"file":"f"}\n' == written([{}], "f") == written(pd.DataFrame(index=[1]), "f")


@pytest.mark.parametrize(
    "value",
    [pd.DataFrame([[1, 2]], columns=["a", "a"]), [{"a": 1, 2: 2}, {1: 1, "1": 2}]],
    ids=["frame", "keys"],
)
def test_repeated_names_are_refused(value: Any) -> None:
    """An object has each key once."""
    with pytest.raises(RowsError, match="more than one column called"):
        written(value)


def test_no_rows_are_nothing() -> None:
    """And JSON Lines never has columns."""
    assert (None, 0, None, ()) == jsonlines.encode(shapes.read([]), False)


def test_what_pandas_writes_reads_back() -> None:
    """All of pandas' usual types in one frame."""
    frame = pd.DataFrame(
        {
            "i": [1, 2],
            "f": [0.1, np.inf],
            "b": [True, False],
            "s": ["x", "\x01"],
            "n": [[1, 2], {"k": None}],
        }
    )
    assert [
        {"i": 1, "f": 0.1, "b": True, "s": "x", "n": [1, 2]},
        {"i": 2, "f": None, "b": False, "s": "\x01", "n": {"k": None}},
    ] == [json.loads(line) for line in written(frame).splitlines()]
