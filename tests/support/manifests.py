"""Objects of a cluster as raw JSON, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from batchpoint.api.meta import API_VERSION, RUN_CONFIG_ANNOTATION
from batchpoint.cluster.resources import Manifest
from support.builders import a_config

NAMESPACE = "scoring"
TIME = "2026-11-21T09:00:00Z"


READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Available",
    "observedGeneration": 1,
    "lastTransitionTime": TIME,
}


def meta(name: str, version: int, **more: Any) -> Manifest:
    """Return metadata as the server gives it."""
    return {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "generation": 1,
        "creationTimestamp": TIME,
    } | more


def endpoint(name: str = "digits", *, version: int = 1, **spec: Any) -> Manifest:
    """Return an endpoint whose default is the deployment ``forest``."""
    return {
        "apiVersion": API_VERSION,
        "kind": "BatchEndpoint",
        "metadata": meta(name, version),
        "spec": {"defaultDeployment": "forest"} | spec,
    }


def deployment(name: str = "forest", *, version: int = 2, **spec: Any) -> Manifest:
    """Return a deployment of the endpoint ``digits`` that was found ready."""
    wanted = {
        "endpoint": "digits",
        "model": {"uri": "datastore://lake/models/forest", "type": "MLflow"},
        "output": {"uri": "datastore://lake/predictions"},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "BatchDeployment",
        "metadata": meta(name, version),
        "spec": wanted | spec,
        "status": {"observedGeneration": 1, "conditions": [READY]},
    }


def job(
    name: str = "first",
    *,
    version: int = 3,
    status: Manifest | None = None,
    metadata: Manifest | None = None,
    **spec: Any,
) -> Manifest:
    """Return a job that asks the endpoint ``digits``; fields of the spec that are None are left out."""
    wanted = {"endpoint": "digits", "input": {"uri": "datastore://lake/images"}} | spec
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "BatchJob",
        "metadata": meta(name, version) | (metadata or {}),
        "spec": {field: value for field, value in wanted.items() if value is not None},
    }
    return manifest | ({"status": status} if status is not None else {})


def ended(phase: str = "Succeeded", **more: Any) -> Manifest:
    """Return the status of a job that has ended."""
    return {
        "observedGeneration": 1,
        "phase": phase,
        "conditions": [
            {
                "type": "Succeeded",
                "status": "True",
                "reason": "Completed",
                "lastTransitionTime": TIME,
            }
        ],
        "deployment": "forest",
        "output": {"uri": "datastore://lake/predictions/first/"},
        "runnerJob": {"name": "first-1", "uid": "uid-first-1"},
        "attempt": 1,
    } | more


def recorded(attempt: int = 1) -> Manifest:
    """Return the status of a running job."""
    name = f"first-{attempt}"
    return {
        "observedGeneration": 1,
        "phase": "Running",
        "attempt": attempt,
        "runnerJob": {"name": name, "uid": f"uid-{name}"},
    }


def runner_job(
    attempt: int = 1,
    *,
    version: int = 10,
    of: str = "first",
    owner_uid: str | None = None,
    status: Manifest | None = None,
    **spec: Any,
) -> Manifest:
    """Return the Job of an attempt."""
    name = f"{of}-{attempt}"
    owner = {
        "apiVersion": API_VERSION,
        "kind": "BatchJob",
        "name": of,
        "uid": owner_uid or f"uid-{of}",
        "controller": True,
    }
    labels = {
        "app.kubernetes.io/managed-by": "batchpoint",
        "batchpoint.dev/job": of,
        "batchpoint.dev/attempt": str(attempt),
    }
    annotations = {RUN_CONFIG_ANNOTATION: a_config().model_dump_json(by_alias=True)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta(name, version, labels=labels, ownerReferences=[owner]),
        "spec": {
            "completions": 2,
            "template": {
                "metadata": {"annotations": annotations},
                "spec": {"containers": [{"name": "scorer", "image": "python:3.12"}]},
            },
        }
        | spec,
        "status": status or {},
    }


def condition(type_: str, **more: Any) -> Manifest:
    """Return a condition that is True."""
    return {"type": type_, "status": "True", "lastTransitionTime": TIME} | more


def pod(name: str = "first-1-0-abcde", *, index: int = 0, **status: Any) -> Manifest:
    """Return a pod of the first attempt."""
    labels = {
        "batch.kubernetes.io/job-completion-index": str(index),
        "batch.kubernetes.io/controller-uid": "uid-first-1",
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, 20, labels=labels),
        "spec": {
            "initContainers": [{"name": "runner", "image": "batchpoint-runner:1"}],
            "containers": [{"name": "scorer", "image": "python:3.12"}],
        },
        "status": {"phase": "Running"} | status,
    }


def config_map(name: str, data: Manifest, **labels: str) -> Manifest:
    """Return a ConfigMap with labels of our group."""
    named = {f"batchpoint.dev/{label.replace('_', '-')}": value for label, value in labels.items()}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": meta(name, 30, labels=named),
        "data": data,
    }
