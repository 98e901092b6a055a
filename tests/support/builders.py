"""Records of the runner for tests: each with sensible values, and what a test is about as an argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from batchpoint_runner import planning, results
from batchpoint_runner.contract import (
    InputSpec,
    JobIdentity,
    OutputSpec,
    RetryPolicy,
    RunConfig,
    WorkerSpec,
)
from batchpoint_runner.ledger import Ledger, Plan
from batchpoint_runner.records import Chunk, Commit, Item
from batchpoint_runner.results import TaskResult
from batchpoint_runner.storage.base import Store
from batchpoint_runner.storage.memory import MemoryStore

UID = "uid-1"


def some_items(count: int, *, first: int = 0, size: int = 1000) -> tuple[Item, ...]:
    """Return consecutive items ``0000.csv``, ``0001.csv``, … of equal size."""
    return tuple(
        Item(ordinal=at, path=f"{at:04d}.csv", size=size, etag=None)
        for at in range(first, first + count)
    )


def items_at(*ordinals: int, size: int = 1000) -> tuple[Item, ...]:
    """Return items at exactly these ordinals, as a rerun has them."""
    return tuple(item for at in ordinals for item in some_items(1, first=at, size=size))


def a_chunk(items: Sequence[Item], *, name: str = "c000000", first: int = 0) -> Chunk:
    """Return the chunk that holds all of the items."""
    return Chunk(name=name, first=first, count=len(items), weight=sum(item.size for item in items))


def a_config(**changes: Any) -> RunConfig:
    """Return the configuration of a job with one file per mini-batch, no retry and one worker.

    ``max_retries`` and ``workers`` may be given as plain numbers; any field of RunConfig replaces ours.
    """
    retries = changes.pop("max_retries", 0)
    workers = changes.pop("workers", 1)
    values: dict[str, Any] = {
        "job": JobIdentity(name="job", uid=UID, endpoint="endpoint", deployment="deployment"),
        "input": InputSpec(uri="memory://test/in"),
        "output": OutputSpec(uri="memory://test/out", file_name="predictions.csv"),
        "mini_batch_size": 1,
        "retry": RetryPolicy(max_retries=retries, timeout_seconds=30),
        "workers": WorkerSpec(count=workers),
    }
    return RunConfig(**(values | changes))


def a_ledger(store: Store | None = None) -> Ledger:
    """Return the ledger of the job of `a_config`, in memory if no store is given."""
    return Ledger(MemoryStore() if store is None else store, "out", UID)


def a_plan(ledger: Ledger, config: RunConfig, items: Sequence[Item]) -> Plan:
    """Make the job's plan in its ledger."""
    work = planning.Work(items=items)
    return planning.make(ledger, config, work, execution="planner", model_uri=None)


def a_commit(chunk: str = "c000000", **changes: Any) -> Commit:
    """Return the commit of a chunk of one item without rows."""
    values: dict[str, Any] = {
        "chunk": chunk,
        "instance": 0,
        "execution": "e1",
        "mini_batches": 1,
        "files": 1,
        "retried": 0,
        "rows": 0,
        "columns": (),
        "segments": (),
        "failures": (),
        "outputs": (),
        "data_key": None,
        "data_bytes": 0,
        "data_sha256": "0",
    }
    return Commit(**(values | changes))


def success_head(task: str, rows_of: Sequence[bytes], **changes: Any) -> dict[str, Any]:
    """Return the head of a result in dict form: one segment per item, each with one row."""
    segments = [
        {"first": at, "count": 1, "rows": 1, "length": len(row)} for at, row in enumerate(rows_of)
    ]
    body = "Inline" if any(rows_of) else "None"
    head = {"task": task, "outcome": "Succeeded", "segments": segments, "body": body}
    return head | changes


def failure_head(task: str, kind: str = "ValueError", outcome: str = "Failed") -> dict[str, Any]:
    """Return the head of a failed attempt."""
    error = {"type": kind, "message": f"{kind} of {task}", "traceback": ""}
    return {"task": task, "outcome": outcome, "error": error}


def succeeded(task: str, rows_of: Sequence[bytes], **changes: Any) -> tuple[TaskResult, bytes]:
    """Return a checked result in dict form and its body."""
    body = b"".join(rows_of)
    head = success_head(task, rows_of, **changes)
    return results.parse(head, items=len(rows_of), body_bytes=len(body)), body


def failed(task: str, items: int = 1, **changes: Any) -> TaskResult:
    """Return the checked result of a failed attempt."""
    return results.parse(failure_head(task, **changes), items=items, body_bytes=0)
