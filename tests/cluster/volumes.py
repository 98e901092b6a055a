"""Persistent volumes without a provisioner: a directory of the node, bound to its claim beforehand.

Apply volume and claim, and wait for the claim to be Bound, before a pod uses it: a pod that finds its claim
unbound waits some seconds more.
"""

from __future__ import annotations

from cluster import paths
from cluster.manifests import Manifest

CAPACITY = "1Gi"
"""A number that somebody has to give; nothing measures it."""


def volume(name: str, namespace: str) -> list[Manifest]:
    """Return a volume and the claim of that name that is bound to it; the directory is made, for everybody.

    Both are ReadWriteMany, as there is one node. Deleting them leaves the directory and what is in it.
    """
    directory = paths.state().volumes / namespace / name
    directory.mkdir(parents=True, exist_ok=True)
    # fsGroup does not change the owner of a directory of the node.
    directory.chmod(0o777)
    return manifests(name, namespace, str(directory))


def manifests(name: str, namespace: str, directory: str) -> list[Manifest]:
    """Return the manifests of `volume`."""
    # No class: then neither a provisioner nor a default has a say in it.
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"{namespace}-{name}"},
            "spec": {
                **shared,
                "capacity": {"storage": CAPACITY},
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": directory, "type": "Directory"},
                "claimRef": {"name": name, "namespace": namespace},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                **shared,
                "resources": {"requests": {"storage": CAPACITY}},
                "volumeName": f"{namespace}-{name}",
            },
        },
    ]
