"""A cluster of kind, where it and a container engine are there; `make cluster-up` then uses that."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from cluster import binaries, commands
from cluster.errors import Unavailable
from cluster.paths import State

CONFIGURATION = Path(__file__).parents[2] / "kind-config.yaml"

PROGRAMS = ("kubectl", "helm")
"""What has to be installed; people who have kind have these."""

BINARIES = (binaries.VERSITYGW,)
"""What still has to be built."""


def is_usable() -> bool:
    """Say whether kind is installed and the container engine answers."""
    if not shutil.which("kind") or not shutil.which("docker"):
        return False
    try:
        commands.run(["docker", "info"])
    except Unavailable:
        return False
    return True


def create(state: State) -> None:
    """Make a cluster as ``kind-config.yaml`` says.

    Raises:
        Unavailable: A program is missing, or kind failed.
    """
    state.programs.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is None:
            raise Unavailable(f"{name} is missing. Install it and run 'make cluster-up' again.")
        link = state.programs / name
        link.unlink(missing_ok=True)
        link.symlink_to(found)
    state.kind.write_text(name_of_cluster())
    commands.run(
        [
            *("kind", "create", "cluster", "--wait", "120s"),
            *("--config", CONFIGURATION, "--kubeconfig", state.kubeconfig),
        ]
    )


def delete(state: State) -> None:
    """Remove the cluster, if there is one."""
    if state.kind.exists():
        commands.run(["kind", "delete", "cluster", "--name", state.kind.read_text()])


def name_of_cluster() -> str:
    """Return the name that the configuration gives to the cluster."""
    name: str = yaml.safe_load(CONFIGURATION.read_text())["name"]
    return name
