"""Reading published rows: as few requests as possible, and nothing that was damaged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from batchpoint_runner.errors import StorageError
from batchpoint_runner.merging import ahead, generations, rows
from batchpoint_runner.storage.memory import MemoryStore
from support.builders import a_ledger, some_items
from support.published import Result, a_cut_plan, csv_result, publish


def rows_of(
    store: MemoryStore, results: list[Result], tmp_path: Path, *, without: int | None = None
) -> tuple[bytes, int]:
    """Publish one chunk; return the rows but for one segment, and the number of reads."""
    ledger = a_ledger(store)
    count = sum(one.count for one in results)
    plan = a_cut_plan(ledger, some_items(count), [count])
    publish(ledger, "c000000", results, inline=False)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4))
        found = generations.read_all(stack, pool, tmp_path, [(ledger, plan)])
        kept = (one for one in generations.kept(found) if one.segment.first != without)
        store.calls.clear()
        data = b"".join(rows.read(pool, kept))
    return data, store.calls["read"]


def test_neighbours_are_read_at_once(tmp_path: Path) -> None:
    """A chunk of many segments costs one read."""
    results = [csv_result(at, str(at)) for at in range(50)]
    expected = b"".join(one.data for one in results)
    assert (expected, 1) == rows_of(MemoryStore(), results, tmp_path)


def test_what_is_left_out_is_not_read(tmp_path: Path) -> None:
    """The rows on both sides are two reads."""
    results = [csv_result(0, "a"), csv_result(1, "bb"), csv_result(2, "c")]
    assert (b"a\nc\n", 2) == rows_of(MemoryStore(), results, tmp_path, without=1)


def test_large_ranges_are_read_in_parts(tmp_path: Path) -> None:
    """So that one read never fills the memory."""
    data = b"x" * (2 * ahead.PART_BYTES + 1)
    assert (data, 3) == rows_of(MemoryStore(), [Result(first=0, data=data)], tmp_path)


def test_damage_is_found_before_the_last_bytes_are_used(tmp_path: Path) -> None:
    """A checksum that does not fit never lets the end of the rows through."""

    def damage(verb: str, path: str) -> None:
        if verb == "read" and path.endswith("/rows"):
            store.before = None
            store.fill({path: b"WRONG\n"})

    store = MemoryStore(before=damage)
    with pytest.raises(StorageError, match="has another checksum than was published"):
        rows_of(store, [csv_result(0, "right")], tmp_path)
