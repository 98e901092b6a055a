"""Frames between runner and worker host, and between worker host and workers.

A frame is a JSON head and a raw body, each preceded by its length: ``>IQ`` (head bytes, body bytes),
then the head as UTF-8 JSON, then the body untouched. Nothing is ever pickled, so user code that takes
over a worker can send nonsense but cannot run code elsewhere. This is the only module that the runner
shares with the worker host.

Messages (the head's ``type``); `docs/architecture.md` tells who sends which and when:

======== =========== ==============================================================================
sender   type        other keys of the head
======== =========== ==============================================================================
host     hello       version, host (random id), pid, python, executable, in_hand (task ids it works on)
runner   setup       everything that workers need, see :data:`SETUP_KEYS`; model and code are there
runner   prepare     the same before they are there: whatever needs neither may begin. Optional
host     worker      worker, state (Starting, Ready, Lost), init_mode, init_seconds, notes; told again
                     after each setup, and when the way of starting changes
host     unusable    code (10 or 14), reason, error: no worker can start; nothing more will follow
runner   task        task, mini_batch, attempt, timeout_seconds, directory, items [{path, name}]
host     result      task, worker, outcome, run_seconds, error, segments, columns, failed, short,
                     files, body, warnings; see :data:`RESULT_KEYS`. Frame body: the rows
runner   abandon     task: kill its worker if it runs, forget it if it waits; no result follows
host     terminate   the host was told to end (SIGTERM): drain, then answer with exit
runner   dismiss     all is scored: shut workers down in good order, and wait for the exit. Optional
runner   exit        code: shut workers down in good order, then leave with this code
======== =========== ==============================================================================
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any, Dict, NamedTuple, Optional, Tuple

VERSION = 1
"""Of this protocol; in the first frame of either side. A difference ends the connection in words."""

MAX_HEAD_BYTES = 64 * 1024 * 1024
MAX_BODY_BYTES = 1024 * 1024 * 1024

INLINE_BODY_BYTES = 8 * 1024 * 1024
"""Rows up to this size travel in the frame; larger ones as the file ``<directory>/rows``."""

JOIN_BYTES = 64 * 1024
"""A body up to this size is copied behind its head, which is cheaper than a second system call."""

SETUP_KEYS = (
    "version",
    "driver",  # "Script" or "MLflow"
    "script",  # absolute path of the scoring script; null for MLflow
    "code_directory",  # first on sys.path; null for MLflow
    "model_directory",  # value of AZUREML_MODEL_DIR: a folder with exactly one entry; null: no model
    "workers",  # how many processes run user code
    "threads_per_worker",  # of BLAS and OpenMP pools, at least 1
    "init_mode",  # "Auto", "Fork" or "Spawn"
    "init_timeout_seconds",
    "environment",  # the deployment's variables, strings
    "logging_level",  # "Warning", "Info" or "Debug"
    "output_action",  # "AppendRow" or "SummaryOnly"
    "output_format",  # "CSV", "JSONLines", "Parquet" or "AzureRows"
    "scratch_directory",  # writable; workers' folders, logs and task folders lie in it
    "worker_memory_bytes",  # a worker above it is killed; null: a share of what the machine has
    "worker_disk_bytes",  # of a worker's private folders; null: no limit
    "log_bytes_per_task",  # stdout and stderr kept per mini-batch attempt; the rest is counted
    "row_batch_rows",  # rows per predict call of the MLflow driver
)

RESULT_KEYS = (
    "task",
    "worker",
    "outcome",  # "Succeeded", "Failed", "TimedOut", "Died", "OutOfMemory" or "DiskFull"
    "run_seconds",
    "error",  # null or {"type", "message", "traceback"}
    "segments",  # [{"first", "count", "rows", "length"}]: items first..first+count-1 of the task
    "columns",  # list of names, or null when the format has none or there is no row
    "failed",  # [{"index", "type", "message", "traceback"}]: items that failed by themselves
    "short",  # how many items the length rule counts as failed, not known which
    "files",  # [{"path", "size"}] below <directory>/files
    "body",  # "Inline", "File" or "None"
    "warnings",  # sentences, each once per task at most
)


class WireError(Exception):
    """The other side closed the connection or sent something that is no frame."""


class Frame(NamedTuple):
    """One message: ``head`` is a JSON object with a ``type``, ``body`` is raw bytes, often empty."""

    head: Dict[str, Any]
    body: bytes


_LENGTHS = struct.Struct(">IQ")


def lengths(head_bytes: int, body_bytes: int) -> bytes:
    """Return what stands before every frame."""
    return _LENGTHS.pack(head_bytes, body_bytes)


def parse_lengths(
    data: bytearray, max_body_bytes: int = MAX_BODY_BYTES
) -> Optional[Tuple[int, int, int]]:
    """Return where head, body and the next frame start; None when too little has arrived.

    Raises:
        WireError: A length is above its limit.
    """
    if len(data) < _LENGTHS.size:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack_from(data)
    if head_bytes > MAX_HEAD_BYTES or body_bytes > max_body_bytes:
        raise WireError("a frame of %d + %d bytes is above the limit" % (head_bytes, body_bytes))
    start = _LENGTHS.size
    return start, start + head_bytes, start + head_bytes + body_bytes


def parse_head(raw: bytes) -> Dict[str, Any]:
    """Return the head of a frame.

    Raises:
        WireError: It is not a JSON object with a ``type``.
    """
    try:
        head = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise WireError("the head of a frame is not JSON") from exc
    if not isinstance(head, dict) or not isinstance(head.get("type"), str):
        raise WireError("the head of a frame is not an object with a type")
    return head


def encode(head: Dict[str, Any], body: bytes = b"") -> bytes:
    """Return the bytes of one frame. The body is copied; use :func:`send` for large ones."""
    raw = json.dumps(head, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(raw), len(body)) + raw + body


def send(connection: socket.socket, head: Dict[str, Any], body: bytes = b"") -> None:
    """Write one frame, blocking. One thread per connection may send at a time.

    Raises:
        WireError: The other side is gone.
    """
    raw = json.dumps(head, separators=(",", ":")).encode()
    start = _LENGTHS.pack(len(raw), len(body)) + raw
    try:
        if len(body) <= JOIN_BYTES:
            connection.sendall(start + body)
        else:
            connection.sendall(start)
            connection.sendall(body)
    except OSError as exc:
        raise WireError("the connection broke while a frame was sent: %s" % exc) from exc


def receive(connection: socket.socket) -> Optional[Frame]:
    """Read one frame, blocking. None when the other side closed the connection between frames.

    Raises:
        WireError: The connection broke inside a frame, or what arrived is no frame.
    """
    prefix = _read(connection, _LENGTHS.size, may_end=True)
    if prefix is None:
        return None
    places = parse_lengths(prefix)
    if places is None:
        raise WireError("the other side left in the middle of a frame")
    start, body_start, end = places
    raw = _read(connection, body_start - start) or b""
    body = (_read(connection, end - body_start) if end > body_start else None) or b""
    return Frame(parse_head(bytes(raw)), bytes(body))


def _read(connection: socket.socket, size: int, may_end: bool = False) -> Optional[bytearray]:
    buffer = bytearray(size)
    view = memoryview(buffer)
    done = 0
    while done < size:
        try:
            count = connection.recv_into(view[done:])
        except OSError as exc:
            raise WireError("the connection broke while a frame was read: %s" % exc) from exc
        if count == 0:
            if may_end and done == 0:
                return None
            raise WireError("the other side left in the middle of a frame")
        done += count
    return buffer
