"""One value, one text: the table of `cells`, value by value."""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchpoint_worker.rows import cells


class Colour(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Name(str):
    def __str__(self) -> str:
        return "something else"


MOMENT = datetime.datetime(2026, 11, 21, 4, 5, 6, tzinfo=datetime.UTC)
IDENTITY = uuid.UUID(int=5)

TABLE: list[tuple[str, Any, str, str]] = [
    ("none", None, "", "null"),
    ("nan", float("nan"), "", "null"),
    ("numpy-nan", np.float32("nan"), "", "null"),
    ("not-a-time", pd.NaT, "", "null"),
    ("not-available", pd.NA, "", "null"),
    ("numpy-not-a-time", np.datetime64("NaT"), "", "null"),
    ("numpy-no-duration", np.timedelta64("NaT"), "", "null"),
    ("decimal-nan", decimal.Decimal("NaN"), "", "null"),
    ("true", True, "True", "true"),
    ("numpy-false", np.bool_(False), "False", "false"),
    ("int", 7, "7", "7"),
    ("huge-int", 2**70, str(2**70), str(2**70)),
    ("numpy-int", np.int8(-3), "-3", "-3"),
    ("int-enum", Size.BIG, "3", "3"),
    ("whole-float", 1.0, "1.0", "1.0"),
    ("small-float", 1e-7, "1e-07", "1e-07"),
    ("numpy-double", np.float64(0.1), "0.1", "0.1"),
    ("numpy-float", np.float32(0.1), "0.1", "0.1"),
    ("numpy-half", np.float16(0.1), "0.1", "0.1"),
    ("infinity", float("inf"), "inf", "null"),
    ("decimal", decimal.Decimal("1.10"), "1.10", "1.10"),
    ("decimal-infinity", decimal.Decimal("Infinity"), "Infinity", "null"),
    ("text", "a b", "a b", '"a b"'),
    ("text-of-a-subclass", Name("x"), "x", '"x"'),
    ("numpy-text", np.str_("x"), "x", '"x"'),
    ("unicode", "é😀", "é😀", '"é😀"'),
    ("control", "\x01\t", "\x01\t", '"\\u0001\\t"'),
    ("enum", Colour.RED, "red", '"red"'),
    ("bytes", b"\x00\xff", "AP8=", '"AP8="'),
    ("numpy-bytes", np.bytes_(b"ab"), "YWI=", '"YWI="'),
    ("date", datetime.date(2026, 1, 2), "2026-01-02", '"2026-01-02"'),
    ("time", datetime.time(1, 2), "01:02:00", '"01:02:00"'),
    ("zoned", MOMENT, "2026-11-21T04:05:06+00:00", '"2026-11-21T04:05:06+00:00"'),
    ("timestamp", pd.Timestamp("2026-01-02"), "2026-01-02T00:00:00", '"2026-01-02T00:00:00"'),
    (
        "numpy-moment",
        np.datetime64("2026-01-02T00:00:00.5", "ns"),
        "2026-01-02T00:00:00.500000",
        '"2026-01-02T00:00:00.500000"',
    ),
    ("numpy-day", np.datetime64("2026-01-02"), "2026-01-02", '"2026-01-02"'),
    ("duration", datetime.timedelta(minutes=1.5), "90.0", "90.0"),
    ("pandas-duration", pd.Timedelta(seconds=2), "2.0", "2.0"),
    ("numpy-duration", np.timedelta64(1500, "ms"), "1.5", "1.5"),
    ("list", [1, None, "a"], '[1,null,"a"]', '[1,null,"a"]'),
    ("tuple", (1.5, True), "[1.5,true]", "[1.5,true]"),
    ("array", np.array([1.0, np.nan]), "[1.0,null]", "[1.0,null]"),
    ("set", {"b", "a"}, '["a","b"]', '["a","b"]'),
    ("mapping", {"a": {1: [None]}}, '{"a":{"1":[null]}}', '{"a":{"1":[null]}}'),
    ("other", IDENTITY, str(IDENTITY), f'"{IDENTITY}"'),
]


@pytest.mark.parametrize(
    ("value", "csv", "in_json"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_each_value_has_one_text(value: Any, csv: str, in_json: str) -> None:
    """The CSV and the JSON text of a value, quotes of CSV left aside."""
    assert (csv, in_json) == (cells.csv_text(value), cells.json_text(value))


@pytest.mark.parametrize(
    "moment",
    ["2026-01-02", "2026-01-02T03:04:05.123", "2026-01-02T03:04:05.123456789", "1969-12-31T23:59"],
)
def test_numpy_writes_moments_as_pandas_does(moment: str) -> None:
    """A column of dates has the same text with and without pandas around it."""
    assert cells.csv_text(pd.Timestamp(moment)) == cells.csv_text(np.datetime64(moment, "ns"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        (" leading", " leading"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("two\nlines", '"two\nlines"'),
        ("carriage\r", '"carriage\r"'),
        ("semi;colon", "semi;colon"),
    ],
)
def test_cells_are_quoted_only_where_needed(text: str, expected: str) -> None:
    """The separator, the quote and line breaks; nothing else."""
    assert expected == cells.quoted(text, cells.special_characters(","))


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_json_reads_back_as_it_was(value: Any) -> None:
    """What JSON can say comes back unchanged."""
    assert value == json.loads(cells.json_text(value))
