"""Which segments go into the output: those whose columns, and for Parquet types, fit the first one's.

Decided here and not while scoring, so that it depends on the input order alone and never on which
instance was quicker. Segments that do not fit are left out, and all their items have failed.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from batchpoint_runner.contract import OutputFormat
from batchpoint_runner.merging import rows
from batchpoint_runner.merging.generations import Kept
from batchpoint_runner.merging.spooling import Ordinals, Spool

if TYPE_CHECKING:
    import pyarrow as pa

    from batchpoint_runner.merging import arrow

COLUMNS_DIFFER = "ColumnsDiffer"
TYPES_DIFFER = "TypesDiffer"
ROWS_UNREADABLE = "RowsUnreadable"
"""What a worker sent as rows is not what it said: only user code that writes to our channel does so."""

LIST_CHARACTERS = 500
"""Of a list of columns in a message."""


class Late(NamedTuple):
    """Items that fail because of what the merge found: ``items`` of them from ordinal ``first``."""

    first: int
    items: int
    type: str
    message: str


class LateSpool:
    """Late failures on local disk, by ordinal. May be read again and again."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._spool = Spool(folder)
        stack.callback(self._spool.close)

    def add(self, late: Late) -> None:
        """Note a failure; ordinals must not fall."""
        self._spool.add(json.dumps(late).encode())

    def __iter__(self) -> Iterator[Late]:
        return (Late(*json.loads(record)) for record in self._spool)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What goes into the output."""

    columns: tuple[str, ...] | None
    """Of the first segment with rows; None without rows, and where rows have no common columns."""
    schema: pa.Schema | None
    """Of the output; Parquet only, None without rows."""
    header: str | None
    """A finished header line. AzureRows only, and only where the settings file beside the script asks
    for one; frames of other columns stand below it all the same, as they do in Azure (AZURE §7)."""
    dropped: Ordinals
    """First ordinals of the segments that are left out."""
    spools: tuple[LateSpool, ...]

    def filter(self, kept: Iterator[Kept]) -> Iterator[Kept]:
        """Leave out what is left out, and what has no rows."""
        return _but(self.dropped, kept)

    def late(self) -> Iterator[Late]:
        """Yield failures of items whose segments are left out, by ordinal."""
        return heapq.merge(*self.spools)


class _Chooser:
    """Collects what is left out, in one pass or several."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self.columns: tuple[str, ...] | None = None
        self.dropped = Ordinals()
        self.spools: list[LateSpool] = []
        self._stack = stack
        self._folder = folder

    def begin_pass(self) -> Ordinals:
        """Return what is left out so far. Failures come by ordinal within a pass: a spool for each."""
        self.spools.append(LateSpool(self._stack, self._folder))
        return self.dropped.copy()

    def drop(self, one: Kept, kind: str, message: str) -> None:
        segment = one.segment
        self.dropped.add(segment.first)
        self.spools[-1].add(Late(segment.first, segment.count, kind, message))

    def check_columns(self, one: Kept) -> None:
        """Drop a segment whose columns are not those of the first one that came here."""
        if self.columns is None:
            self.columns = one.columns
        if one.columns != self.columns:
            self.drop(
                one,
                COLUMNS_DIFFER,
                f"Its rows have the columns {_listed(one.columns)}, but those of the first result in "
                f"input order have {_listed(self.columns)}, so they were left out of the output. "
                "Return the same columns for every file, or choose outputFormat JSONLines.",
            )

    def result(self, *, schema: pa.Schema | None = None, header: str | None = None) -> Choice:
        return Choice(
            columns=self.columns,
            schema=schema,
            header=header,
            dropped=self.dropped,
            spools=tuple(self.spools),
        )


def choose(
    stack: ExitStack,
    executor: Executor,
    folder: Path,
    output_format: OutputFormat,
    kept: Callable[[], Iterator[Kept]],
) -> Choice:
    """Decide what goes into the output.

    Args:
        stack: Closes local files at its end.
        executor: Where reads run ahead. For Parquet all rows are read once here, since their types
            are in them alone.
        folder: For local files.
        output_format: Of the job.
        kept: Gives the segments that count, in input order; called for each pass.
    """
    chooser = _Chooser(stack, folder)
    if output_format is OutputFormat.AZURE_ROWS:
        return chooser.result(header=_first_header(kept()))
    if output_format in (OutputFormat.CSV, OutputFormat.PARQUET):
        chooser.begin_pass()
        for one in kept():
            if one.segment.rows:
                chooser.check_columns(one)
    if output_format is not OutputFormat.PARQUET:
        return chooser.result()
    # Here and not above: pyarrow costs every runner 45 MB, and only Parquet needs it.
    from batchpoint_runner.merging import arrow

    types = arrow.Types()
    _widen(chooser, types, executor, kept)
    _try_conversions(chooser, types, executor, kept)
    return chooser.result(schema=types.schema)


def _first_header(kept: Iterator[Kept]) -> str | None:
    return next((one.columns[0] for one in kept if one.segment.rows and one.columns), None)


def _widen(
    chooser: _Chooser, types: arrow.Types, executor: Executor, kept: Callable[[], Iterator[Kept]]
) -> None:
    """Read all rows once, and widen the types segment by segment, as far as they can be."""
    before = chooser.begin_pass()
    source = types.source(rows.read(executor, _but(before, kept())))
    for one in _but(before, kept()):
        found = source.inspect(one.segment.length, rows=one.segment.rows, columns=one.columns)
        if isinstance(found, str):
            chooser.drop(one, ROWS_UNREADABLE, _UNREADABLE.format(found))
            continue
        clash = types.widen(found, one.segment.first)
        if clash is not None:
            chooser.drop(one, TYPES_DIFFER, _TYPES_DIFFER.format(clash))


def _try_conversions(
    chooser: _Chooser, types: arrow.Types, executor: Executor, kept: Callable[[], Iterator[Kept]]
) -> None:
    """Read what has narrower types again: a value may not survive, such as 2**60 + 1 as a float."""
    if types.schema is None or not types.were_widened:
        return
    before = chooser.begin_pass()

    def narrower() -> Iterator[Kept]:
        return (one for one in _but(before, kept()) if types.are_narrower_at(one.segment.first))

    source = types.source(rows.read(executor, narrower()))
    for one in narrower():
        loss = source.try_conversion(one.segment.length, types.schema)
        if loss is not None:
            chooser.drop(one, TYPES_DIFFER, _TYPES_DIFFER.format(loss))


_UNREADABLE = (
    "What the worker sent as rows is no Arrow stream of them ({}), so they were left out of the output. "
    "User code has probably written to the worker's channel; it must leave open file descriptors of "
    "its process alone."
)
_TYPES_DIFFER = (
    "Its rows do not have the types of the other results ({}), so they were left out of the output. "
    "Return the same types for every file, or choose outputFormat JSONLines."
)


def _but(dropped: Ordinals, kept: Iterator[Kept]) -> Iterator[Kept]:
    return (one for one in kept if one.segment.rows and one.segment.first not in dropped)


def _listed(columns: Sequence[str]) -> str:
    text = ", ".join(columns) if columns else "(none)"
    return text if len(text) <= LIST_CHARACTERS else text[: LIST_CHARACTERS - 1] + "…"
