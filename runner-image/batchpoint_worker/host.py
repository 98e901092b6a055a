"""The worker host: the process in the user's image that runs workers and speaks with the runner.

Single-threaded, around one selector. It keeps workers and results while the runner is away and comes
back to it; it leaves with the code that the runner tells, or with 1 when the runner stays away. As
process 1 of a container it also waits for every child that ends, whoever started it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import selectors
import signal
import socket
import sys
import time
import uuid
from typing import Any, Dict, List, Optional, Sequence

from batchpoint_worker import channel, faults, journal, loader, pool, processes, slots, wire

logger = logging.getLogger("batchpoint.worker")

CRASHED = 1
"""Exit code: the runner stayed away, or the host was told to end at once."""

CONNECT_SECONDS = 0.02
"""Between two attempts to reach the runner, which may take as long to start as this process."""

LOST_SECONDS = 60.0
"""Without a runner, at the start or later, after which the host gives up."""

_PATH_BYTES = 100
"""A Unix socket's address holds 108 bytes; a longer path is reached through its folder."""


class Host:
    """Connects runner and workers.

    Args:
        path: Of the runner's socket.
        echo_logs: Whether what workers print also goes to this process's stdout.
        lost_seconds: See :data:`LOST_SECONDS`.
    """

    def __init__(
        self, path: str, echo_logs: bool = False, lost_seconds: float = LOST_SECONDS
    ) -> None:
        self._path = path
        self._lost_seconds = lost_seconds
        self._id = uuid.uuid4().hex
        self._selector = selectors.DefaultSelector()
        self._line: Optional[channel.Channel] = None
        self._is_greeted = False
        self._outbox: List[channel.Message] = []
        self._setup: Optional[Dict[str, Any]] = None
        self._pool: Optional[pool.Pool] = None
        self._around = pool.Surroundings(
            self._selector,
            self._deliver,
            dict(os.environ),
            journal.echo_to(sys.stdout.fileno()) if echo_logs else None,
            loader.Early(),
        )
        self._lost_since = time.monotonic()
        self._connect_at = 0.0
        self._is_terminating = False
        self._leave_code: Optional[int] = None
        self._exit_code: Optional[int] = None

    def run(self, hint: Optional[Dict[str, Any]] = None) -> int:
        """Work until told to leave; return the code to leave with. No process is left behind.

        Args:
            hint: Keys of the set-up that will probably come, enough to begin with it.
        """
        self._catch_signals()
        processes.adopt_orphans()
        try:
            if hint is not None:
                slots.begin_early(self._around.early, hint, self._around.inherited)
            while self._exit_code is None:
                wait = max(0.0, self._next_deadline() - time.monotonic())
                for key, mask in self._selector.select(wait):
                    key.data(mask)
                self._step(time.monotonic())
            return self._exit_code
        finally:
            self._around.early.discard()
            if self._pool is not None:
                self._pool.stop()

    def _next_deadline(self) -> float:
        now = time.monotonic()
        times = [now + self._lost_seconds]
        if self._line is None:
            times += [self._connect_at, self._lost_since + self._lost_seconds]
        if self._pool is not None:
            times.append(self._pool.next_deadline(now))
        return min(times)

    def _step(self, now: float) -> None:
        if self._pool is not None:
            self._pool.tick(now)
        if self._leave_code is not None:
            if self._pool is None or self._pool.is_empty:
                self._exit_code = self._leave_code
            return
        if self._line is None and now >= self._connect_at:
            self._connect(now)
        if self._line is None and now >= self._lost_since + self._lost_seconds:
            logger.error("Runner stayed away for %g s: %s", self._lost_seconds, self._path)
            self._exit_code = CRASHED

    # The runner.

    def _connect(self, now: float) -> None:
        self._connect_at = now + CONNECT_SECONDS
        try:
            connection = _connected(self._path)
        except OSError:
            return
        self._is_greeted = False
        self._line = channel.Channel(connection, self._selector, self._frame, self._lost)
        waiting = [head["task"] for head, _ in self._outbox]
        in_hand = self._pool.in_hand() if self._pool is not None else []
        self._line.send(
            {
                "type": "hello",
                "version": wire.VERSION,
                "host": self._id,
                "pid": os.getpid(),
                "python": platform.python_version(),
                "executable": sys.executable,
                "in_hand": sorted(set(in_hand + waiting)),
            }
        )
        if self._is_terminating and self._line is not None:
            self._line.send({"type": "terminate"})

    def _lost(self, why: str, _is_nonsense: bool) -> None:
        logger.warning("Runner lost: %s", why)
        now = time.monotonic()
        if self._line is not None and self._is_greeted:
            results = [one for one in self._line.unsent() if one[0]["type"] == "result"]
            self._outbox = results + self._outbox
            self._lost_since = now
        self._line, self._is_greeted = None, False
        self._connect_at = now + CONNECT_SECONDS

    def _deliver(self, head: Dict[str, Any], body: bytes) -> None:
        """Send to the runner; results wait for it when it is away, states are told anew."""
        if self._line is not None and self._is_greeted:
            self._line.send(head, body)
        elif head["type"] == "result":
            self._outbox.append((head, body))

    def _frame(self, frame: wire.Frame) -> None:
        head = frame.head
        kind = head["type"]
        if self._leave_code is not None:
            return
        if kind == "prepare" and self._pool is None:
            self._set_up(head, may_load=False)
        elif kind == "setup":
            self._set_up(head, may_load=True)
        elif kind == "dismiss" and self._pool is not None:
            self._pool.close(time.monotonic())
        elif kind == "exit":
            self._leave(int(head["code"]))
        elif kind == "task" and self._pool is not None:
            self._pool.submit(head)
        elif kind == "abandon" and self._pool is not None:
            self._outbox = [one for one in self._outbox if one[0]["task"] != head["task"]]
            self._pool.abandon(head["task"])

    def _set_up(self, head: Dict[str, Any], *, may_load: bool) -> None:
        setup = {key: head[key] for key in head if key != "type"}
        missing = [key for key in wire.SETUP_KEYS if key not in setup]
        if missing or setup["version"] != wire.VERSION:
            logger.error(
                "Setup of version %s not understood, missing keys: %s; runner and worker host must be"
                " of one version",
                setup.get("version"),
                ", ".join(missing) or "none",
            )
            self._exit_code = faults.WRONG_CONFIGURATION
            return
        if self._pool is None or self._pool.is_closing or setup != self._setup:
            if self._pool is not None:
                self._pool.stop()
            self._outbox = []
            self._setup = setup
            self._pool = pool.Pool(setup, self._around, may_load)
        if not may_load:
            return
        self._is_greeted = True
        self._pool.load(time.monotonic())
        self._pool.announce()
        outbox, self._outbox = self._outbox, []
        for head, body in outbox:
            self._deliver(head, body)

    def _leave(self, code: int) -> None:
        self._leave_code = code
        if self._pool is not None:
            self._pool.close(time.monotonic())

    # Signals.

    def _catch_signals(self) -> None:
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._wake = (reader, writer)
        self._selector.register(reader, selectors.EVENT_READ, self._woken)
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: None)

    def _woken(self, _mask: int) -> None:
        try:
            numbers = self._wake[0].recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        self._reap()
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._terminate()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._around.early.ended(pid)
            if self._pool is not None:
                self._pool.child_ended(pid, status)

    def _terminate(self) -> None:
        if self._is_terminating:
            self._exit_code = CRASHED
            return
        self._is_terminating = True
        if self._line is not None:
            self._line.send({"type": "terminate"})


