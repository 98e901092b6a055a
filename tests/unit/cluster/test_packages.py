"""Programs of the distribution are looked for, and told with the package that has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster import configuration, packages


def test_everything_is_missing_where_nothing_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Programs that are looked for on PATH are told with their packages."""
    monkeypatch.setenv("PATH", str(tmp_path))
    on_path = {name for name in packages.PACKAGES if not name.startswith("/")}
    missing = packages.missing()
    assert on_path <= missing.keys()
    assert "util-linux" == missing["nsenter"]


def test_program_that_is_there_is_not_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever installed it, and from where."""
    program = tmp_path / "runc"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "runc" not in packages.missing()


def test_programs_of_components_are_looked_for() -> None:
    """The network plug-ins and the runtime that the configuration names."""
    assert {configuration.CONTAINERD, f"{configuration.PLUGINS}/bridge"} <= packages.PACKAGES.keys()
