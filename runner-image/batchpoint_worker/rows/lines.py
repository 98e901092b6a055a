"""Columns of texts → lines → bytes. A line has a front that is added last: the cell of the file.

A *body* is a list of str or an Arrow array: each line without front and line break. The front comes
last because the MLflow driver writes its rows inside `run`, where only paths are known; names come with
`rendering`.
"""

from __future__ import annotations

from typing import Any, List, Sequence

from batchpoint_worker.rows import columns as columns_
from batchpoint_worker.rows.columns import Flavour, Texts


def body(columns: Sequence[Any], between: Sequence[str], flavour: Flavour) -> Texts:
    """Join the columns of each row.

    Args:
        columns: As in `records.Table`, at least one.
        between: Fixed text before each column and after the last: one more than there are columns.
        flavour: Of the texts.
    """
    texts = [columns_.texts(column, flavour) for column in columns]
    if all(isinstance(column, list) for column in texts):
        pattern = "%s".join([text.replace("%", "%%") for text in between])
        return [pattern % row for row in zip(*texts)]
    return _joined_by_arrow(texts, between, flavour)


def as_bytes(lines: Texts, front: str, end: str = "\n") -> bytes:
    """Return every line with ``front`` before and ``end`` after it, UTF-8."""
    if isinstance(lines, list):
        text = front + (end + front).join(lines) + end
        return text.encode("utf-8", "backslashreplace")
    arrow = columns_.arrow_or_none()
    pieces = [_scalar(arrow, front), lines, _scalar(arrow, end), _scalar(arrow, "")]
    whole = arrow.compute.binary_join_element_wise(*pieces)
    offsets = memoryview(whole.buffers()[1]).cast("q")
    content = memoryview(whole.buffers()[2])
    return bytes(content[offsets[whole.offset] : offsets[whole.offset + len(whole)]])


def _joined_by_arrow(texts: List[Any], between: Sequence[str], flavour: Flavour) -> Any:
    arrow = columns_.arrow_or_none()
    arrays = [columns_.as_arrow(column, arrow) for column in texts]
    pieces: List[Any] = []
    for fixed, column in zip(between, arrays):
        pieces += [_scalar(arrow, fixed), column] if fixed else [column]
    pieces += [_scalar(arrow, between[-1])] if between[-1] else []
    return arrow.compute.binary_join_element_wise(
        *pieces, _scalar(arrow, ""), null_handling="replace", null_replacement=flavour.missing
    )


def _scalar(arrow: Any, text: str) -> Any:
    return arrow.scalar(columns_.clean(text), arrow.large_string())
