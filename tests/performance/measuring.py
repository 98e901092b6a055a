"""One command from exec to exit: wall seconds, and the peak PSS of its whole process tree.

PSS counts a page that n processes share as 1/n in each, so that neither a fork server nor a peer that
forks is charged twice (PERFORMANCE §4).
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SAMPLES_PER_SECOND = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one run of a command took."""

    seconds: float
    peak_pss_mb: float
    output: str


def run(command: Sequence[str], *, environment: Mapping[str, str]) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: It failed; the message holds what it printed.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    sampler = _Sampler(process.pid)
    sampler.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - began
    sampler.stop()
    if process.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed with {process.returncode}:\n{output}")
    return Measured(seconds=seconds, peak_pss_mb=sampler.peak / 1024, output=output)


class _Sampler(threading.Thread):
    """Adds up PSS over a process tree, several times a second, and keeps the highest sum in kB."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._root = psutil.Process(pid)
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(1 / SAMPLES_PER_SECOND):
            try:
                tree = [self._root, *self._root.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            self.peak = max(self.peak, sum(_pss_kb(process.pid) for process in tree))

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def pss_mb(pid: int) -> float:
    """Return the PSS of one process, in MB of 10^6 bytes; 0 if it has ended."""
    return _pss_kb(pid) * 1024 / 1e6


def _pss_kb(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.split("\n") if line.startswith("Pss:")), 0)
