"""Columns of texts: the quick way writes the same bytes as the slow one, which defines them."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_worker.rows import cells, columns

MOMENT = datetime.datetime.fromisoformat("2026-01-02T03:04:05")
CSV = columns.csv_flavour(",")

AWKWARD_TEXT = st.text(alphabet=st.sampled_from("ab,\"\n\r\\ é😀\x01\x7f'"), max_size=6) | st.text(
    max_size=4
)
FLOATS = st.floats(width=64) | st.sampled_from(
    [
        0.0,
        -0.0,
        1.0,
        1e10,
        9999999999.5,
        1e15,
        1e16,
        1e-4,
        9.9e-5,
        1e-5,
        1e22,
        5e-324,
        123456789012.25,
    ]
)


def texts(column: Any, flavour: columns.Flavour) -> list[str]:
    """Return a column's texts as a list, missing ones as the flavour writes them."""
    found = columns.texts(column, flavour)
    if isinstance(found, list):
        return found
    return [flavour.missing if text is None else text for text in found.to_pylist()]


def one_by_one(values: list[Any], flavour: columns.Flavour) -> list[str]:
    """Return what the definition of the bytes says."""
    return [flavour.cell(value) for value in values]


@pytest.mark.parametrize("flavour", [CSV, columns.JSON], ids=["csv", "json"])
class TestQuickIsExact:
    @given(values=st.lists(FLOATS, max_size=8))
    @settings(max_examples=300)
    def test_doubles(self, flavour: columns.Flavour, values: list[float]) -> None:
        """Of any size, whole or not, missing or infinite."""
        assert one_by_one(values, flavour) == texts(np.array(values, dtype="f8"), flavour)

    @given(values=st.lists(st.floats(width=32), max_size=8))
    @settings(max_examples=200)
    def test_floats(self, flavour: columns.Flavour, values: list[float]) -> None:
        """With the digits of 32 bits, not with those of 64."""
        array = np.array(values, dtype="f4")
        assert one_by_one(list(array), flavour) == texts(pd.Series(array), flavour)

    @given(values=st.lists(st.floats(width=16), max_size=8))
    def test_halves(self, flavour: columns.Flavour, values: list[float]) -> None:
        """With the digits of 16 bits."""
        array = np.array(values, dtype="f2")
        assert one_by_one(list(array), flavour) == texts(array, flavour)

    @given(values=st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8))
    def test_integers(self, flavour: columns.Flavour, values: list[int]) -> None:
        """Of 64 bits, plain and with missing values."""
        assert one_by_one(values, flavour) == texts(np.array(values, dtype="i8"), flavour)
        nullable = pd.Series([*values, None], dtype="Int64")
        assert one_by_one([*values, None], flavour) == texts(nullable, flavour)

    @given(values=st.lists(st.booleans(), max_size=8))
    def test_booleans(self, flavour: columns.Flavour, values: list[bool]) -> None:
        """Plain and with missing values."""
        assert one_by_one(values, flavour) == texts(pd.Series(values, dtype=bool), flavour)
        nullable = pd.Series([*values, None], dtype="boolean")
        assert one_by_one([*values, None], flavour) == texts(nullable, flavour)

    @given(values=st.lists(st.none() | AWKWARD_TEXT, max_size=8))
    @settings(max_examples=300)
    @pytest.mark.parametrize("dtype", ["object", "str", "string"])
    def test_texts(self, flavour: columns.Flavour, dtype: str, values: list[str | None]) -> None:
        """With quotes, separators, breaks, controls and characters beyond ASCII."""
        assert one_by_one(values, flavour) == texts(pd.Series(values, dtype=dtype), flavour)

    @given(
        values=st.lists(
            st.none()
            | st.booleans()
            | st.integers()
            | FLOATS
            | AWKWARD_TEXT
            | st.binary(max_size=3)
            | st.decimals(allow_infinity=False)
            | st.datetimes()
            | st.lists(st.integers(), max_size=2),
            max_size=6,
        )
    )
    @settings(max_examples=300)
    def test_objects(self, flavour: columns.Flavour, values: list[Any]) -> None:
        """Of any mixture: nothing is guessed, nothing is widened."""
        assert one_by_one(values, flavour) == texts(pd.Series(values, dtype=object), flavour)

    @pytest.mark.parametrize(
        "values",
        [
            pd.Series(
                pd.to_datetime(["2026-01-02", None, "2026-01-02 03:04:05.678"], format="ISO8601")
            ),
            pd.Series(pd.to_datetime(["2026-01-02", None]).tz_localize("Europe/Rome")),
            pd.Series(pd.to_timedelta(["1s", None])),
            pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
            pd.Series([pd.Interval(0, 1)]),
            pd.Series([decimal.Decimal("1.10"), None], dtype=object),
            pd.Series([[1, 2], {"a": 1}, None], dtype=object),
            pd.Series([2**80, 1], dtype=object),
            pd.Series([1, 2.5], dtype=object),
            pd.Series([True, "a"], dtype=object),
            pd.Series([datetime.date(2026, 1, 2)], dtype=object),
            pd.Series([1 + 2j]),
            pd.Series([None, None], dtype=object),
            pd.Series([], dtype=object),
        ],
        ids=str,
    )
    def test_everything_else(self, flavour: columns.Flavour, values: Any) -> None:
        """Goes the slow way, and so has the text of its values."""
        assert one_by_one(values.tolist(), flavour) == texts(values, flavour)

    @pytest.mark.parametrize("categories", [["b,", "a"], [2, 1], [0.5, 1e-7]], ids=str)
    def test_categories(self, flavour: columns.Flavour, categories: list[Any]) -> None:
        """Are written as their values; a missing one does not widen the others."""
        values = pd.Series(pd.Categorical([categories[0], None, categories[1]], categories))
        expected = one_by_one([categories[0], None, categories[1]], flavour)
        assert expected == texts(values, flavour)

    @pytest.mark.parametrize(
        "values",
        [
            pa.array([1.5, None]),
            pa.array([1, None]),
            pa.array(["a,", None]),
            pa.array(["x", "y"], pa.large_string()),
            pa.array(["x", "x"]).dictionary_encode(),
            pa.chunked_array([[1.0], [2.0, None]]),
            pa.array([MOMENT]),
            pa.array([[1, 2], None]),
            pa.array([decimal.Decimal("1.10")]),
            pa.array([b"ab", None]),
        ],
        ids=str,
    )
    def test_arrow(self, flavour: columns.Flavour, values: Any) -> None:
        """Arrow's own columns have the text of their values, too."""
        assert one_by_one(values.to_pylist(), flavour) == texts(values, flavour)

    def test_numpy_text(self, flavour: columns.Flavour) -> None:
        """Fixed-width texts end where they end."""
        assert one_by_one(["ab", "c"], flavour) == texts(np.array(["ab", "c"]), flavour)

    def test_numpy_moments(self, flavour: columns.Flavour) -> None:
        """Moments do not become bare numbers."""
        values = np.array(["2026-01-02T03:04:05", "NaT"], dtype="M8[ns]")
        expected = one_by_one([MOMENT, None], flavour)
        assert expected == texts(values, flavour)


def test_the_quick_way_is_taken_where_it_pays() -> None:
    """Else all of the above would prove nothing."""
    for column in (
        np.array([0.5, 1.0, 1e-9]),
        pd.Series([1, 2]),
        pd.Series([True]),
        pd.Series(["a", "b,"]),
        pd.Series(["a", None], dtype=object),
    ):
        assert not isinstance(columns.texts(column, CSV), list)


def test_half_characters_become_escapes() -> None:
    """A file name that is not UTF-8 can be written, and be told from others."""
    assert "a\\udc80" == columns.clean("a\udc80")
    assert ["a\\udc80"] == columns.as_arrow(["a\udc80"], pa).to_pylist()


def test_lists_are_the_slow_way() -> None:
    """A list of Python values is written as `cells` says, without guessing a type."""
    assert ["1", "2.5", "", '"a,"'] == columns.texts([1, 2.5, None, "a,"], CSV)
    assert cells.csv_text(1) == "1"
