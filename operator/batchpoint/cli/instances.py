"""One instance of a job as two local processes, runner and worker host, looked after like a pod.

Everything is polled from one thread: `processes` needs the main thread to fork, and a loop without
threads is easy to end. What follows from an exit code is decided in `supervising`.
"""

from __future__ import annotations

import http.client
import json
import shutil
import signal as signals
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from batchpoint.cli import processes, supervising
from batchpoint_runner.contract import ExitCode, Progress, Verdict

STOP_SECONDS = 10.0
"""What the runner is given to end after its host."""

DRAIN_SECONDS = 45.0
"""What an instance is given to drain before it is killed: twice what the runner allows itself."""

PROGRESS_TIMEOUT_SECONDS = 0.5

ARCHIVE = "host.pyz"
"""The worker host, which the runner writes before it listens for it."""

PRIVATE = "private"
"""Folder in the shared one that a runner makes once it has found that the job is not over yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instance lives and with what it is started; the same for each of its lives."""

    index: int
    directory: Path
    """Its own; holds the folder that runner and host share, logs and the termination message."""
    python: Path
    """The interpreter of user code."""
    runner_environment: Mapping[str, str]
    host_environment: Mapping[str, str]
    logs_to_stderr: bool = False
    """What user code prints included."""

    @property
    def shared(self) -> Path:
        """The shared directory."""
        return self.directory / "shared"

    @property
    def message(self) -> Path:
        """The runner's termination message."""
        return self.directory / "termination-message"

    def log(self, name: str) -> Path | None:
        """Where a process writes; None: to our stderr."""
        return None if self.logs_to_stderr else self.directory / f"{name}.log"


