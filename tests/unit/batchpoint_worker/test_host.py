"""The host's command line; everything else is driven as a process in tests/contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batchpoint_worker import host


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the package as a program."""
    root = str(Path(host.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "batchpoint_worker", *arguments],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_socket_is_required() -> None:
    """With a usage line."""
    done = start()
    assert 2 == done.returncode
    assert "--socket" in done.stderr


def test_absent_runner_is_waited_for_and_named(tmp_path: Path) -> None:
    """Then the host leaves with code 1."""
    done = start("--socket", str(tmp_path / "runner.sock"), "--lost-seconds", "0.3")
    assert host.CRASHED == done.returncode
    assert f"Runner stayed away for 0.3 s: {tmp_path}" in done.stderr


def test_second_signal_ends_a_host_without_runner(tmp_path: Path) -> None:
    """Nobody else could tell it to leave."""
    program = (
        "import os, signal, sys, threading; from batchpoint_worker import host;"
        "kill = lambda: [os.kill(os.getpid(), signal.SIGTERM) for _ in range(2)];"
        "threading.Timer(0.2, kill).start(); threading.Timer(0.5, kill).start();"
        "sys.exit(host.main(['--socket', sys.argv[1]]))"
    )
    root = str(Path(host.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "none")],
        env={**os.environ, "PYTHONPATH": root},
        check=False,
        timeout=60,
    )
    assert host.CRASHED == done.returncode


def test_help_leaves_with_success() -> None:
    """As every program does."""
    with pytest.raises(SystemExit) as left:
        host.main(["--help"])
    assert 0 == left.value.code
