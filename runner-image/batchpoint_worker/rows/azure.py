"""AzureRows: the row format of Azure's `append_row`, for readers of the old files (AZURE.md §7).

Frames as pandas writes them with one space between fields and no header; of everything else
``str(element)``, one line per element. Never a column for the file, and no columns to speak of.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, List, Optional, Tuple

from batchpoint_worker.rows import columns, delimited, lines, shapes
from batchpoint_worker.rows.records import AzureOptions, Encoded, RowsError, Table

SETTINGS_FILE = "parallel_run_step.settings.json"
_KEYS = ("sep", "header", "index")  # of pandas' to_csv; others have no effect

_BREAKS = re.compile("[\r\n]+")
_BREAK_WARNING = (
    "Elements that run returned had line breaks in their text; each was written as a space, so that "
    "one element stays one line."
)


def load_options(code_directory: Optional[str]) -> Tuple[AzureOptions, List[str]]:
    """Read `parallel_run_step.settings.json` beside the scoring script, if it is there.

    Args:
        code_directory: Folder of the script; None (an MLflow model without a script) means defaults.

    Returns:
        The options, and sentences on what was not understood: such a file never stops a job.
    """
    path = os.path.join(code_directory, SETTINGS_FILE) if code_directory else ""
    if not os.path.isfile(path):
        return AzureOptions(), []
    try:
        with open(path, encoding="utf-8-sig") as file:
            found = json.load(file)["append_row"]["pandas.DataFrame.to_csv"]
        sep, header, index = [found.get(key) for key in _KEYS]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return AzureOptions(), [
            "%s was not understood and has no effect; expected is "
            '{"append_row": {"pandas.DataFrame.to_csv": {"sep": ","}}}.' % SETTINGS_FILE
        ]
    notes = [
        "%s: %s is not supported under AzureRows and has no effect." % (SETTINGS_FILE, key)
        for key in sorted(set(found) - set(_KEYS))
    ]
    if sep is not None and not (isinstance(sep, str) and len(sep) == 1):
        notes.append("%s: sep must be one character; a space is used." % SETTINGS_FILE)
        sep = None
    return AzureOptions(sep or " ", bool(header), bool(index)), notes


def encode(value: Any, options: AzureOptions) -> Encoded:
    """Write a value whose first axis is rows.

    Returns:
        ``columns`` is None, or, where the settings file asks for a header, one string: the finished
        header line, which stands once at the top of the output. ``body`` is bytes.
    """
    if shapes.is_frame(value):
        return _frame(value, options)
    if shapes.row_count(_checked(value)) == 0:
        return Encoded(None, 0, None)
    written = [str(element) for element in value]
    joined = [_BREAKS.sub(" ", text) for text in written]
    warnings = (_BREAK_WARNING,) if joined != written else ()
    return Encoded(None, len(joined), lines.as_bytes(joined, ""), warnings)


def encode_item(value: Any, name: str, options: AzureOptions) -> Encoded:
    """Write the result of one file in the dict form."""
    found = shapes.read_item(value, name)
    if shapes.row_count(found) == 0:
        return Encoded(None, 0, None)
    is_one = isinstance(value, dict) or found == Table(["value"], [[value]], 1)
    return encode([value] if is_one else value, options)


def encode_scored(table: Table, file_name: str) -> Encoded:
    """Write rows as Azure's MLflow driver does: row, predictions, base file name, with commas."""
    if table.rows == 0:
        return Encoded(None, 0, None)
    joined = delimited.body(table, ",", delimited.COMMA, with_file=False)
    end = ",%s\n" % delimited.COMMA.cell(file_name)
    return Encoded(None, table.rows, lines.as_bytes(joined, "", end))


def finish(encoded: Encoded, name: Optional[str]) -> bytes:  # noqa: ARG001 - formats share a form
    """Return the bytes; they are finished already."""
    return bytes(encoded.body)


def _checked(value: Any) -> Any:
    """Refuse what no format accepts, but leave lists alone: their elements need no columns here."""
    if isinstance(value, (list, tuple)):
        return Table([], [], len(value))
    return shapes.read(value)


def _frame(value: Any, options: AzureOptions) -> Encoded:
    if not shapes.is_of(value, "pandas", "DataFrame"):
        value = _to_pandas(value)
    if len(value) == 0:
        return Encoded(None, 0, None)
    header = None
    if options.header:
        # Written by pandas itself, so that names are quoted as it quotes them.
        header = [value.iloc[:0].to_csv(sep=options.sep, index=options.with_index).rstrip("\n")]
    return Encoded(header, len(value), _frame_bytes(value, options))


def _frame_bytes(value: Any, options: AzureOptions) -> bytes:
    numeric = all(str(dtype) in ("float64", "int64", "bool") for dtype in value.dtypes)
    if numeric and not options.with_index and len(value.columns):
        # The same bytes as pandas', several times quicker where pyarrow is there.
        table, flavour = shapes.frame(value), columns.csv_flavour(options.sep)
        return lines.as_bytes(delimited.body(table, options.sep, flavour, with_file=False), "")
    text = value.to_csv(sep=options.sep, header=False, index=options.with_index)
    return bytes(text.encode("utf-8", "backslashreplace"))


def _to_pandas(value: Any) -> Any:
    try:
        return value.to_pandas()
    except ImportError as exc:
        raise RowsError(
            "outputFormat AzureRows needs pandas in the scorer's image to write %s, and it is not there. "
            "Add pandas, or choose outputFormat CSV." % shapes.described(value)
        ) from exc
