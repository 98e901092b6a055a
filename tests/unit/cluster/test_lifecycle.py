"""Starting and ending exclude each other."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from cluster import lifecycle, paths


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATCHPOINT_CACHE", str(tmp_path))


def can_be_taken() -> bool:
    """Say whether nobody holds the lock."""
    with paths.lock().open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_lock_is_held_while_something_changes() -> None:
    """Two starts at once would make the same network twice."""
    with lifecycle.locked():
        assert not can_be_taken()


def test_lock_is_given_back_after_a_failure() -> None:
    """The next start need not wait for anybody."""
    with pytest.raises(ZeroDivisionError), lifecycle.locked():
        raise ZeroDivisionError
    assert can_be_taken()
