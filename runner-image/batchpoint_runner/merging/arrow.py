"""Parquet's rows on their way: each segment is one or more Arrow IPC streams, written by workers.

They come from processes that run user code, so nothing of them is believed: every batch is validated
before any of its buffers is used. Types of segments may differ where pandas guessed them from the
values (an empty column, integers beside floats); they are widened, never narrowed.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pyarrow as pa

from batchpoint_runner.merging.spooling import Ordinals

_FAULTS = (pa.ArrowException, OSError, ValueError, TypeError)
"""What pyarrow raises on bytes or types that it cannot take."""

FOREIGN_TEXT_CHARACTERS = 300

EMPTY = pa.schema([])
"""Of an output without any row."""


class Source:
    """Reads record batches, segment by segment, from the bytes of many segments in a row."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._file = _Window(parts)

    def inspect(
        self, length: int, *, rows: int, columns: Sequence[str]
    ) -> tuple[pa.Schema, ...] | str:
        """Read the next segment; return its distinct schemas, or what is wrong with it.

        Args:
            length: Of the segment, in bytes.
            rows: That it has to hold.
            columns: That it has to have.
        """
        schemas: dict[pa.Schema, None] = {}
        count = 0
        try:
            for batch in self.batches(length):
                batch.validate(full=True)
                schemas[plain(batch.schema)] = None
                count += batch.num_rows
        except _FAULTS as exc:
            self._file.skip()
            return _cut(exc)
        if any(tuple(schema.names) != tuple(columns) for schema in schemas):
            return "its columns are not those that were announced"
        # A table without columns has no rows for Arrow, whatever was returned.
        return f"{count} rows instead of {rows}" if columns and count != rows else tuple(schemas)

    def try_conversion(self, length: int, schema: pa.Schema) -> str | None:
        """Read the next segment and convert it; return what cannot be converted."""
        try:
            for batch in self.batches(length):
                convert(batch, schema)
        except _FAULTS as exc:
            self._file.skip()
            return _cut(exc)
        return None

    def batches(self, length: int) -> Iterator[pa.RecordBatch]:
        """Yield the batches of the next ``length`` bytes."""
        self._file.open(length)
        while self._file.left:
            yield from pa.ipc.open_stream(pa.PythonFile(self._file, mode="r"))


class Types:
    """The types that fit all segments seen so far.

    Attributes:
        schema: None before the first segment.
    """

    def __init__(self) -> None:
        self.schema: pa.Schema | None = None
        self._segments: dict[pa.Schema, Ordinals] = {}

    def widen(self, schemas: Sequence[pa.Schema], first: int) -> str | None:
        """Take a segment's schemas in; return what clashes, in which case nothing has changed.

        Args:
            schemas: With equal names.
            first: Ordinal of the segment.
        """
        widened = self.schema
        for schema in schemas:
            if schema in self._segments:
                continue
            if widened is None:
                widened = schema
                continue
            try:
                widened = pa.unify_schemas([widened, schema], promote_options="permissive")
            except _FAULTS:
                return _clash(widened, schema)
        self.schema = widened
        for schema in schemas:
            self._segments.setdefault(schema, Ordinals()).add(first)
        return None

    def source(self, parts: Iterator[bytes]) -> Source:
        """Return a reader of many segments' bytes."""
        return Source(parts)

    @property
    def were_widened(self) -> bool:
        """Say whether there is a segment that has to be converted."""
        return len(self._segments) > 1

    def are_narrower_at(self, first: int) -> bool:
        """Say whether the segment that begins with this ordinal has to be converted."""
        return any(
            first in ordinals
            for schema, ordinals in self._segments.items()
            if schema != self.schema
        )


def plain(schema: pa.Schema) -> pa.Schema:
    """Take off what depends on how rows were made and not on their values."""
    return pa.schema([field.with_nullable(True).remove_metadata() for field in schema])


def convert(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch with the schema's types; no value may change.

    Raises:
        pyarrow.ArrowException: A value would.
    """
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    columns = [
        column if column.type == field.type else column.cast(field.type)
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


class _Window(io.RawIOBase):
    """A file that ends after each segment, over the bytes of all."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        super().__init__()
        self._parts = parts
        self._part = memoryview(b"")
        self.left = 0

    def open(self, length: int) -> None:
        self.left = length

    def skip(self) -> None:
        while self.left and self.read(1024 * 1024):
            pass

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        found = []
        while wanted:
            if not self._part:
                self._part = memoryview(next(self._parts))
            taken, self._part = self._part[:wanted], self._part[wanted:]
            found.append(taken)
            wanted -= len(taken)
            self.left -= len(taken)
        return b"".join(found)

    def close(self) -> None:
        """Stay open: Arrow closes what it has read to the end of a stream."""


def _clash(before: pa.Schema, now: pa.Schema) -> str:
    for one, other in zip(before, now, strict=True):
        try:
            pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive")
        except _FAULTS:
            return f'column "{one.name}" is {other.type} here and {one.type} before'
    return "a column has another type than before"


def _cut(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return text if len(text) <= FOREIGN_TEXT_CHARACTERS else text[:FOREIGN_TEXT_CHARACTERS] + "…"
