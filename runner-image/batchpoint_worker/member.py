"""One worker process as the host sees it: its connection, its streams, its folders, and its end.

What happens next is decided in `pool`; a member only carries it out and tells.
"""

from __future__ import annotations

import array
import enum
import os
import selectors
import shutil
import socket
from typing import Any, Callable, Dict, NamedTuple, Optional

from batchpoint_worker import (
    channel,
    children,
    faults,
    journal,
    processes,
    streams,
    wire,
    worker,
)

DUMP_SECONDS = 0.2
"""What a worker that took too long has to write down where it hangs, before it is killed."""

RECEIVE_TURNS = 2 + wire.INLINE_BODY_BYTES // channel.READ_BYTES
"""Reads that take in the last result of a worker that ended right after it."""

VANISH_SECONDS = 0.5
"""A worker whose connection is closed has this long to be seen dead; else it has closed it alive."""

KILL_SECONDS = 10.0
"""After SIGKILL: when the kernel has still not ended the process, it is given up."""


class State(enum.Enum):
    """Where a worker is in its life."""

    STARTING = "Starting"
    IDLE = "Idle"
    SENT = "Sent"
    """It was given a mini-batch and has not called `run` yet."""
    RUNNING = "Running"
    RENDERING = "Rendering"
    DUMPING = "Dumping"
    """It took too long and may say where it hangs, or its connection is closed; killed in a moment."""
    ENDING = "Ending"
    """It was killed, and its end has not been seen yet."""
    LEAVING = "Leaving"
    """It was asked to shut down."""


BUSY = frozenset((State.SENT, State.RUNNING, State.RENDERING))


class End(NamedTuple):
    """Why the host killed a worker."""

    outcome: str
    """Of the attempt in hand: "TimedOut", "Died", "OutOfMemory" or "DiskFull"."""
    error: faults.Error


class Events(NamedTuple):
    """Whom a member tells."""

    frame: Callable[["Member", wire.Frame], None]
    lost: Callable[["Member", str, bool], None]
    """Its connection broke, or (True) carried something that is no frame."""


class Member:
    """A worker process.

    Args:
        number: From 0.
        folder: Its private folder, made here, with ``output`` and ``cwd`` in it.
        is_fork: Whether the fork server makes it.
        log: Of its number.
        selector: The host's.
        events: See there.
    """

    def __init__(
        self,
        number: int,
        folder: str,
        is_fork: bool,
        log: journal.Journal,
        selector: selectors.BaseSelector,
        events: Events,
    ) -> None:
        self.number = number
        self.key = os.path.basename(folder)
        self.is_fork = is_fork
        self.folder = folder
        self.output = os.path.join(folder, "output")
        self.directory = os.path.join(folder, "cwd")
        self.pid: Optional[int] = None
        self.state = State.STARTING
        self.deadline: Optional[float] = None
        self.task: Optional[Dict[str, Any]] = None
        self.run_started = 0.0
        self.end: Optional[End] = None
        self.end_if_alive: Optional[End] = None
        self.log = log
        self.ready_head: Optional[Dict[str, Any]] = None
        for made in (self.output, self.directory):
            os.makedirs(made, exist_ok=True)
        self.ends = children.connect()
        self._channel = channel.Channel(
            self.ends.connection,
            selector,
            lambda frame: events.frame(self, frame),
            lambda why, is_nonsense: events.lost(self, why, is_nonsense),
            wire.INLINE_BODY_BYTES,
        )
        self.streams = streams.Streams(self.ends.stdout, self.ends.stderr, log, selector)

    @property
    def is_alive(self) -> bool:
        """Whether it may still work: not killed, not leaving."""
        return self.state not in (State.DUMPING, State.ENDING, State.LEAVING)

    def send(self, head: Dict[str, Any]) -> None:
        """Send a frame to the process."""
        self._channel.send(head)

    def give(self, task: Dict[str, Any], deadline: float) -> None:
        """Hand over a mini-batch."""
        self.task = task
        self.run_started = 0.0
        self.state = State.SENT
        self.deadline = deadline
        self.log.begin("mini-batch %(mini_batch)s attempt %(attempt)s task %(task)s" % task)
        self.send(task)

    def take_back(self) -> Dict[str, Any]:
        """End the attempt: what was printed is written down, the worker is idle again."""
        task = self.task
        assert task is not None
        self.streams.drain()
        self.log.begin("-")
        self.task, self.deadline, self.state = None, None, State.IDLE
        return task

    def dump(self, now: float, end: End) -> None:
        """Ask a worker that took too long where it hangs; it is killed a moment later."""
        self.end = end
        if worker.DUMP_SIGNAL is None or self.pid is None:
            self.kill(now)
            return
        self.streams.drain()
        self.log.forget_tail()
        self.state = State.DUMPING
        self.deadline = now + DUMP_SECONDS
        try:
            os.kill(self.pid, worker.DUMP_SIGNAL)
        except ProcessLookupError:
            pass

    def vanish(self, now: float, end_if_alive: End) -> None:
        """Wait a moment for the end of a worker whose connection is closed, then kill it."""
        self.end_if_alive = end_if_alive
        self.state = State.DUMPING
        self.deadline = now + VANISH_SECONDS

    def kill(self, now: float, end: Optional[End] = None) -> None:
        """Kill the process, its group and all it has started. Its end is told by the kernel."""
        self.end = end or self.end
        self.state = State.ENDING
        self.deadline = now + KILL_SECONDS
        if self.pid is not None:
            processes.kill_family(self.pid)

    def leave(self, deadline: float) -> None:
        """Ask an idle worker to shut down in good order."""
        self.state = State.LEAVING
        self.deadline = deadline
        self.send({"type": "shutdown"})

    def dispose(self) -> None:
        """Read the last of what it printed, close everything, remove its private folder."""
        self.streams.close()
        self.log.end()
        self._channel.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def receive(self) -> None:
        """Handle frames that arrived before the process ended."""
        for _ in range(RECEIVE_TURNS):
            self._channel.read()


def spawn(member: Member, setup: Dict[str, Any], environment: Dict[str, str]) -> None:
    """Start a worker that loads user code itself.

    Raises:
        OSError: The system refuses another process.
    """
    try:
        member.pid = children.start("worker", member.ends, environment, member.directory)
    finally:
        member.ends.close_theirs()
    member.send({"type": "setup", "setup": setup, "number": member.number, "output": member.output})


def fork(member: Member, server: socket.socket, environment: Dict[str, str]) -> None:
    """Ask the fork server, over its own connection, for a worker. Its pid comes later.

    Raises:
        OSError: The fork server is gone.
    """
    head = {
        "type": "fork",
        "key": member.key,
        "number": member.number,
        "output": member.output,
        "directory": member.directory,
        "environment": environment,
    }
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", member.ends.theirs()))
    data = wire.encode(head)
    try:
        if server.sendmsg([data], [rights]) != len(data):
            raise OSError("the fork server does not take orders")
    finally:
        member.ends.close_theirs()
