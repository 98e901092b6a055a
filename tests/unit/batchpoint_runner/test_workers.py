"""The line to the worker host, over a real Unix socket with a scripted host at the other end."""

from __future__ import annotations

import queue
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_runner.events import (
    Event,
    HostConnected,
    HostLost,
    HostUnusable,
    TaskEnded,
    Terminate,
    WorkerChanged,
)
from batchpoint_runner.results import Outcome
from batchpoint_runner.tasks import Task
from batchpoint_runner.workers import HostLine
from batchpoint_worker import wire
from support import builders

SECONDS = 10.0
"""Until something that should happen has surely not happened."""

SETUP = {"workers": 2}
HELLO = {"type": "hello", "version": wire.VERSION, "in_hand": []}
TASK = Task(id="t-1", mini_batch=7, attempt=2, timeout_seconds=30, items=(("/in/a", "a"),))


class Line:
    """A listening line, the events that it posted, and hosts that connect to it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "s"
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.line = HostLine(self.path, folder / "tasks", self.events.put)
        self.tasks = folder / "tasks"
        self.line.listen()
        self.hosts: list[socket.socket] = []

    def host(self, hello: dict[str, Any] | None = None) -> socket.socket:
        """Connect and say hello."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(SECONDS)
        connection.connect(str(self.path))
        self.hosts.append(connection)
        wire.send(connection, HELLO if hello is None else hello)
        return connection

    def event(self) -> Event:
        """Return what is posted next."""
        return self.events.get(timeout=SECONDS)

    def ready(self) -> socket.socket:
        """Return a host that has its set-up."""
        self.line.provide(SETUP)
        host = self.host()
        assert {"type": "setup", **SETUP} == head(host)
        assert HostConnected(in_hand=frozenset()) == self.event()
        return host


def head(host: socket.socket) -> dict[str, Any] | None:
    """Return the head of the next frame; None at the end."""
    frame = wire.receive(host)
    return None if frame is None else frame.head


