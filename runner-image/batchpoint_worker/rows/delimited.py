r"""CSV: comma-separated, quoted only where needed, UTF-8, ``\n``, missing = nothing (AZURE.md §7).

A row of a single cell without text is written as ``""``: an empty line would be no row to most readers.
"""

from __future__ import annotations

from typing import List, Optional, Union

from batchpoint_worker.rows import cells, columns, lines, shapes
from batchpoint_worker.rows.records import Encoded, Records, Table

COMMA = columns.csv_flavour(",")
_SPECIAL = cells.special_characters(",")


def encode(found: Union[Table, Records], with_file: bool) -> Encoded:
    """Write rows but for the cell of their file; ``with_file``: there will be one.

    Raises:
        RowsError: The rows do not all have the same columns.
    """
    table = shapes.as_table(found)
    if table.rows == 0:
        return Encoded(None, 0, None)
    return Encoded(table.names, table.rows, body(table, ",", COMMA, with_file))


def finish(encoded: Encoded, name: Optional[str]) -> bytes:
    """Return the rows as bytes; with ``name``, that is their first cell."""
    return lines.as_bytes(encoded.body, "" if name is None else cells.quoted(name, _SPECIAL))


def body(table: Table, sep: str, flavour: columns.Flavour, with_file: bool) -> columns.Texts:
    """Join a table's cells; with ``with_file`` each line goes on after a first cell."""
    if not table.columns:
        return ["" if with_file else '""'] * table.rows
    between = [sep if with_file else ""] + [sep] * (len(table.columns) - 1) + [""]
    joined = lines.body(table.columns, between, flavour)
    if len(table.columns) == 1 and not with_file:
        return _never_empty(joined)
    return joined


def _never_empty(joined: columns.Texts) -> List[str]:
    found = joined if isinstance(joined, list) else joined.to_pylist()
    return [line or '""' for line in found]
