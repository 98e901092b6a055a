"""Where things lie: what is built once and kept, and what belongs to the running cluster.

Both are outside the repository, so that a checkout can be removed while a cluster runs. The environment
is read here and nowhere else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class State:
    """Everything of one cluster. Removing `root` after its processes ended leaves nothing of it."""

    root: Path

    @property
    def kubeconfig(self) -> Path:
        """The file with which to connect as administrator."""
        return self.root / "kubeconfig"

    @property
    def programs(self) -> Path:
        """Links to every program, named as people call them; for PATH."""
        return self.root / "bin"

    @property
    def configuration(self) -> Path:
        """Files that the components read."""
        return self.root / "etc"

    @property
    def certificates(self) -> Path:
        """Keys and certificates, all of one authority that lives as long as the cluster."""
        return self.root / "pki"

    @property
    def logs(self) -> Path:
        """What each component prints, as ``<name>.log``."""
        return self.root / "logs"

    @property
    def sockets(self) -> Path:
        """What the container runtime needs while it runs."""
        return self.root / "run"

    @property
    def containerd_socket(self) -> Path:
        """Where the container runtime listens; also for clients on the host."""
        return self.sockets / "containerd.sock"

    @property
    def images(self) -> Path:
        """Archives of images that were made here."""
        return self.root / "images"

    @property
    def volumes(self) -> Path:
        """Directories behind persistent volumes."""
        return self.root / "volumes"

    @property
    def commands(self) -> Path:
        """The command line of each component, so that it can be started again alike."""
        return self.root / "commands.json"

    @property
    def init_pid(self) -> Path:
        """The process that holds the cluster's namespaces; see `cluster.namespaces`."""
        return self.root / "init.pid"

    @property
    def host_changes(self) -> Path:
        """What a teardown has to restore on the machine; see `cluster.host`."""
        return self.root / "host-changes.json"

    @property
    def complete(self) -> Path:
        """Exists once a start has come to its end."""
        return self.root / "complete"

    @property
    def kind(self) -> Path:
        """Exists while the cluster is one of kind, not one of ours."""
        return self.root / "kind"


def state() -> State:
    """Return the place of the cluster: ``BATCHPOINT_CLUSTER_DIR``, or a folder of the cache."""
    chosen = os.environ.get("BATCHPOINT_CLUSTER_DIR")
    return State(Path(chosen).absolute() if chosen else cache() / "cluster")


def binaries() -> Path:
    """Return where binaries are kept by name and version."""
    return cache() / "bin"


def lock() -> Path:
    """Return the file that is locked while a cluster starts or ends."""
    return cache() / "cluster.lock"


def cache() -> Path:
    """Return ``BATCHPOINT_CACHE``, or the usual place of caches."""
    chosen = os.environ.get("BATCHPOINT_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "batchpoint"
