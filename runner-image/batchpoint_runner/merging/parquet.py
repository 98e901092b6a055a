"""Batches → one Parquet file, whose bytes do not depend on how the rows were cut into batches.

A row group ends after a fixed number of rows, or at a multiple of a smaller one when its rows so far
weigh enough (`Limits`); weights are sums over values. Each group is written from contiguous columns, because
the writer's pages and dictionaries would otherwise show the batches.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a row group becomes. Part of what decides the bytes of the output."""

    group_rows: int = 65_536
    """A multiple of ``block_rows``."""
    group_bytes: int = 64 * 1024 * 1024
    """Of values without encoding and compression; so wide rows do not fill the memory."""
    block_rows: int = 1_024


DEFAULT = Limits()


def write(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, limits: Limits = DEFAULT
) -> Iterator[bytes]:
    """Yield the file's bytes, a row group at a time.

    Args:
        batches: All with ``schema``.
        schema: Of the file. It may have no fields: then the file has no rows.
        limits: Of row groups.
    """
    outbox = _Outbox()
    # Snappy and the file format are named, so that a newer pyarrow does not choose for us.
    with pq.ParquetWriter(outbox, schema, compression="snappy", version="2.6") as writer:
        for group in _groups(batches, schema, limits):
            writer.write_table(group, row_group_size=limits.group_rows)
            yield outbox.take()
    yield outbox.take()


def _groups(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, limits: Limits
) -> Iterator[pa.Table]:
    pending: list[pa.RecordBatch] = []
    rows = weight = 0
    for batch in batches:
        at = 0
        while at < batch.num_rows:
            piece = batch.slice(at, limits.block_rows - rows % limits.block_rows)
            pending.append(piece)
            at += piece.num_rows
            rows += piece.num_rows
            weight += sum(map(_weight, piece.columns))
            is_full = rows == limits.group_rows or weight >= limits.group_bytes
            if is_full and rows % limits.block_rows == 0:
                yield _contiguous(pending, schema)
                pending, rows, weight = [], 0, 0
    if pending:
        yield _contiguous(pending, schema)


def _contiguous(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(batches, schema=schema).combine_chunks()


def _weight(values: pa.Array) -> int:
    """Return bytes as a sum over values, so that slices add up to the whole."""
    kind = values.type
    if pa.types.is_struct(kind):
        return sum(map(_weight, values.flatten()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return 4 * len(values) + _weight(values.flatten())
    if pa.types.is_map(kind):
        return 4 * len(values) + len(values.keys) * 16
    if _has_lengths(kind):
        return 4 * len(values) + int(pc.sum(pc.binary_length(values)).as_py() or 0)
    try:
        return len(values) * ((int(kind.bit_width) + 7) // 8)
    except ValueError:
        return 8 * len(values)


def _has_lengths(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
    )


class _Outbox(io.RawIOBase):
    """Takes what the Parquet writer writes until somebody wants it."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload] # a buffer, which the writer uses again
        self._parts.append(part)
        self._position += len(part)
        return len(part)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        """Return and forget what was written."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
