"""The worker's answer, checked before anything of it is believed.

The frame comes from a process that runs user code, so it may say anything. What passes here is
consistent in itself: segments lie within the mini-batch, in order, and add up to the body.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

TRACEBACK_CHARACTERS = 16_000
"""Kept of a traceback; the innermost frames are at its beginning."""
MESSAGE_CHARACTERS = 2_000

_Count = Annotated[int, Field(ge=0)]


class Outcome(StrEnum):
    """How an attempt ended."""

    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    TIMED_OUT = "TimedOut"
    DIED = "Died"
    OUT_OF_MEMORY = "OutOfMemory"
    DISK_FULL = "DiskFull"


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class TaskError(_Wire):
    """What went wrong, in the user's terms. Long texts are cut."""

    type: str = Field(max_length=200)
    message: str
    traceback: str = ""

    @model_validator(mode="before")
    @classmethod
    def _cut(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return value | {
            "type": _text(value.get("type"), 200),
            "message": _text(value.get("message"), MESSAGE_CHARACTERS),
            "traceback": _text(value.get("traceback"), TRACEBACK_CHARACTERS),
        }


class ItemError(TaskError):
    """One item that failed by itself, ``index`` within the mini-batch."""

    index: _Count


class TaskSegment(_Wire):
    """Rows of items ``first`` to ``first + count - 1`` of the mini-batch."""

    first: _Count
    count: Annotated[int, Field(ge=1)]
    rows: _Count
    length: _Count


class TaskFile(_Wire):
    """A file below the task's ``files`` folder."""

    path: str = Field(min_length=1, max_length=1024)
    size: _Count


class TaskResult(_Wire):
    """One attempt's answer; see `batchpoint_worker.wire.RESULT_KEYS`."""

    task: str
    worker: int | None = None
    outcome: Outcome = Field(strict=False)
    run_seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    error: TaskError | None = None
    segments: tuple[TaskSegment, ...] = Field(default=(), strict=False)
    columns: tuple[str, ...] | None = Field(default=None, strict=False)
    failed: tuple[ItemError, ...] = Field(default=(), strict=False)
    short: _Count = 0
    files: tuple[TaskFile, ...] = Field(default=(), strict=False)
    body: Literal["Inline", "File", "None"] = "None"
    warnings: tuple[str, ...] = Field(default=(), strict=False)


def parse(head: dict[str, Any], *, items: int, body_bytes: int) -> TaskResult:
    """Check a result frame against the task that it answers.

    Args:
        head: Of the frame.
        items: Of the task.
        body_bytes: Size of the frame's body.

    Returns:
        The result, or, when it contradicts itself, a failed attempt of type ``MalformedResult``.
    """
    try:
        result = TaskResult.model_validate(head)
    except ValidationError as exc:
        fault = exc.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        return malformed(_text(head.get("task"), 200), f"{where}: {fault['msg']}")
    problem = _contradiction(result, items, body_bytes)
    return malformed(result.task, problem) if problem else result


def malformed(task: str, problem: str) -> TaskResult:
    """Return a failed attempt for an answer that makes no sense."""
    message = (
        f"The worker's answer makes no sense ({problem}). User code has probably written to the "
        "worker's channel; it must leave open file descriptors of its process alone."
    )
    error = TaskError(type="MalformedResult", message=message)
    return TaskResult(task=task, outcome=Outcome.FAILED, error=error)


def _text(value: object, limit: int) -> str:
    # A file name that is not UTF-8 puts lone surrogates into messages, which nothing can write.
    text = "" if value is None else str(value)[:limit]
    return text.encode(errors="replace").decode()


def _contradiction(result: TaskResult, items: int, body_bytes: int) -> str | None:
    if result.outcome is not Outcome.SUCCEEDED:
        return None if result.error else "a failed attempt without an error"
    return (
        _wrong_items(result, items)
        or _wrong_gap(result, items)
        or _wrong_body(result, body_bytes)
        or _wrong_files(result)
    )


def _wrong_items(result: TaskResult, items: int) -> str | None:
    end = 0
    for segment in result.segments:
        if segment.first < end:
            return "segments overlap or are out of order"
        end = segment.first + segment.count
    if end > items or any(failed.index >= items for failed in result.failed):
        return "it speaks of more items than there were"
    if not result.segments and not result.failed:
        return None
    failed = {one.index for one in result.failed}
    if len(failed) < len(result.failed):
        return "an item failed twice"
    covered = {at for s in result.segments for at in range(s.first, s.first + s.count)}
    if failed & covered:
        return "an item both failed and has rows"
    if failed | covered != set(range(items)):
        return "an item is neither in a segment nor among the failed"
    return None


def _wrong_gap(result: TaskResult, items: int) -> str | None:
    if not result.short:
        return None
    if result.failed:
        return "items are missing from a result that accounts for each item"
    if result.short + sum(segment.rows for segment in result.segments) != items:
        return "rows and missing items do not add up to the items"
    return None


def _wrong_body(result: TaskResult, body_bytes: int) -> str | None:
    if body_bytes and result.body != "Inline":
        return "rows come in the frame and it does not say so"
    if result.body != "File" and sum(s.length for s in result.segments) != body_bytes:
        return "segments do not add up to the rows"
    return None


def _wrong_files(result: TaskResult) -> str | None:
    paths = [file.path for file in result.files]
    if len(set(paths)) < len(paths):
        return "a file is named twice"
    if any("\0" in path or {"", ".", ".."} & set(path.split("/")) for path in paths):
        return "a file lies outside of the folder"
    return None
