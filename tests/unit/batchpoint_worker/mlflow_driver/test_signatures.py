"""What fits a signature, and into which types it is brought."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from batchpoint_worker.mlflow_driver import signatures
from batchpoint_worker.mlflow_driver.problems import SignatureMismatch
from batchpoint_worker.mlflow_driver.signatures import Column, Signature, Tensor
from support.mlflow_models import columns, tensor

# isort: split
from mlflow.models import Model
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import Array, DataType


def test_columns_are_read_from_the_model() -> None:
    """With mlflow's own names of types."""
    found = signatures.of(Model(signature=columns(a="double", b="string?")))
    assert Signature(columns=[Column("a", "double", True), Column("b", "string", False)]) == found
    assert ["b"] == found.texts
    assert not found.is_absent


def test_a_tensor_is_read_from_the_model() -> None:
    """With its shape."""
    found = signatures.of(Model(signature=tensor("float32", -1, 28, 28)))
    assert Signature(tensors=[Tensor(None, "float32", (-1, 28, 28))]) == found


def test_nested_types_are_left_to_mlflow() -> None:
    """It checks them in predict."""
    schema = Schema([ColSpec(Array(DataType.double), "a")])
    found = signatures.of(Model(signature=type(columns(a="double"))(inputs=schema)))
    assert [Column("a", "other", True)] == list(found.columns)


def test_no_signature_is_absent() -> None:
    """Then nothing is checked."""
    assert signatures.of(Model()).is_absent


@pytest.mark.parametrize(
    ("kind", "values", "from_text", "expected", "dtype"),
    [
        ("double", [1, 2], False, [1.0, 2.0], "float64"),
        ("double", [1.5, None], False, [1.5, np.nan], "float64"),
        ("double", np.array([1.5], dtype="f4"), False, [1.5], "float64"),
        ("double", [decimal.Decimal("1.5"), None], False, [1.5, np.nan], "float64"),
        ("double", [None, None], False, [np.nan, np.nan], "float64"),
        ("double", [2**60 + 1], True, [float(2**60)], "float64"),
        ("float", [0.1], True, [np.float32(0.1)], "float32"),
        ("float", [0.5], False, [0.5], "float32"),
        ("long", [1.0, 2.0], False, [1, 2], "int64"),
        ("long", np.array([1], dtype="i4"), False, [1], "int64"),
        ("long", np.array([1], dtype="u8"), False, [1], "int64"),
        ("integer", [1, -2], False, [1, -2], "int32"),
        ("boolean", [True, False], False, [True, False], "bool"),
        ("boolean", [1, 0], True, [True, False], "bool"),
        ("boolean", [True, None], False, [True, None], "object"),
        ("boolean", [1.0, np.nan], True, [True, np.nan], "object"),
        ("string", ["a", None], False, ["a", None], "object"),
        ("string", pd.Categorical(["a", "b"]), False, ["a", "b"], "object"),
        ("binary", [b"a", None], False, [b"a", None], "object"),
        ("binary", ["YQ=="], True, [b"a"], "object"),
        ("other", [[1], {"a": 1}], False, [[1], {"a": 1}], "object"),
    ],
)
def test_values_are_brought_into_the_type(
    kind: str, values: Any, from_text: bool, expected: list[Any], dtype: str
) -> None:
    """Where nothing of them is lost."""
    raw = (
        values
        if hasattr(values, "dtype")
        else pd.Series(values, dtype=object if None in values else None)
    )
    found = signatures.fit_column(pd.Series(raw), Column("a", kind, True), 0, from_text)
    assert dtype == str(found.dtype)
    pd.testing.assert_series_equal(pd.Series(expected, dtype=dtype), found)


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2026-01-02T03:04:05", None]),
        pd.to_datetime(["2026-01-02T05:04:05+02:00", None]),
        ["2026-01-02 03:04:05", None],
        ["2026-01-02T03:04:05Z", None],
        [datetime.datetime.fromisoformat("2026-01-02T03:04:05"), None],
    ],
    ids=["naive", "zoned", "text", "zoned text", "objects"],
)
def test_moments_become_utc_without_a_zone(values: Any) -> None:
    """A signature knows no zones."""
    found = signatures.fit_column(pd.Series(values), Column("a", "datetime", True), 0, True)
    assert [pd.Timestamp("2026-01-02T03:04:05"), pd.NaT] == found.tolist()


def test_a_frame_that_fits_is_not_copied() -> None:
    """Nor are its columns, when only others are left out."""
    frame = pd.DataFrame({"a": [1.5], "b": ["x"]})
    wanted = [Column("a", "double", True), Column("b", "string", True)]
    assert frame is signatures.fit(frame, wanted, 0, True)
    assert ["b", "a"] == list(signatures.fit(frame, wanted[::-1], 0, True).columns)
    assert ["a"] == list(signatures.fit(frame, wanted[:1], 0, True).columns)


def test_optional_columns_may_be_absent() -> None:
    """And are checked where they are there."""
    wanted = [Column("a", "double", True), Column("b", "long", False)]
    assert ["a"] == list(signatures.fit(pd.DataFrame({"a": [1.5]}), wanted, 0, True).columns)
    with pytest.raises(SignatureMismatch, match='"b" must be long'):
        signatures.fit(pd.DataFrame({"a": [1.5], "b": ["x"]}), wanted, 0, True)


def test_columns_without_names_go_by_place() -> None:
    """Further ones are left out."""
    frame = pd.DataFrame({"x": [1], "y": [2], "z": ["t"]})
    found = signatures.fit(frame, [Column(None, "double", True)] * 2, 0, True)
    assert {"x": [1.0], "y": [2.0]} == found.to_dict("list")


def test_long_lists_of_columns_are_cut() -> None:
    """A message does not grow with the width of the data."""
    missing = [Column(f"m{at}", "long", True) for at in range(12)]
    text = str(signatures.missing_columns(missing, [f"c{at}" for at in range(40)]))
    assert '"m9" (long) and 2 more are missing' in text
    assert text.endswith("c28, c29, ….")
