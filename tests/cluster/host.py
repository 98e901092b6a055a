"""What the cluster changes on the machine outside its namespaces, and how that is undone.

These are the kernel settings that a kubelet sets, folders that serve as mount points, and control groups:
neither is bound to a namespace. What was there before is written down first, so that a teardown in another
process, or after a crash, can restore it.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from cluster import addresses, namespaces
from cluster.paths import State

SETTINGS = (
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Everything that a kubelet sets, by the path below /proc/sys."""

GROUPS = Path("/sys/fs/cgroup")
REMOVAL_SECONDS = 2


def change(state: State) -> None:
    """Prepare the machine. What is changed is remembered first, and only once."""
    if not state.host_changes.exists():
        missing = [folder for folder in namespaces.HIDDEN if not Path(folder).exists()]
        settings = {
            name: _setting(name).read_text() for name in SETTINGS if _setting(name).exists()
        }
        state.host_changes.write_text(json.dumps({"settings": settings, "folders": missing}))
    for folder in namespaces.HIDDEN:
        Path(folder).mkdir(parents=True, exist_ok=True)
    for hierarchy in hierarchies(GROUPS):
        _create_group(hierarchy)


def restore(state: State) -> None:
    """Undo `change`. Does nothing if nothing was changed; every process of the cluster must have ended."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    for hierarchy in hierarchies(GROUPS):
        _remove_group(hierarchy / addresses.NODE, deadline)
    if not state.host_changes.exists():
        return
    changes = json.loads(state.host_changes.read_text())
    for name, value in changes["settings"].items():
        if _setting(name).read_text() != value:
            _setting(name).write_text(value)
    for name in changes["folders"]:
        folder = Path(name)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    state.host_changes.unlink()


def hierarchies(groups: Path) -> list[Path]:
    """Return where a control group must be made: once for version 2, once per controller for version 1."""
    if (groups / "cgroup.controllers").exists():
        return [groups]
    return sorted(path for path in groups.glob("*") if (path / "cgroup.procs").exists())


def _create_group(hierarchy: Path) -> None:
    group = hierarchy / addresses.NODE
    group.mkdir(exist_ok=True)
    # A group of version 2 has the controllers that the one above passes on.
    controllers = hierarchy / "cgroup.controllers"
    available = controllers.read_text().split() if controllers.exists() else []
    if available:
        passed_on = " ".join(f"+{name}" for name in available)
        (hierarchy / "cgroup.subtree_control").write_text(passed_on)
    # A new group of version 1 may use no processor and no memory node until told.
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (hierarchy / name).exists():
            (group / name).write_text((hierarchy / name).read_text())


def _remove_group(group: Path, deadline: float) -> None:
    """Remove a group and those below it; the kernel needs a moment after the last process has ended."""
    if not group.exists():
        return
    for below in [path for path in group.iterdir() if path.is_dir()]:
        _remove_group(below, deadline)
    while True:
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def _setting(name: str) -> Path:
    return Path("/proc/sys", name)
