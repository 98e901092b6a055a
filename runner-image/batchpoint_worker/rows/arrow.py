"""Parquet's rows on their way: each segment is one Arrow IPC stream, which the runner merges.

Columns lose what depends on the mini-batch and not on the values: pandas' metadata, the index,
dictionaries of categories, and the choice between string and large_string.
"""

from __future__ import annotations

from typing import Any, List, Optional, Union

from batchpoint_worker.rows import cells, jsonlines, shapes
from batchpoint_worker.rows import columns as columns_
from batchpoint_worker.rows.records import Encoded, Records, RowsError, Table


def encode(found: Union[Table, Records], with_file: bool) -> Encoded:  # noqa: ARG001 - formats share a form
    """Bring rows into an Arrow table.

    Raises:
        RowsError: pyarrow is not in the image, a column mixes types, or names repeat.
    """
    try:
        import pyarrow
    except ImportError as exc:
        raise RowsError(
            "outputFormat Parquet needs pyarrow in the scorer's image, and it is not there. Add pyarrow "
            "to the image, or choose outputFormat CSV or JSONLines."
        ) from exc
    table = shapes.as_table(found)
    if table.rows == 0:
        return Encoded(None, 0, None)
    jsonlines.refuse_repeated(table.names)
    arrays = [_array(pyarrow, name, column) for name, column in zip(table.names, table.columns)]
    return Encoded(table.names, table.rows, (arrays, table.names))


def finish(encoded: Encoded, name: Optional[str]) -> bytes:
    """Return one complete Arrow IPC stream; with ``name``, that is the first column, ``file``."""
    import pyarrow

    arrays, names = encoded.body
    if name is not None:
        files = pyarrow.repeat(pyarrow.scalar(columns_.clean(name)), encoded.rows)
        arrays, names = [files] + arrays, ["file"] + names
    table = pyarrow.Table.from_arrays(arrays, names=[columns_.clean(each) for each in names])
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _array(pyarrow: Any, name: str, column: Any) -> Any:
    """Convert one column; what Arrow has no type for becomes what JSON would show."""
    try:
        if isinstance(column, (pyarrow.Array, pyarrow.ChunkedArray)):
            return _plain(pyarrow, column)
        return _plain(pyarrow, pyarrow.array(column, from_pandas=True))
    except UnicodeEncodeError:
        return pyarrow.array([_clean(value) for value in columns_.as_list(column)])
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
        pass
    values = [cells.plain(value) for value in columns_.as_list(column)]
    try:
        return pyarrow.array(values)
    except (pyarrow.ArrowException, TypeError, ValueError, OverflowError) as exc:
        found = sorted({type(value).__name__ for value in values if value is not None})
        raise RowsError(
            'Column "%s" cannot be written as Parquet: it holds values of type %s. Give the column one '
            "type, or choose outputFormat JSONLines." % (name, " and ".join(found))
        ) from exc


def _plain(pyarrow: Any, values: Any) -> Any:
    """Undo what is an encoding and no type."""
    kinds = pyarrow.types
    if isinstance(values.type, pyarrow.BaseExtensionType):
        return pyarrow.array([cells.plain(value) for value in values.to_pylist()])
    if kinds.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if kinds.is_large_string(values.type) or _is_view(kinds, values.type, "string"):
        return values.cast(pyarrow.string())
    if kinds.is_large_binary(values.type) or _is_view(kinds, values.type, "binary"):
        return values.cast(pyarrow.binary())
    return values


def _is_view(kinds: Any, kind: Any, of: str) -> bool:
    check = getattr(kinds, "is_%s_view" % of, None)  # absent before pyarrow 16
    return check is not None and bool(check(kind))


def _clean(value: Any) -> Any:
    return columns_.clean(value) if isinstance(value, str) else value


__all__: List[str] = ["encode", "finish"]
