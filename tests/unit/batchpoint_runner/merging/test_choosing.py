"""Which rows go into the output is decided by input order alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from batchpoint_runner.contract import OutputFormat
from batchpoint_runner.merging import choosing, generations
from batchpoint_runner.merging.choosing import LIST_CHARACTERS, Choice, Late, LateSpool
from support.builders import a_ledger, some_items
from support.published import Result, a_cut_plan, arrow_result, csv_result, publish


@contextmanager
def chosen(
    tmp_path: Path, output_format: OutputFormat, *results: Result
) -> Iterator[tuple[Choice, list[int]]]:
    """Publish results, each in a chunk of its own; return the choice and the kept ordinals."""
    ledger = a_ledger()
    counts = [one.count for one in results]
    plan = a_cut_plan(ledger, some_items(sum(counts)), counts)
    for at, one in enumerate(results):
        publish(ledger, f"c{at:06d}", [one])
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        read = generations.read_all(stack, pool, tmp_path, [(ledger, plan)])
        choice = choosing.choose(
            stack, pool, tmp_path, output_format, lambda: generations.kept(read)
        )
        yield choice, [one.segment.first for one in choice.filter(generations.kept(read))]


def test_the_first_rows_set_the_columns(tmp_path: Path) -> None:
    """A result without rows has no columns, so it sets none and breaks none."""
    a, b = ("a",), ("b",)
    results = [
        Result(first=0, rows=0),
        csv_result(1, "1", columns=a),
        csv_result(2, "2", columns=b, count=2),
        csv_result(4, "4", columns=a),
    ]
    with chosen(tmp_path, OutputFormat.CSV, *results) as (choice, kept):
        assert a == choice.columns
        assert [1, 4] == kept
        assert [(2, 2, "ColumnsDiffer")] == [one[:3] for one in choice.late()]
        assert list(choice.late()) == list(choice.late())


def test_order_of_columns_matters_for_csv(tmp_path: Path) -> None:
    """Under one header the values would stand in the wrong place."""
    results = [csv_result(0, "1,2", columns=("a", "b")), csv_result(1, "2,1", columns=("b", "a"))]
    with chosen(tmp_path, OutputFormat.CSV, *results) as (_, kept):
        assert [0] == kept


@pytest.mark.parametrize("output_format", [OutputFormat.JSON_LINES, OutputFormat.AZURE_ROWS])
def test_lines_have_no_common_columns(output_format: OutputFormat, tmp_path: Path) -> None:
    """Nothing is left out."""
    results = [csv_result(0, "1", columns=("a",)), csv_result(1, "2", columns=("b",))]
    with chosen(tmp_path, output_format, *results) as (choice, kept):
        assert (None, [0, 1]) == (choice.columns, kept)


def test_long_lists_of_columns_are_cut(tmp_path: Path) -> None:
    """Thousands of columns do not make thousands of long failures."""
    many = tuple(f"column{at}" for at in range(1000))
    results = [csv_result(0, "1"), csv_result(1, "2", columns=many)]
    with chosen(tmp_path, OutputFormat.CSV, *results) as (choice, _):
        (late,) = choice.late()
    assert len(late.message) < LIST_CHARACTERS + 400
    assert "column0, column1, " in late.message
    assert "file, y" in late.message


def test_failures_of_all_passes_come_by_ordinal(tmp_path: Path) -> None:
    """Columns, types and values are tried one after the other."""
    tables = [
        pa.table({"y": [1]}),
        pa.table({"y": [2**60 + 1]}),
        pa.table({"y": ["x"]}),
        pa.table({"z": [1]}),
        pa.table({"y": [0.5]}),
    ]
    results = [arrow_result(at, table) for at, table in enumerate(tables)]
    with chosen(tmp_path, OutputFormat.PARQUET, *results) as (choice, kept):
        assert [0, 4] == kept
        assert [(1, "TypesDiffer"), (2, "TypesDiffer"), (3, "ColumnsDiffer")] == [
            (late.first, late.type) for late in choice.late()
        ]
        assert pa.schema([("y", pa.float64())]) == choice.schema


def test_late_failures_are_kept_on_disk(tmp_path: Path) -> None:
    """They come back as they were."""
    with ExitStack() as stack:
        spool = LateSpool(stack, tmp_path)
        spool.add(Late(3, 2, "T", "größer"))
        assert [Late(3, 2, "T", "größer")] == list(spool)
