"""JSON Lines: one compact object per row, UTF-8; rows may have columns of their own (AZURE.md §7)."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Union

from batchpoint_worker.rows import cells, columns, lines, shapes
from batchpoint_worker.rows.records import Encoded, Records, RowsError, Table


def encode(found: Union[Table, Records], with_file: bool) -> Encoded:
    """Write rows but for the opening brace and their file; ``with_file``: there will be one.

    Raises:
        RowsError: Two columns of a row have the same name.
    """
    rows, start = shapes.row_count(found), "," if with_file else ""
    if rows == 0:
        return Encoded(None, 0, None)
    if isinstance(found, Records):
        return Encoded(None, rows, [_one(names, row, start) for names, row in found.rows])
    refuse_repeated(found.names)
    if not found.columns:
        return Encoded(None, rows, ["}"] * rows)
    keys = [cells.json_string(name) + ":" for name in found.names]
    between = [start + keys[0]] + ["," + key for key in keys[1:]] + ["}"]
    return Encoded(None, rows, lines.body(found.columns, between, columns.JSON))


def finish(encoded: Encoded, name: Optional[str]) -> bytes:
    """Return the rows as bytes; with ``name``, that is the value of the first key, ``file``."""
    front = "{" if name is None else '{"file":' + cells.json_string(name)
    return lines.as_bytes(encoded.body, front)


def refuse_repeated(names: Sequence[str]) -> None:
    """Refuse columns of the same name.

    Raises:
        RowsError: Names the column.
    """
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise RowsError(
            'What run returned has more than one column called "%s". Give each its own name, or choose '
            "outputFormat CSV." % repeated[0]
        )


def _one(names: Sequence[str], values: Sequence[Any], start: str) -> str:
    refuse_repeated(names)
    pairs = [
        "%s:%s" % (cells.json_string(name), cells.json_text(value))
        for name, value in zip(names, values)
    ]
    return (start if pairs else "") + ",".join(pairs) + "}"
