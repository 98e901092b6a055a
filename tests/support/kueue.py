"""Kueue as a platform team installs it: its own chart and its own program, built from source.

It manages Jobs only. Its webhooks stand in the way of every Job while it is away, so it is removed again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cluster import archives, binaries, images
from support.kube import Kube, Manifest, Refused
from support.local_jobs import wait_until
from support.operators import helm

NAMESPACE = "kueue-system"
RELEASE = "kueue"
IMAGE = f"localhost/kueue:{binaries.KUEUE.version}"
API_VERSION = "kueue.x-k8s.io/v1beta2"
USER_ID = 65532
"""Any but root: the image names none."""
START_SECONDS = 120

QUEUE = "line"
"""Of every test's namespace."""
FLAVOR = "linux"
FLAVOR_LABELS = {"kubernetes.io/os": "linux"}
"""Kueue gives them to admitted pods as a node selector; every node has them."""
PLENTY = {"cpu": "100", "memory": "1000Gi", "ephemeral-storage": "1000Gi"}
"""Whatever pods ask for must be in the quota; what is scarce here is the number of pods."""


@contextmanager
def installed(kube: Kube, folder: Path) -> Iterator[None]:
    """Have Kueue in the cluster while the block runs.

    Args:
        kube: The cluster.
        folder: For files that are made on the way.
    """
    binaries.build([binaries.KUEUE])
    _provide_image(folder / "kueue.tar")
    values = folder / "kueue-values.json"
    values.write_text(json.dumps(_values()))
    chart = binaries.module(binaries.KUEUE) / "charts" / "kueue"
    common = (f"--namespace={NAMESPACE}", "--wait", f"--timeout={START_SECONDS}s")
    options = ("--install", "--create-namespace", "--values", values)
    try:
        helm(kube, "upgrade", RELEASE, chart, *options, *common)
        wait_until(lambda: _has_flavor(kube), "Kueue takes objects", START_SECONDS)
        yield
    finally:
        kube.try_kubectl("delete", "resourceflavors.kueue.x-k8s.io", FLAVOR, "--ignore-not-found")
        helm(kube, "uninstall", RELEASE, "--ignore-not-found", *common)


def _has_flavor(kube: Kube) -> bool:
    try:
        kube.apply(_object("ResourceFlavor", FLAVOR, {"nodeLabels": FLAVOR_LABELS}))
    except Refused:
        return False  # the webhook's Service leads nowhere for a moment after its pod is ready
    return True


def _provide_image(archive: Path) -> None:
    program = {"/manager": binaries.KUEUE.path}  # where the chart looks for it
    archives.write(archives.Image(name=IMAGE, programs=program), archive)
    images.import_archive(archive)


def _values() -> Mapping[str, Any]:
    repository, _, tag = IMAGE.rpartition(":")
    configuration = {
        "apiVersion": "config.kueue.x-k8s.io/v1beta2",
        "kind": "Configuration",
        "health": {"healthProbeBindAddress": ":8081"},
        "metrics": {"bindAddress": ":8443"},
        "webhook": {"port": 9443},
        "leaderElection": {"leaderElect": False},
        "integrations": {"frameworks": ["batch/job"]},
    }
    return {
        "controllerManager": {
            "manager": {
                "image": {"repository": repository, "tag": tag, "pullPolicy": "Never"},
                "podSecurityContext": {"runAsUser": USER_ID},
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
            },
            "readinessProbe": {"initialDelaySeconds": 1},
        },
        "managerConfig": {"controllerManagerConfigYaml": yaml.safe_dump(configuration)},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A ClusterQueue of one namespace, named like it."""

    kube: Kube
    namespace: str

    def allow(self, pods: int) -> None:
        """Let so many pods be admitted together."""
        quotas = {**PLENTY, "pods": str(pods)}
        resources = [{"name": name, "nominalQuota": quota} for name, quota in quotas.items()]
        flavors = [{"name": FLAVOR, "resources": resources}]
        group = {"coveredResources": list(quotas), "flavors": flavors}
        spec = {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}},
            "resourceGroups": [group],
        }
        self.kube.apply(_object("ClusterQueue", self.namespace, spec))

    def stop(self, policy: str) -> None:
        """Set ``stopPolicy``: ``None``, ``Hold``, or ``HoldAndDrain``, which takes back what is admitted."""
        change = json.dumps({"spec": {"stopPolicy": policy}})
        self.kube.kubectl(
            "patch", "clusterqueues", self.namespace, "--type=merge", f"--patch={change}"
        )

    def open(self) -> None:
        """Create the queue that jobs of the namespace name."""
        self.kube.apply(
            _object("LocalQueue", QUEUE, {"clusterQueue": self.namespace}),
            namespace=self.namespace,
        )

    def remove(self) -> None:
        """Remove both queues; workloads still in them go first."""
        for kind in ("workloads", "localqueues"):
            self.kube.try_kubectl(
                "delete", f"{kind}.kueue.x-k8s.io", "--all", namespace=self.namespace
            )
        self.kube.try_kubectl("delete", "clusterqueues", self.namespace, "--ignore-not-found")


def _object(kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name},
        "spec": dict(spec),
    }