class Instance:
    """The processes of one instance index.

    Attributes:
        code: How it ended; None while it has not been decided.
        verdict: What its last runner left, once it has ended.
        last_progress: What its runner answered when the instance came to its end.
        has_begun: Whether it was started.
        has_worked: Whether a runner of it got beyond the question if the job is over already.
        note: Is told what a person should know.
    """

    def __init__(self, place: Place, note: Callable[[str], None]) -> None:
        self.place = place
        self.code: ExitCode | None = None
        self.verdict: Verdict | None = None
        self.last_progress: Progress | None = None
        self.has_begun = False
        self.has_worked = False
        self.note = note
        self._runner: subprocess.Popen[bytes] | None = None
        self._host: subprocess.Popen[bytes] | None = None
        self._pair_restarts = 0
        self._runner_restarts = 0
        self._early_deaths = 0
        self._log_starts: dict[str, int] = {}
        self._resume_at: float | None = None
        self._kill_at: float | None = None
        self._draining = False
        self._gone = False

    @property
    def has_ended(self) -> bool:
        """Whether its code is known and no process of it is left."""
        return self._gone

    @property
    def is_draining(self) -> bool:
        """Whether it was asked to stop, or has ended anyway."""
        return self._draining or self.code is not None

    @property
    def is_starting(self) -> bool:
        """Whether the worker host still waits for the runner to write its archive."""
        return self.code is None and self._host is None and self._resume_at is None

    @property
    def is_pausing(self) -> bool:
        """Whether it waits before a restart."""
        return self.code is None and self._resume_at is not None

    @property
    def pids(self) -> set[int]:
        """Of the processes that we started and have not reaped."""
        return {child.pid for child in (self._runner, self._host) if child and child.poll() is None}

    def begin(self) -> None:
        """Start the runner; the host follows as soon as the runner has written it."""
        self.has_begun = True
        self._early_deaths = 0
        self._see_work()
        shutil.rmtree(self.place.shared, ignore_errors=True)
        self.place.shared.mkdir(parents=True)
        self._start_runner()

    def poll(self, now: float) -> None:
        """Look at the processes and do what is next. Never blocks for long.

        Args:
            now: Monotonic seconds.
        """
        if self._gone:
            return
        if self.code is not None:
            self._stop(now)
        elif self._kill_at is not None and now >= self._kill_at:
            self.kill()
        elif self._resume_at is not None:
            self._resume(now)
        elif self._host is not None and (left := self._host.poll()) is not None:
            self._host_ended(left, now)
        elif self._runner is not None and (left := self._runner.poll()) is not None:
            self._runner_ended(left, now)
        elif self._host is None and (self.place.shared / ARCHIVE).exists():
            self._start_host()

    def drain(self, now: float) -> None:
        """Ask the instance to finish what it has in hand and leave."""
        if self.is_draining:
            return
        self._draining = True
        self._kill_at = now + DRAIN_SECONDS
        if self._host is None or self._host.poll() is not None or self._resume_at is not None:
            self._finish(ExitCode.DRAINED, now)
        else:
            processes.tell(self._host, signals.SIGTERM)

    def kill(self) -> None:
        """End everything at once. What is published stays."""
        if self._gone:
            return
        processes.kill_group(self._host)
        processes.kill_group(self._runner)
        if self.code is None:
            self.code = ExitCode.DRAINED
        self._end()

    def progress(self) -> Progress | None:
        """Ask the runner how far the whole job is; None when it does not answer."""
        if self.code is not None or self._runner is None:
            return None
        with suppress(OSError, ValueError, http.client.HTTPException):
            port = int((self.place.shared / "http_port").read_text())
            connection = http.client.HTTPConnection(
                "127.0.0.1", port, timeout=PROGRESS_TIMEOUT_SECONDS
            )
            try:
                connection.request("GET", "/progress")
                return read_progress(connection.getresponse().read())
            finally:
                connection.close()
        return None

    def log_tail(self, lines: int) -> str:
        """Return the last lines of the last runner and host; empty when they wrote to our stderr."""
        text = []
        for name, start in self._log_starts.items():
            with suppress(OSError):
                written = (self.place.directory / f"{name}.log").read_bytes()[start:]
                tail = written.decode("utf-8", "replace").splitlines()[-lines:]
                text += [f"{name}: {line}" for line in tail]
        return "\n".join(text)

    def _log(self, name: str) -> Path | None:
        """Return where a process that starts now writes, and note where that begins."""
        log = self.place.log(name)
        if log is not None:
            self._log_starts[name] = log.stat().st_size if log.exists() else 0
        return log

    def _start_runner(self) -> None:
        self.place.message.unlink(missing_ok=True)
        # What a dead runner left; a socket that is there later is that of this runner.
        for name in ("http_port", "runner.sock"):
            (self.place.shared / name).unlink(missing_ok=True)
        # -P: whatever lies in the current folder must not hide a module.
        command = [sys.executable, "-P", "-m", "batchpoint_runner"]
        self._runner = processes.start(
            command, self.place.runner_environment, log=self._log("runner")
        )

    def _runner_is_there(self) -> bool:
        return (self.place.shared / "runner.sock").exists()

    def _start_host(self) -> None:
        shared = self.place.shared
        socket = str(shared / "runner.sock")
        command = [str(self.place.python), str(shared / ARCHIVE), "--socket", socket]
        if self.place.logs_to_stderr:
            command.append("--echo-logs")
        self._host = processes.start(command, self.place.host_environment, log=self._log("host"))

    def _host_ended(self, left: int, now: float) -> None:
        step = supervising.after_host(left, draining=self._draining, restarts=self._pair_restarts)
        self._take(step, now)

    def _runner_ended(self, left: int, now: float) -> None:
        verdict = self._read_verdict()
        self._early_deaths = 0 if self._runner_is_there() else self._early_deaths + 1
        step = supervising.after_runner(
            left,
            verdict.code if verdict else None,
            draining=self._draining,
            restarts=self._runner_restarts,
            early_deaths=self._early_deaths,
        )
        self._take(step, now)

    def _take(self, step: supervising.Step, now: float) -> None:
        match step:
            case supervising.Finish(code=code):
                self._finish(code, now)
            case supervising.RestartRunner(after_seconds=seconds, why=why):
                self.note(f"The runner of instance {self.place.index} is started again: {why}.")
                self._runner_restarts += 1
                self._resume_at = now + seconds
            case supervising.RestartPair(after_seconds=seconds, why=why):
                self.note(f"Instance {self.place.index} is started again: {why}.")
                self._pair_restarts += 1
                self._resume_at = now + seconds
                processes.kill_group(self._host)
                processes.kill_group(self._runner)
                self._host = self._runner = None

    def _resume(self, now: float) -> None:
        if self._resume_at is None or now < self._resume_at:
            return
        self._resume_at = None
        if self._runner is None:
            self.begin()
        else:
            self._start_runner()

    def _finish(self, code: ExitCode, now: float) -> None:
        self.last_progress = self.progress()
        self.code = code
        # Without its runner a host has nobody to publish what it holds, so waiting for it is idle.
        is_orphan = self._runner is None or self._runner.poll() is not None
        self._kill_at = now if is_orphan else now + STOP_SECONDS
        if self._host is not None and self._host.poll() is not None:
            # The host leaves last, so its runner has nothing more to do, and need not be waited for.
            self.kill()
            return
        processes.tell(self._runner, signals.SIGTERM)
        processes.tell(self._host, signals.SIGTERM)

    def _stop(self, now: float) -> None:
        if not self.pids or (self._kill_at is not None and now >= self._kill_at):
            self.kill()

    def _end(self) -> None:
        self._gone = True
        self._see_work()
        self.verdict = self._read_verdict()

    def _see_work(self) -> None:
        self.has_worked = self.has_worked or (self.place.shared / PRIVATE).exists()

    def _read_verdict(self) -> Verdict | None:
        with suppress(OSError, ValidationError):
            return Verdict.model_validate_json(self.place.message.read_text())
        return None


def read_progress(body: bytes) -> Progress | None:
    """Read an answer of ``/progress``; what it tells beyond `Progress` is left out.

    Raises:
        ValueError: It is not the JSON of a progress.
    """
    answer = json.loads(body)
    known = {field.alias or name for name, field in Progress.model_fields.items()}
    return Progress.model_validate({key: answer[key] for key in known & set(answer)})
