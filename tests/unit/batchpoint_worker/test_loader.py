"""The fork server as the host sees it: its folder, its last words, its end."""

from __future__ import annotations

import os
import selectors
import signal
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import journal, loader
from support.worker_host import is_running, wait_for


def test_last_words_and_end(tmp_path: Path) -> None:
    """A script that cannot be loaded says so; killing removes the private folder."""
    selector = selectors.DefaultSelector()
    log = journal.Journal(str(tmp_path / "log.txt"), 1000)
    heads: list[dict[str, Any]] = []
    script = tmp_path / "score.py"
    script.write_text("import sys\nsys.stderr.write('about to fail')\nraise OSError('no')")
    setup = {
        "driver": "Script",
        "script": str(script),
        "code_directory": str(tmp_path),
        "logging_level": "Info",
    }
    folder = tmp_path / "loader-1"
    one = loader.Loader(
        loader.Begun(setup, str(folder), dict(os.environ)),
        log,
        selector,
        lambda frame: heads.append(frame.head),
        lambda *_: None,
    )

    one.load(setup)

    def answered() -> bool:
        for key, mask in selector.select(0.1):
            key.data(mask)
        return bool(heads)

    assert wait_for(answered)
    assert ("unusable", 10) == (heads[0]["type"], heads[0]["code"])
    assert "about to fail" == one.stderr()
    one.kill()
    assert (False, False) == (folder.exists(), one.is_ready)
    assert wait_for(lambda: not is_running(one.pid))
    os.waitpid(one.pid, 0)
    log.close()
    selector.close()


SETUP = {"driver": "Script", "script": "/score.py", "logging_level": "Info", "workers": 2}


def test_what_was_begun_early_is_taken_by_who_asks_for_the_same(tmp_path: Path) -> None:
    """Keys that it does not begin with may differ."""
    early = loader.Early()
    folder, environment = str(tmp_path / "loader-1"), dict(os.environ)
    early.begin(SETUP, folder, environment)
    waiting = early.pid
    begun = early.take({**SETUP, "workers": 9}, folder, environment)
    assert (waiting, None) == (begun.pid, early.pid)
    end(begun)


@pytest.mark.parametrize(
    ("setup", "variables"),
    [({"driver": "MLflow"}, {}), ({}, {"OMP_NUM_THREADS": "7"})],
    ids=["setup", "environment"],
)
def test_what_was_begun_wrongly_is_ended(
    tmp_path: Path, setup: dict[str, str], variables: dict[str, str]
) -> None:
    """And another process is begun."""
    early = loader.Early()
    folder = str(tmp_path / "loader-1")
    early.begin(SETUP | setup, folder, {**os.environ, **variables})
    waiting = early.pid
    assert waiting is not None
    begun = early.take(SETUP, folder, dict(os.environ))
    assert begun.pid != waiting
    assert -signal.SIGKILL == os.waitstatus_to_exitcode(os.waitpid(waiting, 0)[1])
    assert os.path.isdir(os.path.join(folder, "cwd"))
    end(begun)


def test_what_was_begun_early_and_died_is_forgotten(tmp_path: Path) -> None:
    """Only that."""
    early = loader.Early()
    early.begin(SETUP, str(tmp_path / "loader-1"), dict(os.environ))
    pid = early.pid
    assert pid is not None
    early.ended(pid + 1)
    assert pid == early.pid
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    early.ended(pid)
    assert (None, []) == (early.pid, list(tmp_path.iterdir()))


def end(begun: loader.Begun) -> None:
    """End it and wait for it."""
    begun.discard()
    os.waitpid(begun.pid, 0)
