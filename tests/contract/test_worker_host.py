"""The worker host as a real process: starting, scoring, failing, reconnecting, leaving."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import worker_host
from support.worker_host import FakeRunner

EACH_NAME = """
    import os
    def init():
        global greeting
        greeting = "hello"
    def run(mini_batch):
        return [greeting + " " + os.path.basename(path) for path in mini_batch]
"""

PYTHONS = [
    sys.executable,
    *sorted(
        str(path)
        for path in Path.home().glob(".pyenv/versions/3.*/bin/python")
        if int(path.parts[-3].split(".")[1]) >= 8
    ),
]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[FakeRunner]:
    """A runner whose host is ended after the test."""
    with worker_host.runner(tmp_path) as one:
        yield one


@pytest.mark.parametrize("python", PYTHONS, ids=lambda path: Path(path).parts[-3])
@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_scores_under_every_python(runner: FakeRunner, python: str, init_mode: str) -> None:
    """The archive alone is enough, whatever Python the user's image has."""
    runner.script(EACH_NAME)
    runner.start(python=python)
    runner.setup(init_mode=init_mode)
    ready = runner.ready()
    result = runner.score("one.txt", "two.txt")
    assert ("Succeeded", init_mode) == (result["outcome"], ready["init_mode"])
    assert b'{"value":"hello one.txt"}\n{"value":"hello two.txt"}\n' == runner.body(result["task"])
    assert 0 == runner.leave()
