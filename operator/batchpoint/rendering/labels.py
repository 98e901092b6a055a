"""Labels of runner Jobs and their pods; and what of a Job read back was put there by others."""

from __future__ import annotations

from collections.abc import Mapping

from batchpoint.api.meta import (
    ATTEMPT_LABEL,
    DEPLOYMENT_LABEL,
    ENDPOINT_LABEL,
    GROUP,
    JOB_LABEL,
    MANAGED_BY,
    MANAGER,
)
from batchpoint_runner.contract import RunConfig

PLACEMENT_ANNOTATION = f"{GROUP}/placement"
"""On a queued runner Job: node selector and tolerations as we rendered them, as JSON. Kueue adds those of
the flavor that it admits the Job to, which must not bind the attempt after it."""

_FOREIGN_PREFIXES = ("kueue.x-k8s.io/", "batch.kubernetes.io/")
_FOREIGN_NAMES = ("controller-uid", "job-name")
"""What the Job controller and Kueue write into a Job's pod template."""


def of_runner_job(config: RunConfig, extra: Mapping[str, str]) -> dict[str, str]:
    """Return the labels of one attempt's Job and of its pods.

    Args:
        config: Of the job; its attempt counts from 1.
        extra: Labels of the platform. They replace none of ours.
    """
    return {
        **extra,
        MANAGED_BY: MANAGER,
        ENDPOINT_LABEL: config.job.endpoint,
        DEPLOYMENT_LABEL: config.job.deployment,
        JOB_LABEL: config.job.name,
        ATTEMPT_LABEL: str(config.attempt),
    }


def without_foreign(found: Mapping[str, str]) -> dict[str, str]:
    """Return labels or annotations of a pod template as they were rendered."""
    return {
        name: value
        for name, value in found.items()
        if not name.startswith(_FOREIGN_PREFIXES) and name not in _FOREIGN_NAMES
    }
