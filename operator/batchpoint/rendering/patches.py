"""Documents that change what exists: each names the uid, so that a namesake is never changed.

The API server refuses a patch whose uid is another (409 or 422), and an apply document that has a uid
creates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from batchpoint.api.meta import API_VERSION
from batchpoint.planning.plan import OwnDeployment, SuspendRunnerJob
from batchpoint.rendering import Manifest


def suspend(action: SuspendRunnerJob) -> Manifest:
    """Return the merge patch that drains a runner Job or lets it go on."""
    return {"metadata": {"uid": action.uid}, "spec": {"suspend": action.suspend}}


def owner(action: OwnDeployment, namespace: str) -> Manifest:
    """Return the apply document that makes an endpoint the owner of a deployment.

    The deployment stays what its author applied: the operator's field manager owns this entry alone, and
    the endpoint is no controller of it.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "BatchDeployment",
        "metadata": {
            "name": action.name,
            "namespace": namespace,
            "uid": action.uid,
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "BatchEndpoint",
                    "name": action.endpoint,
                    "uid": action.endpoint_uid,
                    "controller": False,
                    "blockOwnerDeletion": False,
                }
            ],
        },
    }


def status(
    before: Mapping[str, Any], after: Mapping[str, Any], *, uid: str, resource_version: str
) -> Manifest | None:
    """Return the merge patch that turns one status into another; None when they are the same.

    Args:
        before: As it was read.
        after: As it shall be, without fields that are absent.
        uid: Of the object.
        resource_version: Of the object as it was read: whoever wrote since then wins, and we read again.
    """
    if before == after:
        return None
    return {
        "metadata": {"uid": uid, "resourceVersion": resource_version},
        "status": _replacement(before, after),
    }


def _replacement(before: Mapping[str, Any], after: Mapping[str, Any]) -> Manifest:
    """Return ``after`` with a null for each field that is gone: a merge patch keeps what it omits."""
    gone = dict.fromkeys(name for name in before if name not in after)
    return gone | {
        name: _replacement(before[name], value)
        if isinstance(value, Mapping) and isinstance(before.get(name), Mapping)
        else value
        for name, value in after.items()
    }
