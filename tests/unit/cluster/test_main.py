"""Commands answer with words and an exit code, also where there is no cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import __main__ as main


@pytest.fixture(autouse=True)
def _nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATCHPOINT_CLUSTER_DIR", str(tmp_path / "cluster"))
    monkeypatch.setenv("BATCHPOINT_CACHE", str(tmp_path))


def test_status_of_no_cluster_fails_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """A script can wait for it, a person can read it."""
    assert 1 == main.main(["status"])
    assert "No cluster is running. Start one with 'make cluster-up'.\n" == capsys.readouterr().out


def test_environment_is_for_a_shell(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its own programs come first on PATH, before others of the same name."""
    assert 0 == main.main(["env"])
    assert [
        f"export KUBECONFIG={tmp_path}/cluster/kubeconfig",
        f'export PATH={tmp_path}/cluster/bin:"$PATH"',
    ] == capsys.readouterr().out.splitlines()


def test_missing_compiler_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On standard error, with exit code 1."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert 1 == main.main(["build", "kwok"])
    assert capsys.readouterr().err.startswith("Go is missing, so kwok cannot be built.")
