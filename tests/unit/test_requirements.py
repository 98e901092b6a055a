"""The locked versions satisfy what pyproject.toml asks for, without asking any index."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from support.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

LOCKS: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "operator": (["operator"], []),
    "runner": (["runner"], []),
    "scorer": (["scorer"], []),
    "cli": (["cli"], []),
    "dev": (["operator", "runner", "cli", "scorer"], ["dev"]),
}
"""Extras and dependency groups of each lock, as in `make lock`."""

PIN = re.compile(r"^(?P<name>[a-z0-9._-]+)==(?P<version>[^ ;\\]+)(?P<rest>.*)$", re.MULTILINE)


def asked_for(extras: Sequence[str], groups: Sequence[str]) -> list[Requirement]:
    """Return the direct requirements of a lock."""
    project = PROJECT["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    for group in groups:
        lines += PROJECT["dependency-groups"][group]
    return [Requirement(line) for line in lines]


def pinned(lock: str) -> dict[str, set[Version]]:
    """Return the versions that a lock names of each package; several where platforms differ."""
    found: dict[str, set[Version]] = {}
    for match in PIN.finditer((ROOT / "requirements" / f"{lock}.txt").read_text()):
        found.setdefault(canonicalize_name(match["name"]), set()).add(Version(match["version"]))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_satisfy_the_project(lock: str) -> None:
    """Whatever pyproject.toml asks for is pinned to a version that it permits."""
    versions = pinned(lock)
    stale = [
        str(requirement)
        for requirement in asked_for(*LOCKS[lock])
        if not versions.get(canonicalize_name(requirement.name))
        or not all(
            map(requirement.specifier.contains, versions[canonicalize_name(requirement.name)])
        )
    ]
    assert [] == stale, "run `make lock` and commit requirements/"


@pytest.mark.parametrize("lock", ["operator", "runner", "scorer", "cli"])
def test_what_is_shipped_is_what_is_tested(lock: str) -> None:
    """The lock of an image names no version that the tests do not run with."""
    tested = pinned("dev")
    other = {
        name: found for name, found in pinned(lock).items() if not found <= tested.get(name, set())
    }
    assert {} == other


@pytest.mark.parametrize("lock", [*LOCKS, "bootstrap"])
def test_every_pin_has_hashes(lock: str) -> None:
    """No package is installed that is not byte by byte the one that was locked."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    bare = [
        match["name"]
        for match in PIN.finditer(text)
        if not text[match.end() :].lstrip().startswith("--hash=sha256:")
    ]
    assert [] == bare
