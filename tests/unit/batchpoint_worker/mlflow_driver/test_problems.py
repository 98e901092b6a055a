"""Errors of files explain themselves."""

from __future__ import annotations

import pytest

from batchpoint_worker.mlflow_driver import problems
from batchpoint_worker.rows import failure


@pytest.mark.parametrize(
    "kind",
    [
        problems.UnsupportedFile,
        problems.UnreadableFile,
        problems.SignatureMismatch,
        problems.PredictionMismatch,
    ],
)
def test_a_bad_file_is_reported_without_a_traceback(kind: type[problems.BadFile]) -> None:
    """It would show our own code, which helps nobody."""
    expected = {"index": 2, "type": kind.__name__, "message": "why", "traceback": ""}
    assert expected == failure(2, kind("why"), None)
