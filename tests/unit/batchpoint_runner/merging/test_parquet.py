"""Writing Parquet: the bytes depend on the rows alone."""

from __future__ import annotations

import hashlib
import io
import itertools

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchpoint_runner.merging import parquet
from batchpoint_runner.merging.parquet import Limits

SCHEMA = pa.schema(
    [
        ("i", pa.int64()),
        ("s", pa.string()),
        ("l", pa.list_(pa.float64())),
        ("t", pa.struct([("b", pa.binary()), ("f", pa.bool_())])),
    ]
)
SMALL = Limits(group_rows=8, group_bytes=400, block_rows=4)


def a_table(values: list[int]) -> pa.Table:
    """Return rows of several types, some of their values missing."""
    return pa.table(
        {
            "i": [None if value % 5 == 0 else value for value in values],
            "s": [None if value % 3 == 0 else "é" * value for value in values],
            "l": [[0.5] * (value % 4) for value in values],
            "t": [{"b": b"x" * value, "f": value % 2 == 0} for value in values],
        },
        schema=SCHEMA,
    )


def written(tables: list[pa.Table], limits: Limits = SMALL) -> bytes:
    """Return the file of these tables."""
    batches = (batch for table in tables for batch in table.to_batches())
    return b"".join(parquet.write(batches, SCHEMA, limits))


def group_sizes(content: bytes) -> list[int]:
    """Return the rows of each row group."""
    meta = pq.ParquetFile(io.BytesIO(content)).metadata
    return [meta.row_group(at).num_rows for at in range(meta.num_row_groups)]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.integers(0, 60), max_size=40),
    borders=st.lists(st.integers(0, 40), max_size=8),
)
def test_bytes_do_not_depend_on_batches(values: list[int], borders: list[int]) -> None:
    """Rows in one batch and rows in many give the same file, and what is read is what was written."""
    cuts = sorted({0, len(values), *(border for border in borders if border < len(values))})
    pieces = [a_table(values[a:b]) for a, b in itertools.pairwise(cuts)]
    content = written(pieces)
    assert written([a_table(values)]) == content
    assert a_table(values).to_pylist() == pq.read_table(io.BytesIO(content)).to_pylist()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(0, []), (7, [7]), (8, [8]), (9, [8, 1]), (24, [8, 8, 8])],
)
def test_groups_have_a_fixed_number_of_rows(rows: int, expected: list[int]) -> None:
    """Only the last group may have fewer."""
    limits = Limits(group_rows=8, group_bytes=10**9, block_rows=4)
    assert expected == group_sizes(written([a_table([1] * rows)], limits))


def test_wide_rows_make_smaller_groups() -> None:
    """A group ends at the next border of a block when its values are heavy."""
    limits = Limits(group_rows=8, group_bytes=1000, block_rows=4)
    assert [4, 4, 2] == group_sizes(written([a_table([500] * 10)], limits))


def test_groups_are_handed_out_as_they_are_written() -> None:
    """The file is never in memory as a whole: each group is a part, and the footer another."""
    batches = a_table([1] * 24).to_batches()
    limits = Limits(group_rows=8, group_bytes=10**9, block_rows=4)
    assert 4 == len(list(parquet.write(batches, SCHEMA, limits)))


def test_bytes_of_full_groups_do_not_depend_on_batches() -> None:
    """Pages of a full group end where the writer sees batches end, unless columns are contiguous."""
    count = parquet.DEFAULT.group_rows + 5_000
    table = pa.table(
        {
            "i": pa.array(range(count)),
            "s": pa.array([f"{at * 7919 % count}".zfill(at % 40) for at in range(count)]),
        }
    )
    digests = set()
    for rows in (count, 50_001, 777, 3):
        batches = (table.slice(at, rows) for at in range(0, count, rows))
        parts = parquet.write((one.to_batches()[0] for one in batches), table.schema)
        digests.add(hashlib.sha256(b"".join(parts)).hexdigest())
    assert 1 == len(digests)
