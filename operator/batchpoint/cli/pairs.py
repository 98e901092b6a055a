"""Runner and worker host of one instance: two processes that are started together.

What becomes of them is decided in `instances`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from batchpoint.cli import hints, places, processes
from batchpoint.cli.hints import Hint
from batchpoint.cli.places import Place, Workplace
from batchpoint_runner import archive


@contextmanager
def started_ahead(workplace: Workplace, manifests: Sequence[Path]) -> Iterator[Pair]:
    """Have a pair for instance 0 whose runner waits for its configuration, and end it with the block.

    It comes up while manifests are understood, instead of after that. From here on, this process adopts
    what its descendants leave behind.

    Args:
        workplace: Of the instance.
        manifests: Files and folders, for a hint.
    """
    processes.adopt_orphans()
    pair = Pair(places.prepare(workplace, 0))
    try:
        pair.start(hints.of(manifests, pair.place))
        yield pair
    finally:
        pair.kill()
        processes.end_orphans(set())


class Pair:
    """The processes.

    Attributes:
        runner: None: not started yet.
        host: None: not started yet.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.runner: subprocess.Popen[bytes] | None = None
        self.host: subprocess.Popen[bytes] | None = None
        self._log_starts: dict[str, int] = {}

    def start(self, hint: Hint | None = None) -> None:
        """Start both, in a shared folder that is made anew.

        Args:
            hint: With what the host may begin until the runner speaks to it.
        """
        shutil.rmtree(self.place.shared, ignore_errors=True)
        # The host first: what it begins with takes longest.
        self._start_host(archive.write(self.place.shared), hint)
        self.start_runner()

    def start_runner(self) -> None:
        """Start a runner in place; the one before has ended."""
        self.place.message.unlink(missing_ok=True)
        # What a dead runner left; a socket that is there later is that of this runner.
        for left in (self.place.http_port, self.place.socket):
            left.unlink(missing_ok=True)
        # -P: whatever lies in the current folder must not hide a module.
        command = [sys.executable, "-P", "-m", "batchpoint_runner"]
        self.runner = processes.start(
            command, self.place.runner_environment, log=self._log("runner")
        )

    def _start_host(self, program: Path, hint: Hint | None) -> None:
        command = [str(self.place.python), str(program), "--socket", str(self.place.socket)]
        if hint is not None:
            command += ["--begin-with", json.dumps(hint)]
        if self.place.logs_to_stderr:
            command.append("--echo-logs")
        self.host = processes.start(command, self.place.host_environment, log=self._log("host"))

    @property
    def pids(self) -> set[int]:
        """Of the processes that run, or have ended and were not reaped."""
        return {child.pid for child in (self.runner, self.host) if child and child.poll() is None}

    def kill(self) -> None:
        """End both at once."""
        processes.kill_group(self.host)
        processes.kill_group(self.runner)
        self.host = self.runner = None

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
