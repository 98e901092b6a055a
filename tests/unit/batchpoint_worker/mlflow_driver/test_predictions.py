"""Whatever `predict` returns becomes named columns beside the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from batchpoint_worker.mlflow_driver import predictions, problems
from batchpoint_worker.rows.columns import as_list


def plain(column: Any) -> list[Any]:
    """Return a column's values as Python lists."""
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in as_list(column)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (np.array([1, 2]), {"prediction": [1, 2]}),
        (np.array(["a", "b"]), {"prediction": ["a", "b"]}),
        (np.array([[1, 2], [3, 4]]), {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        (np.array([[1], [2]]), {"prediction_0": [1, 2]}),
        (np.zeros((2, 1, 1)), {"prediction": [[[0.0]], [[0.0]]]}),
        (
            scipy.sparse.csr_matrix([[1, 0], [0, 2]]),
            {"prediction_0": [1, 0], "prediction_1": [0, 2]},
        ),
        (pd.Series([1, 2], name="x", index=[5, 6]), {"prediction": [1, 2]}),
        (pd.DataFrame({"p": [1, 2], "q": [3, 4]}, index=[5, 6]), {"p": [1, 2], "q": [3, 4]}),
        (pd.DataFrame([[1], [2]]), {"prediction": [1, 2]}),
        (pd.DataFrame([[1, 2], [3, 4]]), {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        (
            pd.DataFrame({"file": [1, 2], "row": [3, 4]}),
            {"prediction_file": [1, 2], "prediction_row": [3, 4]},
        ),
        (["a", "b"], {"prediction": ["a", "b"]}),
        ([[1, 2], [3, 4]], {"prediction_0": [1, 3], "prediction_1": [2, 4]}),
        ([[1], [2, 3]], {"prediction": [[1], [2, 3]]}),
        ([[[1], [2]], [[3], [4]]], {"prediction": [[[1], [2]], [[3], [4]]]}),
        ([{"a": 1}, {"b": 2}], {"a": [1, None], "b": [None, 2]}),
        ({"a": [1, 2], "b": np.array([3, 4])}, {"a": [1, 2], "b": [3, 4]}),
        ({"a": np.array([[1, 2], [3, 4]])}, {"a_0": [1, 3], "a_1": [2, 4]}),
        ({"row": pd.Series([1, 2])}, {"prediction_row": [1, 2]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_predictions_of_two_rows(found: Any, expected: dict[str, list[Any]]) -> None:
    """A vector, a matrix, a frame, a list, a dict: each has its names."""
    table = predictions.table(found, 2)
    assert expected == dict(zip(table.names, map(plain, table.columns), strict=True))
    assert 2 == table.rows


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (5, {"prediction": [5]}),
        ("text", {"prediction": ["text"]}),
        (np.float64(0.5), {"prediction": [0.5]}),
        (np.array([0.25, 0.75]), {"prediction_0": [0.25], "prediction_1": [0.75]}),
        (np.array([[0.25, 0.75]]), {"prediction_0": [0.25], "prediction_1": [0.75]}),
        ({"label": "cat", "score": 0.5}, {"label": ["cat"], "score": [0.5]}),
        ({"boxes": [[1, 2], [3, 4]]}, {"boxes": [[[1, 2], [3, 4]]]}),
        (["cat", "dog"], {"prediction_0": ["cat"], "prediction_1": ["dog"]}),
        ([{"box": 1}, {"box": 2}], {"prediction": [[{"box": 1}, {"box": 2}]]}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_everything_is_the_result_of_a_single_row(
    found: Any, expected: dict[str, list[Any]]
) -> None:
    """Of an image, say, for which a bare vector or a dict came back."""
    table = predictions.table(found, 1)
    assert expected == dict(zip(table.names, map(plain, table.columns), strict=True))


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (np.array([1]), 1),
        (np.zeros((4, 2)), 4),
        ([], 0),
        (pd.DataFrame({"a": [1]}), 1),
        ({"a": [1, 2, 3], "b": [1, 2, 3]}, 3),
        ("text", 1),
        (None, 1),
    ],
    ids=["vector", "matrix", "list", "frame", "dict", "text", "none"],
)
def test_another_number_of_predictions_is_an_error(found: Any, count: int) -> None:
    """Rows would otherwise be laid beside results that are not theirs."""
    with pytest.raises(problems.PredictionMismatch) as caught:
        predictions.table(found, 2)
    expected = f"The model returned {count} predictions for 2 rows, so it cannot be told which row each belongs to."
    assert expected == str(caught.value)
