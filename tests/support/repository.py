"""The project's own files, for tests that look at the project as a whole."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = {
    "batchpoint": ROOT / "operator" / "batchpoint",
    "batchpoint_runner": ROOT / "runner-image" / "batchpoint_runner",
    "batchpoint_worker": ROOT / "runner-image" / "batchpoint_worker",
}
"""The three packages, by name."""


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is committed or about to be, in order of path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = {ROOT / name for name in listed.stdout.split("\0") if name}
    return tuple(sorted(path for path in paths if path.is_file()))


@cache
def texts() -> dict[str, str]:
    """Return the text of each of `files` that is text, by its path relative to `ROOT`."""
    found = {}
    for path in files():
        try:
            found[str(path.relative_to(ROOT))] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def modules() -> dict[str, Path]:
    """Return the file of each module of the three packages, by dotted name."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found
