"""Any value that `run` may return → a `Table` or `Records` (AZURE.md §4.3, §7).

Libraries are known by what their objects can do, never by importing them: a frame of a library that
is not in the image cannot have been returned. Columns are a frame's own (the index is dropped), a
mapping's keys, ``value_0``, ``value_1``, … for a sequence, ``value`` for a scalar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, List, Optional, Sequence, Tuple, Union

from batchpoint_worker.rows.records import Records, RowsError, Table

ALLOWED = (
    "a DataFrame, a list, a tuple, an array, or a dict from each file of mini_batch to its result"
)

EMPTY = Table([], [], 0)


def read(value: Any) -> Union[Table, Records]:
    """Read a value whose first axis is rows.

    Raises:
        RowsError: It is of a type that `run` must not return; the message names the allowed ones.
    """
    found = _read(value)
    if found is None:
        raise RowsError("run returned %s; it must return %s." % (described(value), ALLOWED))
    return found


def read_item(value: Any, name: str) -> Union[Table, Records]:
    """Read the result of one file in the dict form: None is no row, a scalar or a mapping is one.

    Raises:
        RowsError: It is a generator or another iterator, which would be gone after one attempt.
    """
    if value is None:
        return EMPTY
    if isinstance(value, Mapping):
        return Records([_record(value)])
    found = _read(value)
    if found is not None:
        return found
    if isinstance(value, Iterator):
        raise RowsError(
            "The result of %s is %s; give a DataFrame, a list, an array, a mapping or a single value."
            % (name, described(value))
        )
    return Table(["value"], [[value]], 1)


def row_count(found: Union[Table, Records]) -> int:
    """Return the number of rows."""
    return found.rows if isinstance(found, Table) else len(found.rows)


def as_table(found: Union[Table, Records]) -> Table:
    """Bring rows with their own columns under common ones, in the order of the first row.

    Raises:
        RowsError: Two rows have different columns; both lists are named.
    """
    if isinstance(found, Table):
        return found
    if not found.rows:
        return EMPTY
    names = list(found.rows[0][0])
    rows = [_in_order(number, row, names) for number, row in enumerate(found.rows)]
    return Table(names, [list(column) for column in zip(*rows)], len(rows))


def described(value: Any) -> str:
    """Name a value's type for a message, never its content."""
    if value is None:
        return "None"
    kind = type(value)
    if kind.__name__ == "generator":
        return "a generator"
    module = kind.__module__.split(".")[0]
    name = kind.__name__ if module == "builtins" else "%s.%s" % (module, kind.__name__)
    return "%s %s" % ("an" if name[0] in "aeiouAEIOU" else "a", name)


def listed(names: Sequence[str]) -> str:
    """Write column names for a message; the first 20."""
    text = ", ".join(names[:20])
    return "(%s%s)" % (text, ", … %d more" % (len(names) - 20) if len(names) > 20 else "")


def is_frame(value: Any) -> bool:
    """Tell whether the value is a table of some library."""
    if is_of(value, "pandas", "DataFrame") or is_of(value, "polars", "DataFrame"):
        return True
    return hasattr(value, "columns") and (
        hasattr(value, "__arrow_c_stream__") or hasattr(value, "to_pandas")
    )


def is_of(value: Any, package: str, name: str) -> bool:
    """Tell whether a class of this name from this package is among the value's classes."""
    return any(
        cls.__name__ == name and cls.__module__.split(".")[0] == package
        for cls in type(value).__mro__
    )


def _read(value: Any) -> Optional[Union[Table, Records]]:
    if isinstance(value, (list, tuple)):
        return _elements(value)
    if is_frame(value):
        return frame(value)
    if is_of(value, "pandas", "Series"):
        return Table(["value"], [value], len(value))
    if is_of(value, "polars", "Series"):
        return Table(["value"], [value.to_list()], len(value))
    shape = getattr(value, "shape", None)
    if hasattr(value, "__array__") and shape is not None and len(shape) > 0:
        return array(value)
    return None


def frame(value: Any) -> Table:
    """Take a frame apart; the index is not a column."""
    if is_of(value, "pandas", "DataFrame"):
        names = [str(name) for name in value.columns]
        return Table(names, [value.iloc[:, at] for at in range(len(names))], len(value))
    if is_of(value, "polars", "DataFrame"):
        columns = [value.get_column(name) for name in value.columns]
        return Table(list(value.columns), [column.to_list() for column in columns], len(value))
    if is_of(value, "pyarrow", "Table") or is_of(value, "pyarrow", "RecordBatch"):
        columns = [value.column(at) for at in range(value.num_columns)]
        return Table([str(name) for name in value.schema.names], columns, value.num_rows)
    if hasattr(value, "to_pandas"):
        return frame(value.to_pandas())
    import pyarrow

    return frame(pyarrow.table(value))


def array(value: Any) -> Table:
    """Take an array of at least one axis apart; of a tensor library, too. The first axis is rows."""
    import numpy

    if hasattr(value, "detach"):
        value = value.detach().cpu()
    if isinstance(value, numpy.ma.MaskedArray):
        value = numpy.array(value.tolist(), dtype=object)
    value = numpy.asarray(value)
    if value.dtype.names:
        return Table(
            list(value.dtype.names), [value[name] for name in value.dtype.names], len(value)
        )
    if value.ndim == 1:
        return Table(["value"], [value], len(value))
    names = ["value_%d" % at for at in range(value.shape[1])]
    columns = [value[:, at] for at in range(value.shape[1])]
    if value.ndim > 2:
        columns = [list(column) for column in columns]
    return Table(names, columns, len(value))


def _elements(value: Sequence[Any]) -> Union[Table, Records]:
    """Read a list: a table of one column when all are scalars, else rows with their own columns."""
    for position, element in enumerate(value):
        if isinstance(element, BaseException) or is_frame(element):
            raise RowsError(
                "Element %d of the list that run returned is %s. Return a dict from each file to its "
                "result: that tells frames apart and may hold errors."
                % (position, described(element))
            )
    if all(_is_scalar(element) for element in value):
        return Table(["value"], [list(value)], len(value))
    return Records([_record(element) for element in value])


def _is_scalar(element: Any) -> bool:
    if isinstance(element, (str, int, float, bytes, type(None))):
        return True
    if isinstance(element, (list, tuple, Mapping)):
        return False
    return not getattr(element, "shape", ())


def _record(element: Any) -> Tuple[List[str], Sequence[Any]]:
    """Give one row its columns."""
    if isinstance(element, Mapping) or is_of(element, "pandas", "Series"):
        # A series inside a list is a row of a frame, as `iterrows` gives it.
        return [str(key) for key in element.keys()], [cell for _, cell in element.items()]
    if _is_scalar(element):
        return ["value"], [element]
    return ["value_%d" % at for at in range(len(element))], list(element)


def _in_order(
    number: int, row: Tuple[Sequence[str], Sequence[Any]], names: List[str]
) -> Sequence[Any]:
    if list(row[0]) == names:
        return row[1]
    if len(row[0]) == len(names) and set(row[0]) == set(names):
        cells = dict(zip(row[0], row[1]))
        return [cells[name] for name in names]
    raise RowsError(
        "Rows 0 and %d of what run returned have different columns: %s and %s. Give every row the same "
        "columns, or choose outputFormat JSONLines." % (number, listed(names), listed(row[0]))
    )
