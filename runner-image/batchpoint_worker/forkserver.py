"""The process that loads user code once and forks workers from it.

It loads and forks, nothing else: no thread, no `run`, so that every fork starts from the same clean
state (PERFORMANCE.md §2). The host sends ``begin`` with the `loader.BEGIN_KEYS` of a set-up, ``load`` with
all of it as soon as model and code are there (which may be long after), and then ``fork`` frames, each with three descriptors (the worker's
socket, stdout, stderr); it answers ``loaded`` or ``unusable`` once, ``forked`` with the pid for each
fork (or ``refused``), and ``exited`` with the wait status when a worker has ended.
"""

from __future__ import annotations

import array
import os
import select
import signal
import socket
import sys
import tempfile
import warnings
from typing import Any, Dict, List, Mapping, Optional, Set

from batchpoint_worker import channel, entry_script, faults, loading, processes, wire, worker

DESCRIPTORS_PER_FORK = 3


def main() -> None:
    """Run the fork server: ``-c BOOT <root> <descriptor> <parent pid>``."""
    connection = worker.take_over(sys.argv)
    first = wire.receive(connection)
    if first is None:
        return
    worker.prepare_streams()
    begun = loading.begin(first.head["setup"])
    second = wire.receive(connection)
    if second is None:
        return
    setup = second.head["setup"]
    try:
        loaded = loading.load(setup, begun)
    except faults.Unusable as exc:
        wire.send(connection, worker.unusable(exc))
        return
    finally:
        worker.flush()
    server = _Server(connection, loaded)
    serve = server.run(setup)
    if serve is not None:
        # Only in a fork; its parent goes on inside the call above.
        serve.serve(loaded.seconds)


class _Server:
    def __init__(self, connection: socket.socket, loaded: loading.Loaded) -> None:
        self._connection = connection
        self._loaded = loaded
        self._decoder = channel.Decoder()
        self._descriptors: List[int] = []
        self._workers: Set[int] = set()
        self._wake_read, self._wake_write = os.pipe()

    def run(self, setup: Mapping[str, Any]) -> Optional[worker.Worker]:
        """Fork on demand. Returns a worker in each fork, and None when the host is gone."""
        self._catch_ends()
        wire.send(
            self._connection,
            {
                "type": "loaded",
                "init_seconds": self._loaded.seconds,
                "notes": list(self._loaded.scorer.notes),
                "unsafe": self._loaded.unsafe,
                "memory_bytes": processes.memory_bytes(os.getpid()),
            },
        )
        while True:
            connection = self._connection.fileno()
            ready, _, _ = select.select([connection, self._wake_read], [], [])
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                self._report_ends()
            if connection not in ready:
                continue
            frames = self._receive()
            if frames is None:
                return None
            for frame in frames:
                forked = self._fork(frame.head, setup)
                if forked is not None:
                    return forked

    def _catch_ends(self) -> None:
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def _report_ends(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._workers:
                self._workers.discard(pid)
                wire.send(self._connection, {"type": "exited", "pid": pid, "status": status})

    def _receive(self) -> Optional[List[wire.Frame]]:
        space = socket.CMSG_SPACE(64 * array.array("i").itemsize)
        data, ancillary, _, _ = self._connection.recvmsg(channel.READ_BYTES, space)
        if not data:
            return None
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % numbers.itemsize])
                self._descriptors.extend(numbers)
        return self._decoder.feed(data)

    def _fork(self, head: Dict[str, Any], setup: Mapping[str, Any]) -> Optional[worker.Worker]:
        descriptors = self._descriptors[:DESCRIPTORS_PER_FORK]
        del self._descriptors[:DESCRIPTORS_PER_FORK]
        server = os.getpid()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                pid = os.fork()
        except OSError as exc:
            for descriptor in descriptors:
                os.close(descriptor)
            message = "no process could be forked: %s" % exc
            wire.send(self._connection, {"type": "refused", "key": head["key"], "message": message})
            return None
        if pid == 0:
            return self._become_worker(head, setup, descriptors, server)
        for descriptor in descriptors:
            os.close(descriptor)
        self._workers.add(pid)
        wire.send(self._connection, {"type": "forked", "key": head["key"], "pid": pid})
        return None

    def _become_worker(
        self, head: Dict[str, Any], setup: Mapping[str, Any], descriptors: List[int], server: int
    ) -> worker.Worker:
        os.setsid()
        processes.die_with_parent(server)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._connection.close()
        for descriptor in (self._wake_read, self._wake_write, *self._descriptors):
            os.close(descriptor)
        own, stdout, stderr = descriptors
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.close(stdout)
        os.close(stderr)
        os.environ.update(head["environment"])
        os.chdir(head["directory"])
        tempfile.tempdir = None
        entry_script.set_worker(head["number"])
        connection = socket.socket(fileno=own)
        connection.set_inheritable(False)
        place = worker.Place(head["number"], head["output"], True)
        return worker.Worker(connection, setup, place, self._loaded.scorer)
