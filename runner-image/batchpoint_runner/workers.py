"""The line to the worker host: a Unix socket that one host at a time may hold.

Frames come in on a thread and become events; the engine's thread sends. When the host goes away, the
line stays open for it or its successor to come back.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from batchpoint_runner import results
from batchpoint_runner.contract import ExitCode
from batchpoint_runner.errors import ScriptUnusable
from batchpoint_runner.events import (
    Crashed,
    Event,
    HostConnected,
    HostLost,
    HostUnusable,
    TaskEnded,
    Terminate,
    WorkerChanged,
)
from batchpoint_runner.tasks import Task
from batchpoint_worker import wire


class HostLine:
    """Listens for the worker host and speaks with it.

    Args:
        path: Of the socket; a stale one is replaced.
        tasks_directory: Where the workers make one folder per task.
        post: Takes events, from any thread.
    """

    def __init__(self, path: Path, tasks_directory: Path, post: Callable[[Event], None]) -> None:
        self._path = path
        self._tasks_directory = tasks_directory
        self._post = post
        self._lock = threading.Lock()
        self._gone = threading.Condition(self._lock)
        self._exit_code: int | None = None
        self._connection: socket.socket | None = None
        self._setup: Mapping[str, Any] | None = None
        self._prepared: Mapping[str, Any] | None = None
        self._hello: frozenset[str] | None = None
        self._items: dict[str, int] = {}
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self._server: socket.socket | None = None

    def listen(self) -> None:
        """Open the socket and begin to accept, in the background."""
        self._path.unlink(missing_ok=True)
        self._server = server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(str(self._path))
        server.listen(4)
        self._thread = threading.Thread(
            target=self._accept, args=(server,), name="worker-host-line", daemon=True
        )
        self._thread.start()

    def prepare(self, setup: Mapping[str, Any]) -> None:
        """Let a host that waits for its set-up begin with what needs neither model nor code.

        Args:
            setup: What `provide` will be given when they are there.
        """
        with self._lock:
            self._prepared = setup
            if self._setup is None:
                self._send({"type": "prepare", **setup})

    def provide(self, setup: Mapping[str, Any]) -> None:
        """Give what workers need; goes to the host at once if it waits, and to each that comes."""
        with self._lock:
            self._setup = setup
            in_hand = self._hello if self._connection else None
            if in_hand is not None:
                self._send({"type": "setup", **setup})
                # Within the lock, so that a loss that follows is told after it.
                self._post(HostConnected(in_hand=in_hand))

    def submit(self, task: Task) -> None:
        """Send a task. If the host is gone it is lost, and `HostLost` tells."""
        head = {
            "type": "task",
            "task": task.id,
            "mini_batch": task.mini_batch,
            "attempt": task.attempt,
            "timeout_seconds": task.timeout_seconds,
            "directory": str(self._tasks_directory / task.id),
            "items": [{"path": path, "name": name} for path, name in task.items],
        }
        with self._lock:
            self._items[task.id] = len(task.items)
            self._send(head)

    def abandon(self, task: str) -> None:
        """Have a task forgotten and its worker killed; no result follows."""
        with self._lock:
            self._items.pop(task, None)
            self._send({"type": "abandon", "task": task})

    def dismiss(self) -> None:
        """Let the workers shut down, while the host stays; see `release`."""
        with self._lock:
            self._send({"type": "dismiss"})

    def release(self, code: int) -> None:
        """Let the host go with the code that its container leaves with, now or when it comes."""
        with self._lock:
            self._exit_code = code
            self._send({"type": "exit", "code": code})

    def wait_until_gone(self, seconds: float) -> None:
        """Wait until no host is connected, at most so long."""
        with self._lock:
            self._gone.wait_for(lambda: self._connection is None, timeout=seconds)

    def close(self) -> None:
        """Stop listening and hang up on the host, if one is there."""
        with self._lock:
            self._is_closed = True
            for line in (self._server, self._connection):
                # Unlike `close`, this wakes the thread that waits on it.
                with contextlib.suppress(OSError):
                    if line is not None:
                        line.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()
        if self._server is not None:
            self._server.close()

    def _send(self, head: dict[str, Any]) -> None:
        if self._connection is not None:
            # The reading thread notices the loss and tells the engine.
            with contextlib.suppress(wire.WireError):
                wire.send(self._connection, head)

    def _accept(self, server: socket.socket) -> None:
        try:
            while not self._is_closed:
                connection, _ = server.accept()
                # One at a time: user code that connects while its host is there only waits in the
                # backlog, and gets nothing.
                with connection:
                    self._serve(connection)
        except BaseException as exc:  # noqa: BLE001 - a thread must not lose an error
            if not self._is_closed:
                self._post(Crashed(error=exc))

    def _serve(self, connection: socket.socket) -> None:
        cause = "it closed the connection"
        try:
            if not self._greet(connection):
                return
            while (frame := wire.receive(connection)) is not None:
                self._take_in(frame)
        except wire.WireError as exc:
            cause = str(exc)
        finally:
            with self._lock:
                was_greeted = self._connection is connection
                self._connection = None
                self._hello = None
                self._gone.notify_all()
        if was_greeted:
            self._post(HostLost(cause=cause))

    def _greet(self, connection: socket.socket) -> bool:
        connection.settimeout(10)
        hello = wire.receive(connection)
        connection.settimeout(None)
        if hello is None or hello.head["type"] != "hello":
            return False
        if hello.head.get("version") != wire.VERSION:
            wire.send(connection, {"type": "exit", "code": 14})
            return False
        in_hand = frozenset(_texts(hello.head.get("in_hand")))
        with self._lock:
            self._connection = connection
            self._hello = in_hand
            setup = self._setup if self._exit_code is None else None
            if self._exit_code is not None:
                self._send({"type": "exit", "code": self._exit_code})
            elif setup is not None:
                self._send({"type": "setup", **setup})
            elif self._prepared is not None:
                self._send({"type": "prepare", **self._prepared})
        if setup is not None:
            self._post(HostConnected(in_hand=in_hand))
        return True

    def _take_in(self, frame: wire.Frame) -> None:
        head = frame.head
        match head["type"]:
            case "result":
                with self._lock:
                    items = self._items.pop(str(head.get("task")), None)
                if items is None:
                    return
                result = results.parse(head, items=items, body_bytes=len(frame.body))
                self._post(TaskEnded(result=result, body=frame.body))
            case "worker":
                worker, state = _number(head.get("worker"), 0), str(head.get("state"))
                notes = _texts(head.get("notes"))
                self._post(WorkerChanged(worker=worker, state=state, notes=notes))
            case "unusable":
                self._post(_unusable(head))
            case "terminate":
                self._post(Terminate())
            case _:
                raise wire.WireError(f"a frame of unknown type {head['type']!r}")


def _unusable(head: Mapping[str, Any]) -> HostUnusable:
    error = head.get("error")
    details: Mapping[str, Any] = error if isinstance(error, dict) else {}
    reason = str(head.get("reason") or ScriptUnusable.default_reason)
    return HostUnusable(
        code=_number(head.get("code"), ExitCode.CANNOT_START),
        reason=reason,
        message=str(details.get("message") or reason),
        traceback=str(details.get("traceback") or "")[: results.TRACEBACK_CHARACTERS],
    )


def _texts(value: object) -> tuple[str, ...]:
    """Return a list's entries as texts; what is no list is empty. The frame may hold anything."""
    return tuple(str(entry) for entry in value) if isinstance(value, list) else ()


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise
