"""A real worker host as a process, driven through its socket by a small stand-in for the runner."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from batchpoint_worker import wire

SOURCE = Path(wire.__file__).parent

WAIT_SECONDS = 60.0
"""For any one frame; generous, because the machine may be busy."""


def write_archive(path: Path) -> Path:
    """Write the zip application as the runner does: the package, and its `__main__` at the root."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for source in sorted(SOURCE.rglob("*.py")):
            name = source.relative_to(SOURCE.parent).as_posix()
            archive.writestr(zipfile.ZipInfo(name), source.read_bytes())
        archive.writestr(zipfile.ZipInfo("__main__.py"), (SOURCE / "__main__.py").read_bytes())
    return path


class FakeRunner:
    """Listens for the host, sends it frames, and hands out what it answers.

    Args:
        folder: Becomes the shared directory: socket, archive, code, scratch.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        self.code = folder / "code"
        self.code.mkdir()
        self.archive = write_archive(folder / "host.pyz")
        self.process: subprocess.Popen[bytes] | None = None
        self.seen: list[dict[str, Any]] = []
        self.hello: dict[str, Any] = {}
        self._bodies: dict[str, bytes] = {}
        self._connection: socket.socket | None = None
        self._tasks = 0
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listen()

    def listen(self) -> None:
        """Open the socket, as at first and after a restart."""
        self._server.close()
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        path = self.folder / "runner.sock"
        path.unlink(missing_ok=True)
        here = Path.cwd()
        # An address holds 108 bytes and test folders may be deep.
        os.chdir(self.folder)
        try:
            self._server.bind("runner.sock")
        finally:
            os.chdir(here)
        self._server.listen(1)
        self._server.settimeout(WAIT_SECONDS)

    def start(
        self, *options: str, python: str = sys.executable, environment: Mapping[str, str] = {}
    ) -> None:
        """Start the host and wait for its hello."""
        command = [python, str(self.archive), "--socket", str(self.folder / "runner.sock")]
        variables = {**os.environ, **environment}
        with (
            (self.folder / "stdout.txt").open("wb") as stdout,
            (self.folder / "stderr.txt").open("wb") as stderr,
        ):
            self.process = subprocess.Popen(
                [*command, *options], env=variables, stdout=stdout, stderr=stderr
            )
        self.accept()

    def accept(self) -> None:
        """Take the host's connection and its hello."""
        self._connection, _ = self._server.accept()
        self._connection.settimeout(WAIT_SECONDS)
        self.hello = self.until("hello")

    def vanish(self) -> None:
        """Close connection and socket, as a runner that crashes."""
        assert self._connection is not None
        self._connection.close()
        self._server.close()

    def script(self, source: str, name: str = "score.py") -> None:
        """Write a file into the code folder."""
        (self.code / name).write_text(textwrap.dedent(source))

    def setup(self, kind: str = "setup", **changes: Any) -> dict[str, Any]:
        """Send a setup, or with another ``kind`` what goes before it; return it."""
        setup: dict[str, Any] = {
            "version": wire.VERSION,
            "driver": "Script",
            "script": str(self.code / "score.py"),
            "code_directory": str(self.code),
            "model_directory": None,
            "workers": 1,
            "threads_per_worker": 1,
            "init_mode": "Auto",
            "init_timeout_seconds": 30,
            "environment": {},
            "logging_level": "Info",
            "output_action": "AppendRow",
            "output_format": "JSONLines",
            "scratch_directory": str(self.scratch),
            "worker_memory_bytes": None,
            "worker_disk_bytes": None,
            "log_bytes_per_task": 1024 * 1024,
            "row_batch_rows": 1000,
        }
        setup.update(changes)
        self.send({"type": kind, **setup})
        return setup

    def send(self, head: dict[str, Any]) -> None:
        """Send any frame."""
        assert self._connection is not None
        wire.send(self._connection, head)

    def task(self, *names: str, timeout_seconds: float = 20, attempt: int = 1) -> str:
        """Send a mini-batch of files with these names; return its id."""
        self._tasks += 1
        name = f"t{self._tasks}"
        items = [{"path": str(self.folder / "input" / one), "name": one} for one in names or ["a"]]
        self.send(
            {
                "type": "task",
                "task": name,
                "mini_batch": self._tasks,
                "attempt": attempt,
                "timeout_seconds": timeout_seconds,
                "directory": str(self.scratch / "tasks" / name),
                "items": items,
            }
        )
        return name

    def until(
        self, kind: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True
    ) -> dict[str, Any]:
        """Return the next frame of a kind that matches; others are only noted in ``seen``."""
        assert self._connection is not None
        while True:
            frame = wire.receive(self._connection)
            if frame is None:
                raise AssertionError(f"the host left; it said: {self.stderr()}")
            self.seen.append(frame.head)
            if frame.head["type"] == "result":
                self._bodies[frame.head["task"]] = frame.body
            if frame.head["type"] == kind and matches(frame.head):
                return frame.head
            if frame.head["type"] == "unusable":
                raise AssertionError(f"unusable: {frame.head}")

    def ready(self) -> dict[str, Any]:
        """Wait for a worker to be ready; return its frame."""
        return self.until("worker", lambda head: head["state"] == "Ready")

    def score(self, *names: str, timeout_seconds: float = 20) -> dict[str, Any]:
        """Send a mini-batch and return its result."""
        return self.result(self.task(*names, timeout_seconds=timeout_seconds))

    def result(self, task: str) -> dict[str, Any]:
        """Return the result of a mini-batch, which may have come already."""
        for head in self.seen:
            if head["type"] == "result" and head["task"] == task:
                return head
        return self.until("result", lambda head: head["task"] == task)

    def body(self, task: str) -> bytes:
        """Return the rows that came in a result's frame."""
        return self._bodies[task]

    def log(self, worker: int | str = 0) -> str:
        """Return what a worker (or ``loader``) has printed, as the host wrote it down."""
        name = f"worker-{worker}.txt" if isinstance(worker, int) else f"{worker}.txt"
        return (self.scratch / "logs" / name).read_text()

    def stderr(self) -> str:
        """Return what the host said."""
        return (self.folder / "stderr.txt").read_text()

    def family(self) -> list[psutil.Process]:
        """Return all processes below the host."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def leave(self, code: int = 0) -> int:
        """Tell the host to leave; return the code with which it did."""
        assert self.process is not None
        self.send({"type": "exit", "code": code})
        return self.process.wait(WAIT_SECONDS)

    def close(self) -> None:
        """End everything that this runner started."""
        if self._connection is not None:
            self._connection.close()
        self._server.close()
        if self.process is not None and self.process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGTERM):
                self.process.send_signal(number)
                time.sleep(0.05)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                for one in [*self.family(), psutil.Process(self.process.pid)]:
                    one.kill()
                self.process.wait(10)


@contextmanager
def runner(folder: Path) -> Iterator[FakeRunner]:
    """Provide a runner whose host, if it was started, is ended afterwards."""
    one = FakeRunner(folder)
    try:
        yield one
    finally:
        one.close()


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Poll until a condition holds; return whether it came to hold in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def is_running(pid: int) -> bool:
    """Return whether a process exists and has not ended yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
