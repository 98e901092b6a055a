"""SIGKILL of runner, host, worker or command at random moments: the output stays byte for byte the same.

Real processes on a real disk. ``BATCHPOINT_KILL_ROUNDS`` runs more rounds; a failing round names its seed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from support import local_jobs
from support.local_jobs import LocalJob

ROUNDS = int(os.environ.get("KILL_ROUNDS", "24"))
FILES = 40
SECONDS_PER_FILE = 0.02
KILLS = 4
LAST_KILL_SECONDS = 2.5

pytestmark = pytest.mark.slow


def _a_job(folder: Path) -> LocalJob:
    job = local_jobs.make(folder / "job", folder / "work", files=FILES)
    manifests = folder / "job" / "manifests.yaml"
    manifests.write_text(manifests.read_text().replace("maxRetries: 0", "maxRetries: 5"))
    job.work.mkdir()
    job.set_pace(SECONDS_PER_FILE)
    return job


def _victims(command: subprocess.Popen[str]) -> dict[str, list[psutil.Process]]:
    """Return the running processes of a command by what they are."""
    found: dict[str, list[psutil.Process]] = {"command": [psutil.Process(command.pid)]}
    with suppress(psutil.Error):
        for process in found["command"][0].children(recursive=True):
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                is_top = process.ppid() == command.pid
                kind = "runner" if "batchpoint_runner" in line else "host" if is_top else "worker"
                found.setdefault(kind, []).append(process)
    return found


def _kill_at_random(command: subprocess.Popen[str], dice: random.Random) -> list[str]:
    """Kill several processes at random moments; return what was killed."""
    killed = []
    moments = sorted(dice.uniform(0.2, LAST_KILL_SECONDS) for _ in range(KILLS))
    began = time.monotonic()
    for moment in moments:
        kind = dice.choices(["worker", "runner", "host", "command"], [6, 3, 2, 1])[0]
        pause = moment - (time.monotonic() - began)
        with suppress(subprocess.TimeoutExpired):
            command.wait(max(pause, 0))
        if command.poll() is not None:
            break
        victims = _victims(command).get(kind, [])
        if victims:
            with suppress(psutil.Error):
                dice.choice(victims).send_signal(signal.SIGKILL)
                killed.append(kind)
    return killed


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_output_is_the_same_whatever_is_killed(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every row is there once and in order, nothing failed, and the job ends by itself or when run again."""
    dice = random.Random(seed)
    # A short path, because sockets lie below it.
    job = _a_job(tmp_path_factory.mktemp("k"))
    killed: list[str] = []
    for attempt in range(6):
        command = job.start("--instances", str(1 + seed % 2), BATCHPOINT_STALE_AFTER_SECONDS="5")
        if attempt < 2:
            killed += _kill_at_random(command, dice)
        output, errors = command.communicate(timeout=60)
        if command.returncode == 0:
            break
    story = f"seed {seed}, killed {killed}\n{output}\n{errors}"
    assert command.returncode == 0, story
    assert local_jobs.expected_rows(FILES) == job.rows(), story
    failures = (job.predictions / "failures.jsonl").read_text()
    assert failures == "", story
