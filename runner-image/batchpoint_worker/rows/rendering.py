"""The value of one `run` call → segments, failures and bytes (AZURE.md §4.3)."""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from batchpoint_worker import faults, tracebacks
from batchpoint_worker.rows import arrow, azure, columns, delimited, jsonlines, shapes
from batchpoint_worker.rows.records import AzureOptions, Encoded, Rendered, RowsError, Table

_FORMATS: Dict[str, Any] = {
    "CSV": delimited,
    "JSONLines": jsonlines,
    "Parquet": arrow,
    "AzureRows": azure,
}


class _Form(NamedTuple):
    """How values are written: the settings of the job."""

    output_format: str
    output_action: str
    azure: AzureOptions
    code_directory: Optional[str]

    @property
    def counts_only(self) -> bool:
        return self.output_action == "SummaryOnly"

    @property
    def module(self) -> Any:
        return _FORMATS[self.output_format]


def render(
    value: Any,
    paths: Sequence[str],
    names: Sequence[str],
    output_format: str,
    output_action: str,
    azure_options: Optional[AzureOptions] = None,
    code_directory: Optional[str] = None,
) -> Rendered:
    """Write what `run` returned for one mini-batch.

    Args:
        value: As returned. Never modified.
        paths: What `run` was given: absolute paths of the items, in order.
        names: The items' paths relative to the input, in the same order; what rows and messages show.
        output_format: "CSV", "JSONLines", "Parquet" or "AzureRows".
        output_action: "AppendRow", or "SummaryOnly": then rows are counted and none are written.
        azure_options: Of `load_options`; used under AzureRows alone. None: Azure's defaults.
        code_directory: Of the user's script, for the first line of tracebacks. None: no script.

    Returns:
        The same bytes for the same value, whatever libraries the image has.

    Raises:
        RowsError: The value is of no accepted type, names a file that is not in the mini-batch, or
            cannot be written in this format: a failed attempt.
    """
    form = _Form(output_format, output_action, azure_options or AzureOptions(), code_directory)
    try:
        if isinstance(value, dict) or _is_mapping(value):
            return _by_item(value, paths, names, form)
        return _as_a_whole(value, len(paths), form)
    except (RowsError, MemoryError):
        raise
    except Exception as exc:  # the values' own code runs here: __str__, __len__, a broken frame
        raise RowsError(
            "What run returned cannot be written as %s: %s: %s"
            % (output_format, type(exc).__name__, faults.cut(str(exc), faults.MESSAGE_CHARACTERS))
        ) from exc


def encode(table: Table, output_format: str, output_action: str, file_name: str) -> Encoded:
    """Write rows of one file ahead of :func:`render`: for a file that is scored in pieces.

    A dict that is given to `render` may hold a list of these as the result of a file.

    Args:
        table: The rows; the first column is ``row``.
        output_format: As for `render`. AzureRows is the form of Azure's MLflow driver here: commas, and
            the file last (AZURE.md §5).
        output_action: As for `render`.
        file_name: Base name of the file, which is all that the form of Azure shows of it.

    Raises:
        RowsError: The rows cannot be written in this format.
    """
    if output_action == "SummaryOnly":
        return Encoded(None, table.rows, None)
    if output_format == "AzureRows":
        return azure.encode_scored(table, file_name)
    encoded: Encoded = _FORMATS[output_format].encode(table, True)
    return encoded


def failure(index: int, error: BaseException, code_directory: Optional[str]) -> Dict[str, Any]:
    """Describe the failure of one item.

    An error with a true attribute ``says_all`` explains itself to the user and gets no traceback.
    """
    described: Dict[str, Any] = dict(tracebacks.describe(error, code_directory))
    if getattr(error, "says_all", False) is True:
        described["traceback"] = ""
    return dict(described, index=index)


def _as_a_whole(value: Any, count: int, form: _Form) -> Rendered:
    """Count by the length rule: fewer rows than files means that many failures, not known which."""
    if form.counts_only:
        encoded = Encoded(None, shapes.row_count(shapes.read(value)), None)
    elif form.module is azure:
        encoded = azure.encode(value, form.azure)
    else:
        encoded = form.module.encode(shapes.read(value), False)
    part = b"" if encoded.body is None else form.module.finish(encoded, None)
    segment = {"first": 0, "count": count, "rows": encoded.rows, "length": len(part)}
    return Rendered(
        segments=[segment] if count else [],
        columns=_clean(encoded.columns),
        failed=[],
        short=max(0, count - encoded.rows),
        parts=[part] if part else [],
        warnings=list(encoded.warnings),
    )


