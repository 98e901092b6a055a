"""One instance of a job as two local processes, runner and worker host, looked after like a pod.

Everything is polled from one thread: `processes` needs the main thread to fork, and a loop without
threads is easy to end. What follows from an exit code is decided in `supervising`.
"""

from __future__ import annotations

import http.client
import signal as signals
from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError

from batchpoint.cli import processes, supervising
from batchpoint.cli.pairs import Pair
from batchpoint_runner.contract import ExitCode, Progress, Verdict

STOP_SECONDS = 10.0
"""What the runner is given to end after its host."""

DRAIN_SECONDS = 45.0
"""What an instance is given to drain before it is killed: twice what the runner allows itself."""

PROGRESS_TIMEOUT_SECONDS = 0.5

PRIVATE = "private"
"""Folder in the shared one that a runner makes once it has found that the job is not over yet."""


class Instance:
    """One instance index.

    Args:
        pair: Its processes, started already; ended here.
        note: Is told what a person should know.

    Attributes:
        code: How it ended; None while it has not been decided.
        verdict: What its last runner left, once it has ended.
        last_progress: What its runner answered when the instance came to its end.
        has_worked: Whether a runner of it got beyond the question if the job is over already.
    """

    def __init__(self, pair: Pair, note: Callable[[str], None]) -> None:
        self._pair = pair
        self._place = pair.place
        self.code: ExitCode | None = None
        self.verdict: Verdict | None = None
        self.last_progress: Progress | None = None
        self.has_worked = False
        self._note = note
        self._pair_restarts = 0
        self._runner_restarts = 0
        self._early_deaths = 0
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
    def is_pausing(self) -> bool:
        """Whether it waits before a restart."""
        return self.code is None and self._resume_at is not None

    @property
    def pids(self) -> set[int]:
        """Of the processes that we started and have not reaped."""
        return self._pair.pids

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
        elif self._pair.host is not None and (left := self._pair.host.poll()) is not None:
            self._host_ended(left, now)
        elif self._pair.runner is not None and (left := self._pair.runner.poll()) is not None:
            self._runner_ended(left, now)

    def drain(self, now: float) -> None:
        """Ask the instance to finish what it has in hand and leave."""
        if self.is_draining:
            return
        self._draining = True
        self._kill_at = now + DRAIN_SECONDS
        if (
            self._pair.host is None
            or self._pair.host.poll() is not None
            or self._resume_at is not None
        ):
            self._finish(ExitCode.DRAINED, now)
        else:
            processes.tell(self._pair.host, signals.SIGTERM)

    def kill(self) -> None:
        """End everything at once. What is published stays."""
        if self._gone:
            return
        self._pair.kill()
        if self.code is None:
            self.code = ExitCode.DRAINED
        self._end()

    def progress(self) -> Progress | None:
        """Ask the runner how far the whole job is; None when it does not answer."""
        if self.code is not None or self._pair.runner is None:
            return None
        with suppress(OSError, ValueError, http.client.HTTPException):
            port = int(self._place.http_port.read_text())
            connection = http.client.HTTPConnection(
                "127.0.0.1", port, timeout=PROGRESS_TIMEOUT_SECONDS
            )
            try:
                connection.request("GET", "/progress")
                return Progress.read(connection.getresponse().read())
            finally:
                connection.close()
        return None

    def log_tail(self, lines: int) -> str:
        """Return the last lines of the last runner and host; empty when they wrote to our stderr."""
        return self._pair.log_tail(lines)

    def _host_ended(self, left: int, now: float) -> None:
        step = supervising.after_host(left, draining=self._draining, restarts=self._pair_restarts)
        self._take(step, now)

    def _runner_ended(self, left: int, now: float) -> None:
        verdict = self._read_verdict()
        has_listened = self._place.socket.exists()
        self._early_deaths = 0 if has_listened else self._early_deaths + 1
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
                self._note(f"The runner of instance {self._place.index} is started again: {why}.")
                self._runner_restarts += 1
                self._resume_at = now + seconds
            case supervising.RestartPair(after_seconds=seconds, why=why):
                self._note(f"Instance {self._place.index} is started again: {why}.")
                self._pair_restarts += 1
                self._resume_at = now + seconds
                self._pair.kill()

    def _resume(self, now: float) -> None:
        if self._resume_at is None or now < self._resume_at:
            return
        self._resume_at = None
        if self._pair.runner is not None:
            self._pair.start_runner()
            return
        self._early_deaths = 0
        self._see_work()
        self._pair.start()

    def _finish(self, code: ExitCode, now: float) -> None:
        self.last_progress = self.progress()
        self.code = code
        # Without its runner a host has nobody to publish what it holds, so waiting for it is idle.
        is_orphan = self._pair.runner is None or self._pair.runner.poll() is not None
        self._kill_at = now if is_orphan else now + STOP_SECONDS
        if self._pair.host is not None and self._pair.host.poll() is not None:
            # The host leaves last, so its runner has nothing more to do, and need not be waited for.
            self.kill()
            return
        processes.tell(self._pair.runner, signals.SIGTERM)
        processes.tell(self._pair.host, signals.SIGTERM)

    def _stop(self, now: float) -> None:
        if not self.pids or (self._kill_at is not None and now >= self._kill_at):
            self.kill()

    def _end(self) -> None:
        self._gone = True
        self._see_work()
        self.verdict = self._read_verdict()

    def _see_work(self) -> None:
        self.has_worked = self.has_worked or (self._place.shared / PRIVATE).exists()

    def _read_verdict(self) -> Verdict | None:
        with suppress(OSError, ValidationError):
            return Verdict.model_validate_json(self._place.message.read_text())
        return None
