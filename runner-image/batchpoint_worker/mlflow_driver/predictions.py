"""Whatever `predict` returned → named columns, one row per input row (AZURE.md §5).

A frame has columns of its own. A vector is ``prediction``, a matrix ``prediction_0``, ``prediction_1``,
…; a dict of vectors is its keys. What has more axes stays whole in its cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, List, Optional, Sequence, Tuple

from batchpoint_worker.mlflow_driver.problems import PredictionMismatch
from batchpoint_worker.rows import Table, shapes

NAME = "prediction"
RESERVED = ("file", "row")
"""Columns that Batchpoint adds; a model's column of that name gets ``prediction_`` in front."""


def table(found: Any, rows: int) -> Table:
    """Lay predictions beside the rows that they belong to.

    Args:
        found: As `predict` returned it.
        rows: How many rows it was given. For one row, whatever is no list of one is that row's result.

    Raises:
        PredictionMismatch: There are more or fewer predictions than rows.
    """
    found = _without_wrapping(found)
    names, columns, count = _columns(found, rows)
    if count != rows and rows == 1:
        names, columns, count = _single(found)
    if count != rows:
        raise PredictionMismatch(
            "The model returned %d predictions for %d rows, so it cannot be told which row each belongs "
            "to." % (count, rows)
        )
    return Table([_free(name) for name in names], columns, rows)


def _columns(found: Any, rows: int) -> Tuple[List[str], List[Any], int]:
    if shapes.is_frame(found):
        whole = shapes.frame(found)
        return _frame_names(found, whole.names), whole.columns, whole.rows
    if isinstance(found, Mapping):
        return _of_mapping(found, rows)
    if isinstance(found, (list, tuple)):
        return _of_list(found)
    if shapes.is_of(found, "pandas", "Series"):
        return [NAME], [found], len(found)
    if hasattr(found, "__array__") and getattr(found, "shape", ()) != ():
        return _of_array(found)
    return [NAME], [[found]], 1


def _without_wrapping(found: Any) -> Any:
    """Bring sparse matrices and tensors into numpy's form."""
    if hasattr(found, "toarray"):
        return found.toarray()
    return found.detach().cpu().numpy() if hasattr(found, "detach") else found


def _frame_names(found: Any, names: List[str]) -> List[str]:
    """Name the columns of a frame that was made from a bare array."""
    labels = list(found.columns)
    if labels != list(range(len(labels))) or any(isinstance(label, str) for label in labels):
        return names
    return [NAME] if len(labels) == 1 else _numbered(len(labels))


def _numbered(count: int) -> List[str]:
    return ["%s_%d" % (NAME, at) for at in range(count)]


def _of_array(found: Any) -> Tuple[List[str], List[Any], int]:
    whole = shapes.array(found)
    if found.ndim == 1 if hasattr(found, "ndim") else len(found.shape) == 1:
        names = whole.names if whole.names != ["value"] else [NAME]
        return names, whole.columns, whole.rows
    if len(found.shape) == 2:
        return _numbered(len(whole.columns)), whole.columns, whole.rows
    return [NAME], [list(found)], whole.rows


def _of_list(found: Sequence[Any]) -> Tuple[List[str], List[Any], int]:
    if not found or any(shapes.is_frame(one) for one in found):
        return [NAME], [list(found)], len(found)
    if all(isinstance(one, Mapping) for one in found):
        names: List[Any] = list(dict.fromkeys(key for one in found for key in one))
        columns = [[one.get(name) for one in found] for name in names]
        return [str(name) for name in names], columns, len(found)
    lengths = {_length(one) for one in found}
    if len(lengths) == 1 and None not in lengths and all(_is_flat(one) for one in found):
        return _numbered(len(found[0])), [list(column) for column in zip(*found)], len(found)
    return [NAME], [list(found)], len(found)


def _of_mapping(found: Any, rows: int) -> Tuple[List[str], List[Any], int]:
    """Read a dict as columns when each value has one entry per row, else as the result of one row."""
    lengths = {_length(value) for value in found.values()}
    if lengths != {rows}:
        if rows == 1:
            return [str(key) for key in found], [[value] for value in found.values()], 1
        wrong = next((length for length in lengths if length not in (None, rows)), 0)
        return [NAME], [], wrong or (0 if rows != 0 else 1)
    names: List[str] = []
    columns: List[Any] = []
    for key, value in found.items():
        own, parts, _ = _columns(_without_wrapping(value), rows)
        names += [str(key) + name[len(NAME) :] if name.startswith(NAME) else name for name in own]
        columns += parts
    return names, columns, rows


def _single(found: Any) -> Tuple[List[str], List[Any], int]:
    """Take everything as the result of one row: of an image, say, for which a vector came back."""
    if shapes.is_frame(found):
        return [], [], len(found)
    listed = list(found)
    if _is_flat(listed):
        return _numbered(len(listed)), [[value] for value in listed], 1
    return [NAME], [[found]], 1


def _length(value: Any) -> Optional[int]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        return None
    return None if getattr(value, "shape", None) == () else len(value)


def _is_flat(values: Any) -> bool:
    return not isinstance(values, Mapping) and all(
        _length(value) is None and not isinstance(value, Mapping) for value in values
    )


def _free(name: str) -> str:
    return "%s_%s" % (NAME, name) if name in RESERVED else name
