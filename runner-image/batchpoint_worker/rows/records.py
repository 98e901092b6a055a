"""The records that the modules of `rows` hand to each other, and the error of an unusable return."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple


class RowsError(Exception):
    """What `run` returned cannot become rows: the attempt failed. The message is for the user."""


class Rendered(NamedTuple):
    """What one attempt came to, in the terms of `wire.RESULT_KEYS`."""

    segments: List[Dict[str, int]]
    """``{"first", "count", "rows", "length"}``, by ``first``: which items of the mini-batch, how many
    rows they gave, how many bytes of ``parts`` these are. One per item in the dict form, else one."""

    columns: Optional[List[str]]
    """Names, the same for every row. None when there is no row or the format has no header."""

    failed: List[Dict[str, Any]]
    """``{"index", "type", "message", "traceback"}``: items that failed by themselves."""

    short: int
    """Items that the length rule counts as failed without knowing which (AZURE.md §4.3)."""

    parts: List[bytes]
    """Concatenated: the rows of the segments, in their order, without a header."""

    warnings: List[str]
    """Sentences, each once."""


class AzureOptions(NamedTuple):
    """Of `parallel_run_step.settings.json`, for frames under AzureRows; the defaults are Azure's."""

    sep: str = " "
    header: bool = False
    with_index: bool = False


class Table(NamedTuple):
    """Rows that share their columns."""

    names: List[str]
    """May repeat; the formats that cannot write that refuse it."""

    columns: List[Any]
    """Each a list of Python values, a one-dimensional numpy array, a pandas Series or an Arrow array;
    all of length ``rows``. Never modified."""

    rows: int


class Records(NamedTuple):
    """Rows that each bring their own columns: the elements of a list."""

    rows: List[Tuple[Sequence[str], Sequence[Any]]]
    """Names and cells of each row."""


class Encoded(NamedTuple):
    """Rows in the output format but for the cell that names their file, which comes last of all."""

    columns: Optional[List[str]]
    """Of the value itself, without ``file``. None when there is no row or the format has none."""

    rows: int

    body: Any
    """What the format's ``finish`` turns into bytes; None when there is no row."""

    warnings: Tuple[str, ...] = ()
