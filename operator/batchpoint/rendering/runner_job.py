"""The Job of one attempt: an Indexed Job whose index is the instance (KUBERNETES.md §3, §4)."""

from __future__ import annotations

import copy
import json

from batchpoint.api.job import BatchJob
from batchpoint.api.meta import (
    API_VERSION,
    ATTEMPT_LABEL,
    JOB_LABEL,
    QUEUE_LABEL,
    RUN_CONFIG_ANNOTATION,
    SCORER_CONTAINER,
    runner_job_name,
)
from batchpoint.planning.plan import CreateRunnerJob
from batchpoint.rendering import Manifest, labels, pod, run_config
from batchpoint.rendering.options import RenderOptions
from batchpoint_runner.contract import ExitCode

CRASHES_PER_INSTANCE = 3
"""Restarts of one index after the first try, 10, 20 and 40 s apart, which is Kubernetes' own rule."""

HOPELESS = (
    ExitCode.CANNOT_START,
    ExitCode.THRESHOLD_PASSED,
    ExitCode.OUTPUT_TAKEN,
    ExitCode.INPUT_INVALID,
    ExitCode.WRONG_CONFIGURATION,
)
"""Codes that another try would give again: they end the job, whichever instance leaves with one."""

_PLACEMENT = ("nodeSelector", "tolerations")


def render(launch: CreateRunnerJob, job: BatchJob, options: RenderOptions) -> Manifest:
    """Return the Job of the first attempt.

    Args:
        launch: What to run, resolved.
        job: Becomes the owner; has been read from the cluster, so it has a uid.
        options: What the platform decides.
    """
    config = launch.config
    instances = config.instance_count
    queue = launch.deployment.compute.queue_name or (launch.profile and launch.profile.queue_name)
    template = pod.template(launch, options)
    own = labels.of_runner_job(config, options.labels)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": launch.name,
            "namespace": job.namespace,
            "labels": own | ({QUEUE_LABEL: queue} if queue else {}),
            **({"annotations": _remembered_placement(template)} if queue else {}),
            "ownerReferences": [_owner(job)],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": instances,
            "parallelism": instances,
            # From the start, also where Kueue's webhook is slow; afterwards the field is Kueue's alone.
            "suspend": bool(queue),
            "backoffLimitPerIndex": CRASHES_PER_INSTANCE,
            # The others go on with the work of one that is lost; when most are, the cause is not one node.
            "maxFailedIndexes": instances // 2,
            # Two pods of one index at once are safe, but cost double.
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": template,
        },
    }


def next_attempt(previous: Manifest, attempt: int) -> Manifest:
    """Return the Job of a further attempt, from that of an earlier one as it was read.

    All that the first was pinned to stays. What the server, the Job controller and Kueue added is left out.

    Args:
        previous: As the API server gave it; it is not changed.
        attempt: From 2.
    """
    metadata = previous["metadata"]
    placement = metadata.get("annotations", {}).get(labels.PLACEMENT_ANNOTATION)
    # From the template, which nobody can edit: without its labels the next Job would not be watched.
    template = _next_template(previous["spec"]["template"], attempt, placement)
    own = template["metadata"]["labels"]
    queue = metadata.get("labels", {}).get(QUEUE_LABEL)
    spec = {name: value for name, value in previous["spec"].items() if name != "selector"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": runner_job_name(own[JOB_LABEL], attempt),
            "namespace": metadata["namespace"],
            "labels": own | ({QUEUE_LABEL: queue} if queue else {}),
            **({"annotations": {labels.PLACEMENT_ANNOTATION: placement}} if placement else {}),
            "ownerReferences": copy.deepcopy(metadata["ownerReferences"]),
        },
        "spec": copy.deepcopy(spec)
        | {
            "suspend": bool(queue),
            # Kueue may have admitted fewer than were asked for.
            "parallelism": spec["completions"],
            "template": template,
        },
    }


def _next_template(template: Manifest, attempt: int, placement: str | None) -> Manifest:
    metadata = template["metadata"]
    annotations = labels.without_foreign(metadata["annotations"])
    pinned = run_config.with_attempt(annotations[RUN_CONFIG_ANNOTATION], attempt)
    spec = copy.deepcopy(template["spec"])
    if placement is not None:
        spec.pop("schedulingGates", None)
        for name in _PLACEMENT:
            spec.pop(name, None)
        spec |= json.loads(placement)
    return {
        "metadata": {
            "labels": labels.without_foreign(metadata["labels"]) | {ATTEMPT_LABEL: str(attempt)},
            "annotations": annotations | {RUN_CONFIG_ANNOTATION: pinned},
        },
        "spec": spec,
    }


def _remembered_placement(template: Manifest) -> dict[str, str]:
    spec = template["spec"]
    placement = {name: spec[name] for name in _PLACEMENT if name in spec}
    return {labels.PLACEMENT_ANNOTATION: json.dumps(placement, sort_keys=True)}


def _owner(job: BatchJob) -> Manifest:
    return {
        "apiVersion": API_VERSION,
        "kind": job.kind,
        "name": job.name,
        "uid": job.metadata.uid,
        "controller": True,
        # True would need a right on the owner's finalizers where such references are checked.
        "blockOwnerDeletion": False,
    }


def _failure_rules() -> list[Manifest]:
    """Return the rules in the order in which they are tried; a pod that none takes counts as a crash.

    Each code is that of the scorer: without a name, a runner that was killed at the end would count too.
    """
    return [
        # A node that is drained, preempted or lost says nothing about the job.
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        _rule("FailJob", *HOPELESS),
        _rule("Ignore", ExitCode.DRAINED),
    ]


def _rule(action: str, *codes: ExitCode) -> Manifest:
    values = sorted(int(code) for code in codes)
    matched = {"containerName": SCORER_CONTAINER, "operator": "In", "values": values}
    return {"action": action, "onExitCodes": matched}
