"""Where things lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import paths


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("BATCHPOINT_CLUSTER_DIR", "BATCHPOINT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_everything_is_in_the_users_cache(tmp_path: Path) -> None:
    """Nothing is written into the repository."""
    cache = tmp_path / ".cache" / "batchpoint"
    assert cache / "cluster" == paths.state().root
    assert cache / "bin" == paths.binaries()


def test_usual_place_of_caches_is_respected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_CACHE_HOME moves everything."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert tmp_path / "xdg" / "batchpoint" / "cluster" == paths.state().root


def test_cache_and_cluster_can_be_apart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A cluster may be on another disk than what is kept."""
    monkeypatch.setenv("BATCHPOINT_CACHE", str(tmp_path / "kept"))
    monkeypatch.setenv("BATCHPOINT_CLUSTER_DIR", str(tmp_path / "here"))
    assert tmp_path / "kept" / "bin" == paths.binaries()
    assert tmp_path / "here" == paths.state().root


def test_lock_outlives_the_cluster() -> None:
    """Who waits for it must not hold a file that a teardown has removed."""
    assert not paths.lock().is_relative_to(paths.state().root)
