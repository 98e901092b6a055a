"""Right objects of the three kinds, to which a test adds what it is about.

Fields are given as users write them, in camelCase; None takes a field away.
"""

from __future__ import annotations

from typing import Any

from batchpoint.api import parsing
from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.api.meta import API_VERSION


def manifest(kind: str, name: str, spec: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return an object as plain data; fields of the spec that are None are left out."""
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {key: value for key, value in spec.items() if value is not None},
    } | more


def an_endpoint(name: str = "digits", **spec: Any) -> BatchEndpoint:
    """Return an endpoint whose default is the deployment ``forest``."""
    wanted = {"defaultDeployment": "forest"} | spec
    return parsing.parse(BatchEndpoint, manifest("BatchEndpoint", name, wanted))


def a_deployment(name: str = "forest", **spec: Any) -> BatchDeployment:
    """Return an MLflow deployment of the endpoint ``digits`` with an output."""
    wanted = {
        "endpoint": "digits",
        "model": {"uri": "datastore://lake/models/forest", "type": "MLflow"},
        "output": {"uri": "datastore://lake/predictions"},
    } | spec
    return parsing.parse(BatchDeployment, manifest("BatchDeployment", name, wanted))


def a_job(name: str = "first", **spec: Any) -> BatchJob:
    """Return a job that asks the endpoint ``digits`` to score a folder."""
    wanted = {"endpoint": "digits", "input": {"uri": "datastore://lake/images"}} | spec
    return parsing.parse(BatchJob, manifest("BatchJob", name, wanted))
