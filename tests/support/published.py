"""Ledgers in which chunks are published already, cut as a test wants, for whatever comes after scoring."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from batchpoint_runner.ledger import Ledger, Plan, Source
from batchpoint_runner.merging.merged import Merged
from batchpoint_runner.merging.storing import Content
from batchpoint_runner.records import Chunk, Commit, Failure, Item, OutputFile, Segment
from support.builders import a_commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The rows of one segment."""

    first: int
    data: bytes = b""
    count: int = 1
    rows: int = 1
    columns: tuple[str, ...] | None = None


def a_cut_plan(
    ledger: Ledger, items: Sequence[Item], counts: Sequence[int], **changes: Any
) -> Plan:
    """Return a plan of chunks with these many items, its pages of 3 items written to the ledger."""
    chunks, first = [], 0
    for number, count in enumerate(counts):
        chunks.append(Chunk(name=f"c{number:06d}", first=first, count=count, weight=count))
        first += count
    values: dict[str, Any] = {
        "digest": "d",
        "job": "job",
        "items": len(items),
        "input_items": len(items),
        "input_bytes": sum(item.size for item in items),
        "mini_batches": len(items),
        "left_out": {},
        "chunks": tuple(chunks),
        "claim_order": tuple(range(len(chunks))),
        "pages": f"{ledger.paths.data}/planner-items",
        "page_items": 3,
        "model_uri": None,
    }
    plan = Plan(**(values | changes))
    for number, start in enumerate(range(0, len(items), plan.page_items)):
        ledger.write_page(plan.pages, number, list(items[start : start + plan.page_items]))
    return plan


def a_source(ledger: Ledger) -> Source:
    """Return the name by which a rerun knows an earlier job."""
    return Source(output_uri=f"memory://test/{ledger.folder}", uid=ledger.uid)


def a_failure(ordinal: int, kind: str = "ValueError", **changes: Any) -> Failure:
    """Return the failure of item ``0007.csv`` for ordinal 7, after one attempt."""
    values: dict[str, Any] = {
        "ordinal": ordinal,
        "item": f"{ordinal:04d}.csv",
        "attempts": 1,
        "type": kind,
        "message": "bad value",
    }
    return Failure(**(values | changes))


def publish(
    ledger: Ledger,
    chunk: str,
    results: Sequence[Result],
    *,
    failures: Iterable[Failure] = (),
    files: Mapping[tuple[int, str], bytes] | None = None,
    execution: str | None = None,
    inline: bool = True,
    **changes: Any,
) -> Commit:
    """Make a chunk final.

    Args:
        ledger: Of the job.
        chunk: Its name.
        results: By ordinal.
        failures: By ordinal.
        files: Of user code: content by first ordinal of the mini-batch, which reaches to the next one
            with files, and path.
        execution: By default one of its own per chunk.
        inline: Rows lie in the commit object; False: in an object of their own.
        changes: Further fields of the commit.
    """
    name = execution or f"e-{chunk}"
    columns = tuple(dict.fromkeys(one.columns for one in results if one.columns is not None))
    rows = b"".join(one.data for one in results)
    key = None if inline else f"{ledger.paths.data}/{name}/rows"
    if key is not None:
        ledger.store.create(ledger.at(key), rows)
    failed = tuple(failures)
    commit = a_commit(
        chunk,
        execution=name,
        mini_batches=len(results) + len(failed),
        files=sum(one.count for one in results) + len([f for f in failed if not f.candidates]),
        rows=sum(one.rows for one in results),
        columns=columns,
        segments=_segments(results, columns),
        failures=failed,
        outputs=_outputs(
            ledger,
            name,
            files or {},
            end=1 + max((one.first + one.count for one in results), default=0),
        ),
        data_key=key,
        data_bytes=len(rows),
        data_sha256=hashlib.sha256(rows).hexdigest(),
        **changes,
    )
    return ledger.commit(commit, rows if inline else b"")


def csv_result(
    first: int, *rows: str, columns: tuple[str, ...] = ("file", "y"), count: int = 1
) -> Result:
    """Return lines of CSV as one segment."""
    data = "".join(f"{row}\n" for row in rows).encode()
    return Result(first=first, count=count, data=data, rows=len(rows), columns=columns)


def arrow_result(first: int, *tables: pa.Table, count: int = 1) -> Result:
    """Return tables as one segment of as many Arrow streams, as workers write them."""
    data = b"".join(map(arrow_stream, tables))
    names = tuple(tables[0].schema.names)
    rows = sum(table.num_rows for table in tables)
    return Result(first=first, count=count, data=data, rows=rows, columns=names)


def arrow_stream(table: pa.Table) -> bytes:
    """Return a table as one Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _segments(results: Sequence[Result], columns: Sequence[tuple[str, ...]]) -> tuple[Segment, ...]:
    segments, offset = [], 0
    for one in results:
        segments.append(
            Segment(
                first=one.first,
                count=one.count,
                rows=one.rows,
                offset=offset,
                length=len(one.data),
                columns=None if one.columns is None else columns.index(one.columns),
            )
        )
        offset += len(one.data)
    return tuple(segments)


def _outputs(
    ledger: Ledger, execution: str, files: Mapping[tuple[int, str], bytes], *, end: int
) -> tuple[OutputFile, ...]:
    begins = sorted({ordinal for ordinal, _ in files})
    next_of = dict(zip(begins, [*begins[1:], end], strict=False))
    outputs = []
    for number, ((ordinal, path), content) in enumerate(sorted(files.items())):
        key = f"{ledger.paths.data}/{execution}/files/{number:06d}"
        ledger.store.create(ledger.at(key), content)
        outputs.append(
            OutputFile(
                path=path,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                key=key,
                ordinal=ordinal,
                count=max(1, next_of[ordinal] - ordinal),
            )
        )
    return tuple(outputs)


def a_merged(**changes: Any) -> Merged:
    """Return the outcome of a job of 10 files with 100 rows, all of them scored well."""
    values: dict[str, Any] = {
        "files": 10,
        "scored": 10,
        "failed": 0,
        "mini_batches": 5,
        "retried": 0,
        "rows": 100,
        "columns": ("file", "y"),
        "output": Content(bytes=1000, sha256="00"),
        "user_files": 0,
        "user_file_bytes": 0,
        "first_error": None,
        "errors": (),
        "other_errors": 0,
        "warnings": (),
        "instances": 2,
    }
    return Merged(**(values | changes))
