"""The pool, in a host of its own, because it owns all children of its process.

What user code can do to it is tried in tests/contract/test_worker_*.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import worker_host
from support.worker_host import FakeRunner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[FakeRunner]:
    """A runner with a script that returns its process."""
    with worker_host.runner(tmp_path) as one:
        one.script("import os\ndef run(mini_batch): return [os.getpid()]")
        one.start()
        yield one


def test_mini_batches_beyond_the_workers_wait_in_order(runner: FakeRunner) -> None:
    """Also those that come before any worker is ready."""
    runner.setup()
    tasks = [runner.task("a") for _ in range(5)]
    runner.result(tasks[-1])
    assert tasks == [head["task"] for head in runner.seen if head["type"] == "result"]


def test_states_of_workers_are_told(runner: FakeRunner) -> None:
    """Starting, then Ready with mode, seconds and notes."""
    runner.setup(workers=2)
    ready = [runner.ready() for _ in range(2)]
    states = [(h["worker"], h["state"]) for h in runner.seen if h["type"] == "worker"]
    assert {(0, "Starting"), (1, "Starting"), (0, "Ready"), (1, "Ready")} == set(states)
    assert {"Fork"} == {head["init_mode"] for head in ready}
    assert [True, True] == [head["init_seconds"] >= 0 for head in ready]


def test_forks_share_one_load(runner: FakeRunner) -> None:
    """Two workers are two processes of one parent, which is no worker."""
    runner.setup(workers=2)
    for _ in range(2):
        runner.ready()
    parents = {one.ppid() for one in runner.family()}
    assert runner.process is not None
    assert (3, 2) == (len(runner.family()), len(parents))
    assert runner.process.pid in parents