def _by_item(value: Any, paths: Sequence[str], names: Sequence[str], form: _Form) -> Rendered:
    """Account for each file by itself: what its key holds, or that there is no such key."""
    results = {_key(key): result for key, result in value.items()}
    known = set(paths)
    foreign = [key for key in results if key not in known]
    if foreign:
        raise RowsError(
            "The dict that run returned has a key that is not in mini_batch: %s. Use the strings of "
            "mini_batch as keys, unchanged." % repr(foreign[0])[:200]
        )
    answer = Rendered([], None, [], 0, [], [])
    header: Optional[List[str]] = None
    for index, path in enumerate(paths):
        error = _missing(names[index]) if path not in results else results[path]
        if isinstance(error, BaseException):
            answer.failed.append(failure(index, error, form.code_directory))
            continue
        pieces = _pieces(results.pop(path), names[index], form)
        header = _same_columns(header, pieces, names[index])
        parts = _finished(pieces, names[index], form)
        rows, length = sum(piece.rows for piece in pieces), sum(len(part) for part in parts)
        answer.segments.append({"first": index, "count": 1, "rows": rows, "length": length})
        answer.parts.extend(parts)
        for warning in [each for piece in pieces for each in piece.warnings]:
            if warning not in answer.warnings:
                answer.warnings.append(warning)
    if header is not None and form.module is not azure:
        header = ["file"] + header
    return answer._replace(columns=_clean(header))


def _pieces(result: Any, name: str, form: _Form) -> List[Encoded]:
    """Write the result of one file, unless the MLflow driver has written it piece by piece."""
    if isinstance(result, list) and result and all(isinstance(each, Encoded) for each in result):
        return result
    if form.module is azure and not form.counts_only:
        return [azure.encode_item(result, name, form.azure)]
    found = shapes.read_item(result, name)
    if form.counts_only:
        return [Encoded(None, shapes.row_count(found), None)]
    _refuse_own_file_column(found, name)
    return [form.module.encode(found, True)]


def _finished(pieces: List[Encoded], name: str, form: _Form) -> List[bytes]:
    """Return the bytes of each piece, and let go of its body: rows are in memory once, not twice."""
    parts = []
    for at, piece in enumerate(pieces):
        if piece.body is not None:
            parts.append(form.module.finish(piece, name))
            pieces[at] = piece._replace(body=None)
    return parts


def _same_columns(
    header: Optional[List[str]], pieces: Sequence[Encoded], name: str
) -> Optional[List[str]]:
    for piece in pieces:
        if piece.columns is None:
            continue
        if header is not None and piece.columns != header:
            raise RowsError(
                "The results that run returned have different columns: %s before %s, and %s in it. Give "
                "every file the same columns, or choose outputFormat JSONLines."
                % (shapes.listed(header), name, shapes.listed(piece.columns))
            )
        header = piece.columns
    return header


def _refuse_own_file_column(found: Any, name: str) -> None:
    lists = [found.names] if isinstance(found, Table) else [names for names, _ in found.rows]
    if any("file" in names for names in lists):
        raise RowsError(
            'The result of %s has a column called "file". Where run returns a dict, that column is added '
            "from its keys: leave it out, or give it another name." % name
        )


def _clean(header: Optional[List[str]]) -> Optional[List[str]]:
    return None if header is None else [columns.clean(name) for name in header]


def _missing(name: str) -> BaseException:
    return MissingResult(
        "run returned a dict without a key for %s. Give each file of mini_batch a key; an empty list "
        "says that it has no rows." % name
    )


class MissingResult(Exception):
    """A file of the mini-batch has no key in the dict that `run` returned."""

    says_all = True


def _key(key: Any) -> Any:
    return os.fspath(key) if isinstance(key, os.PathLike) else key


def _is_mapping(value: Any) -> bool:
    return hasattr(value, "keys") and hasattr(value, "items") and not hasattr(value, "shape")
