"""One command from exec to exit: its wall seconds, or else the peak PSS of its whole process tree.

PSS counts a page that n processes share as 1/n in each, so that neither a fork server nor a peer that
forks is charged twice (PERFORMANCE §4). Looking costs a tenth of a core and holds up whoever is looked at,
so a run is either timed or looked at.
"""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

SAMPLES_PER_SECOND = 5


def timed(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, str]:
    """Run a command to its end; return the seconds it took, and what it printed.

    Raises:
        RuntimeError: It failed; the message holds what it printed.
    """
    began = time.perf_counter()
    process = _started(command, environment)
    output = _finished(process)
    return time.perf_counter() - began, output


def peak_pss_mb(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Run a command to its end; return the peak PSS of its process tree, in MB of 2^20 bytes.

    Raises:
        RuntimeError: It failed; the message holds what it printed.
    """
    process = _started(command, environment)
    sampler = _Sampler(process.pid)
    sampler.start()
    try:
        _finished(process)
    finally:
        sampler.stop()
    return sampler.peak / 1024


def _started(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _finished(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"{process.args} failed with {process.returncode}:\n{output}")
    return output


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