def _connected(path: str) -> socket.socket:
    """Return a connection to the runner.

    Raises:
        OSError: Nobody listens there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = -1
    try:
        address = path
        if len(os.fsencode(path)) > _PATH_BYTES and os.path.isdir("/proc/self/fd"):
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            address = "/proc/self/fd/%d/%s" % (folder, os.path.basename(path))
        connection.settimeout(5.0)
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    finally:
        if folder >= 0:
            os.close(folder)
    return connection


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the worker host; return the code to leave with.

    Args:
        arguments: Of the command line; None: ``sys.argv[1:]``.
    """
    parser = argparse.ArgumentParser(prog="host.pyz", description="Batchpoint's worker host.")
    parser.add_argument("--socket", required=True, help="path of the runner's Unix socket")
    parser.add_argument(
        "--echo-logs", action="store_true", help="also write what workers print to stdout"
    )
    parser.add_argument(
        "--lost-seconds",
        type=float,
        default=LOST_SECONDS,
        help="leave with code 1 after so long without a runner (default: %(default)s)",
    )
    parser.add_argument(
        "--begin-with",
        type=json.loads,
        metavar="JSON",
        help="keys of the set-up that the runner will probably send; saves its start-up time",
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s worker host: %(message)s")
    host = Host(os.path.abspath(options.socket), options.echo_logs, options.lost_seconds)
    return host.run(options.begin_with)
