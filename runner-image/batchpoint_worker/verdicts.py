"""The result frames of attempts, and the sentences in which the host explains how a worker ended."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional

from batchpoint_worker import faults, processes, wire

_COUNTS = ("first", "count", "rows", "length")


def failed(
    task: Mapping[str, Any],
    worker: Optional[int],
    outcome: str,
    run_seconds: float,
    error: faults.Error,
) -> Dict[str, Any]:
    """Return the result of an attempt that the worker could not report itself."""
    return {
        "type": "result",
        "task": task["task"],
        "worker": worker,
        "outcome": outcome,
        "run_seconds": run_seconds,
        "error": error,
        "segments": [],
        "columns": None,
        "failed": [],
        "short": 0,
        "files": [],
        "body": "None",
        "warnings": [],
    }


def relayed(
    head: Mapping[str, Any], body: bytes, task: Mapping[str, Any], worker: int
) -> Dict[str, Any]:
    """Return a worker's own result as it goes to the runner: the known keys and nothing else.

    Raises:
        ValueError, TypeError: User code took over the connection and sent something else.
    """
    result = {"type": "result", "task": task["task"], "worker": worker}
    for key in wire.RESULT_KEYS[2:]:
        if key not in head:
            raise ValueError("a result without %s" % key)
        result[key] = head[key]
    if result["outcome"] not in ("Succeeded", "Failed"):
        raise ValueError("a result of unknown outcome")
    if not isinstance(result["run_seconds"], (int, float)):
        raise TypeError("a result with a duration that is no number")
    if (result["outcome"] == "Failed") != isinstance(result["error"], dict):
        raise ValueError("a result whose error does not fit its outcome")
    if (result["body"] == "Inline") != bool(body):
        raise ValueError("a result whose rows do not fit its head")
    _check_segments(result["segments"], body if result["body"] == "Inline" else None, task)
    return result


def _check_segments(segments: Any, body: Optional[bytes], task: Mapping[str, Any]) -> None:
    if not isinstance(segments, list):
        raise TypeError("a result without segments")
    items, length = len(task["items"]), 0
    for one in segments:
        if not isinstance(one, dict) or not all(isinstance(one.get(k), int) for k in _COUNTS):
            raise ValueError("a result with a segment that is none")
        if one["first"] < 0 or one["count"] < 0 or one["first"] + one["count"] > items:
            raise ValueError("a result with a segment of other files")
        length += one["length"]
    if body is not None and length != len(body):
        raise ValueError("a result whose segments do not cover its rows")


def timed_out(seconds: float) -> faults.Error:
    """Return the error of a `run` that was stopped."""
    message = (
        "run() took longer than %g seconds and was stopped. Use smaller mini-batches, or raise"
        " retrySettings.timeoutSeconds" % seconds
    )
    return faults.error("TimedOut", message)


def rendering_took_too_long(seconds: float) -> faults.Error:
    """Return the error of a worker that was stopped while it wrote what `run` had returned."""
    message = "writing what run() returned took longer than %g seconds and was stopped" % seconds
    return faults.error("TimedOut", message)


def died(status: int, stderr: str, kernel_killed: bool) -> faults.Error:
    """Return the error of a worker that ended by itself, with what it last wrote to stderr."""
    message = "The worker %s while run() worked on this mini-batch" % processes.how_it_ended(status)
    if kernel_killed:
        message = (
            "The kernel killed the worker (SIGKILL) because the container's memory is used up; give"
            " the instance more memory, or use fewer workers or smaller mini-batches"
        )
        return faults.error("OutOfMemory", message, stderr)
    if os.WIFSIGNALED(status):
        message += processes.likely_cause(status) or (
            "; native code crashed, or user code sent the signal"
        )
    else:
        message += "; user code must not end its process, raise an exception instead"
    return faults.error("WorkerDied", message, without_our_frames(stderr))


def out_of_memory(used_bytes: int, limit_bytes: int) -> faults.Error:
    """Return the error of a worker that was killed for its memory."""
    message = (
        "The worker used %.1f MiB of memory, more than its %.1f MiB, and was killed; use smaller"
        " mini-batches, fewer workers per instance or more memory"
        % (used_bytes / 2.0**20, limit_bytes / 2.0**20)
    )
    return faults.error("OutOfMemory", message)


def disk_full(used_bytes: int, limit_bytes: int) -> faults.Error:
    """Return the error of a worker that was killed for what it wrote."""
    message = (
        "The worker wrote %.1f MiB to its private folders, more than its %.1f MiB, and was killed"
        % (used_bytes / 2.0**20, limit_bytes / 2.0**20)
    )
    return faults.error("DiskFull", message)


def garbage(why: str) -> faults.Error:
    """Return the error of a worker that sent nonsense over its connection to the host."""
    message = (
        "The worker's connection to its host was misused (%s); user code must leave descriptors that"
        " it did not open alone" % why
    )
    return faults.error("WorkerDied", message)


def without_our_frames(dump: str) -> str:
    """Remove this package's lines from what `faulthandler` wrote."""
    lines: List[str] = dump.splitlines(keepends=True)
    return "".join(
        line
        for line in lines
        if not (line.startswith("  File ") and ("batchpoint_worker/" in line or "<string>" in line))
    )