@pytest.fixture
def line() -> Iterator[Line]:
    """A line in a folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        one = Line(Path(folder))
        yield one
        for host in one.hosts:
            host.close()
        one.line.close()


def test_a_host_that_comes_first_waits_for_its_setup(line: Line) -> None:
    """The engine hears of it when both are there."""
    host = line.host(HELLO | {"in_hand": ["t-1"]})
    wire.send(host, {"type": "worker", "worker": 0, "state": "Starting", "notes": ["n"]})
    assert WorkerChanged(worker=0, state="Starting", notes=("n",)) == line.event()
    line.line.provide(SETUP)
    assert {"type": "setup", **SETUP} == head(host)
    assert HostConnected(in_hand=frozenset(["t-1"])) == line.event()


@pytest.mark.parametrize("host_is_first", [True, False], ids=["host first", "host later"])
def test_a_host_may_begin_before_its_setup(line: Line, host_is_first: bool) -> None:
    """It is told what is known; the engine hears of it when the rest is there."""
    if host_is_first:
        host = line.host(HELLO)
        wire.send(host, {"type": "worker", "worker": 0, "state": "Starting", "notes": []})
        line.event()
        line.line.prepare(SETUP)
    else:
        line.line.prepare(SETUP)
        host = line.host(HELLO)
    assert {"type": "prepare", **SETUP} == head(host)
    line.line.provide(SETUP)
    assert {"type": "setup", **SETUP} == head(host)
    assert HostConnected(in_hand=frozenset()) == line.event()


def test_a_host_that_comes_later_gets_the_setup_at_once(line: Line) -> None:
    """And so does each one after it."""
    line.ready().close()
    assert isinstance(line.event(), HostLost)
    line.ready()


def test_a_task_goes_out_as_the_protocol_says(line: Line) -> None:
    """With the folder that its worker makes."""
    host = line.ready()
    line.line.submit(TASK)
    expected = {
        "type": "task",
        "task": "t-1",
        "mini_batch": 7,
        "attempt": 2,
        "timeout_seconds": 30,
        "directory": str(line.tasks / "t-1"),
        "items": [{"path": "/in/a", "name": "a"}],
    }
    assert expected == head(host)


def test_a_result_comes_back_checked_and_with_its_rows(line: Line) -> None:
    """The body untouched."""
    host = line.ready()
    line.line.submit(TASK)
    wire.send(host, {"type": "result"} | builders.success_head("t-1", [b"a\n"]), b"a\n")
    event = line.event()
    assert isinstance(event, TaskEnded)
    assert (Outcome.SUCCEEDED, b"a\n", "t-1") == (
        event.result.outcome,
        event.body,
        event.result.task,
    )


def test_nonsense_for_a_task_is_a_failed_attempt_of_it(line: Line) -> None:
    """Not a lost host."""
    host = line.ready()
    line.line.submit(TASK)
    wire.send(host, {"type": "result", "task": "t-1", "outcome": "Succeeded", "short": 9})
    event = line.event()
    assert isinstance(event, TaskEnded)
    assert (Outcome.FAILED, "t-1") == (event.result.outcome, event.result.task)


def test_answers_that_nobody_waits_for_are_dropped(line: Line) -> None:
    """To abandoned tasks, to unknown ones, and second answers."""
    host = line.ready()
    line.line.submit(TASK)
    head(host)
    line.line.abandon("t-1")
    assert {"type": "abandon", "task": "t-1"} == head(host)
    for task in ("t-1", "unknown", {"no": "text"}):
        wire.send(host, {"type": "result"} | builders.failure_head("x") | {"task": task})
    wire.send(host, {"type": "terminate"})
    assert Terminate() == line.event()


def test_a_broken_connection_is_a_lost_host_and_another_may_come(line: Line) -> None:
    """What is submitted in between is lost, without an error."""
    line.ready().close()
    assert isinstance(line.event(), HostLost)
    line.line.submit(TASK)
    line.line.abandon("t-1")
    line.ready()


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "unheard-of"},
        pytest.param(b"\xff" * 12, id="no-frame"),
        pytest.param(wire.lengths(3, 0) + b"[1]", id="no-object"),
        pytest.param(wire.lengths(100, 0) + b"{", id="cut"),
    ],
)
def test_a_host_that_sends_no_frames_is_lost(frame: dict[str, Any] | bytes, line: Line) -> None:
    """The runner goes on and takes the next one."""
    host = line.ready()
    if isinstance(frame, bytes):
        host.sendall(frame)
        host.shutdown(socket.SHUT_WR)
    else:
        wire.send(host, frame)
    assert isinstance(line.event(), HostLost)
    line.ready()


@pytest.mark.parametrize(
    "values",
    [
        {"type": "worker", "worker": "x", "state": None, "notes": 5},
        {"type": "worker"},
        {"type": "unusable", "code": "x", "error": ["no", "object"]},
        {"type": "unusable"},
    ],
    ids=str,
)
def test_strange_values_in_a_frame_do_not_end_the_runner(
    values: dict[str, Any], line: Line
) -> None:
    """They are taken for what they most likely mean."""
    host = line.ready()
    wire.send(host, values)
    assert isinstance(line.event(), WorkerChanged | HostUnusable)
    wire.send(host, {"type": "terminate"})
    assert Terminate() == line.event()


def test_an_unusable_host_says_why(line: Line) -> None:
    """Code, reason, message and traceback reach the engine."""
    error = {"type": "ImportError", "message": "No module named x", "traceback": "tb"}
    wire.send(line.ready(), {"type": "unusable", "code": 14, "reason": "R", "error": error})
    expected = HostUnusable(code=14, reason="R", message="No module named x", traceback="tb")
    assert expected == line.event()


@pytest.mark.parametrize(
    "hello", [{"type": "result"}, HELLO | {"version": 99}], ids=["no-hello", "other-version"]
)
def test_a_stranger_is_not_let_in(hello: dict[str, Any], line: Line) -> None:
    """No set-up for him; a host of another version is told to leave as wrongly configured."""
    line.line.provide(SETUP)
    told = head(line.host(hello))
    assert told is None or {"type": "exit", "code": 14} == told
    line.ready()


@pytest.mark.parametrize("in_hand", [None, 5, "t-1", {"a": 1}], ids=str)
def test_a_hello_with_a_strange_list_has_nothing_in_hand(in_hand: Any, line: Line) -> None:
    """So that everything goes again."""
    line.line.provide(SETUP)
    line.host(HELLO | {"in_hand": in_hand})
    assert HostConnected(in_hand=frozenset()) == line.event()


def test_only_one_host_is_served_at_a_time(line: Line) -> None:
    """Whoever connects while the host is there gets nothing until it has gone."""
    host = line.ready()
    second = line.host()
    second.settimeout(0.2)
    with pytest.raises(wire.WireError):
        wire.receive(second)
    host.close()
    assert isinstance(line.event(), HostLost)
    assert HostConnected(in_hand=frozenset()) == line.event()
    second.settimeout(SECONDS)
    assert {"type": "setup", **SETUP} == head(second)


def test_a_host_is_told_to_let_its_workers_leave(line: Line) -> None:
    """And gets the code later."""
    host = line.ready()
    line.line.dismiss()
    line.line.release(0)
    assert [{"type": "dismiss"}, {"type": "exit", "code": 0}] == [head(host), head(host)]


def test_a_released_host_gets_the_code_with_which_to_leave(line: Line) -> None:
    """Now, or when it comes; and no set-up any more."""
    host = line.ready()
    line.line.release(11)
    assert {"type": "exit", "code": 11} == head(host)
    host.close()
    assert isinstance(line.event(), HostLost)
    line.line.wait_until_gone(SECONDS)
    late = line.host()
    assert {"type": "exit", "code": 11} == head(late)
    line.line.close()
    assert None is head(late)
