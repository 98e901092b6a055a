"""Control groups are made wherever the kernel has them."""

from __future__ import annotations

from pathlib import Path

from cluster import host


def test_every_hierarchy_of_version_1_gets_a_group(tmp_path: Path) -> None:
    """The one without controllers too, as the runtime makes groups there."""
    for name in ("cpu", "memory", "unified"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "no-hierarchy").mkdir()
    assert ["cpu", "memory", "unified"] == [path.name for path in host.hierarchies(tmp_path)]


def test_version_2_is_one_hierarchy(tmp_path: Path) -> None:
    """Groups of others below it are none of ours."""
    (tmp_path / "cgroup.controllers").touch()
    (tmp_path / "system.slice").mkdir()
    (tmp_path / "system.slice" / "cgroup.procs").touch()
    assert [tmp_path] == host.hierarchies(tmp_path)


def test_nothing_is_found_where_nothing_is_mounted(tmp_path: Path) -> None:
    """Then a cluster cannot run."""
    assert [] == host.hierarchies(tmp_path)
