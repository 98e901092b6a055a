"""Raw manifests → the records of `batchpoint.planning.observed`. Pure; the only place that walks through JSON."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from sys import intern
from typing import Any

from pydantic import ValidationError

from batchpoint.api.conditions import SUCCEEDED
from batchpoint.api.job import Phase
from batchpoint.api.meta import (
    ASSET_LABEL,
    ASSET_VERSION_LABEL,
    ATTEMPT_LABEL,
    ORIGIN_LABEL,
    PROFILE_KEY,
    QUEUE_LABEL,
    RUN_CONFIG_ANNOTATION,
    RUNNER_CONTAINER,
    SCHEDULE_LABEL,
    SCORER_CONTAINER,
    TYPE_KEY,
    URI_KEY,
)
from batchpoint.api.placement import ComputeProfile
from batchpoint.cluster.resources import JOBS, Key, Manifest
from batchpoint.planning import retention
from batchpoint.planning.assets import Asset
from batchpoint.planning.observed import (
    ContainerFacts,
    EventFacts,
    JobCondition,
    JobRecord,
    Pinned,
    PodFacts,
    RunnerJobFacts,
    WorkloadFacts,
)
from batchpoint_runner.contract import InputType, RunConfig

_INDEX = "batch.kubernetes.io/job-completion-index"
_NEVER = datetime.fromtimestamp(0, UTC)


def key(manifest: Manifest) -> Key:
    """Return namespace and name."""
    meta = manifest["metadata"]
    return Key(meta["namespace"], meta["name"])


def version(manifest: Manifest) -> int:
    """Return the resourceVersion as a number: those of one kind may be compared (KEP-5504). 0: it has none."""
    return int(manifest["metadata"].get("resourceVersion", 0))


def has_ended(job: Manifest) -> bool:
    """Say whether a BatchJob has its outcome."""
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(each["type"] == SUCCEEDED and each["status"] != "Unknown" for each in conditions)


def is_settled(job: Manifest) -> bool:
    """Say whether a BatchJob has ended and its status speaks of its present spec: nothing is left to do."""
    observed = (job.get("status") or {}).get("observedGeneration", 0)
    return has_ended(job) and observed >= job["metadata"].get("generation", 0)


def job_record(job: Manifest) -> JobRecord:
    """Return a BatchJob in few bytes; strings that many jobs share are kept once."""
    meta, spec, status = job["metadata"], job.get("spec") or {}, job.get("status") or {}
    labels = meta.get("labels") or {}
    return JobRecord(
        namespace=intern(meta["namespace"]),
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        creation_time=_time(meta.get("creationTimestamp")) or _NEVER,
        endpoint=intern(spec.get("endpoint", "")),
        deployment=intern(status.get("deployment", "")),
        phase=_phase(status.get("phase")),
        reason=intern(status.get("reason", "")),
        message=intern(status.get("message", "")),
        accepted=bool(status.get("runnerJob")),
        suspended=bool(spec.get("suspend")),
        completion_time=_time(status.get("completionTime")),
        ttl_seconds=spec.get("ttlSecondsAfterFinished"),
        origin=intern(labels.get(ORIGIN_LABEL, "")),
        schedule=intern(labels.get(SCHEDULE_LABEL, "")),
        tracked=retention.is_tracked(labels, meta.get("annotations") or {}),
    )


def runner_job(job: Manifest) -> RunnerJobFacts:
    """Return the Job of an attempt."""
    meta, spec, status = job["metadata"], job["spec"], job.get("status") or {}
    labels = meta.get("labels") or {}
    owner = controller(job)
    attempt = labels.get(ATTEMPT_LABEL, "")
    return RunnerJobFacts(
        namespace=intern(meta["namespace"]),
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        owner=owner.get("name", ""),
        owner_uid=owner.get("uid", ""),
        attempt=int(attempt) if attempt.isdecimal() else 1,
        creation_time=_time(meta.get("creationTimestamp")) or _NEVER,
        instances=spec.get("completions") or 1,
        image=intern(_scorer_image(spec["template"])),
        queue_name=intern(labels.get(QUEUE_LABEL, "")),
        suspended=bool(spec.get("suspend")),
        deleting="deletionTimestamp" in meta,
        active=status.get("active", 0),
        ready=status.get("ready", 0),
        terminating=status.get("terminating", 0),
        succeeded=status.get("succeeded", 0),
        failed=status.get("failed", 0),
        conditions=tuple(
            JobCondition(
                type=condition["type"],
                reason=condition.get("reason", ""),
                message=condition.get("message", ""),
                time=_time(condition.get("lastTransitionTime")),
            )
            for condition in status.get("conditions") or ()
            if condition["status"] == "True"
        ),
    )


def controller(job: Manifest) -> Mapping[str, Any]:
    """Return the owner reference of the BatchJob that controls a Job; empty: none does."""
    return next(
        (
            owner
            for owner in job["metadata"].get("ownerReferences") or ()
            if owner.get("controller") and owner["kind"] == JOBS.kind
        ),
        {},
    )


def pinned(job: Manifest) -> Pinned | None:
    """Return what a Job was created with; None: there is nothing of ours in it that can be read."""
    template = job["spec"]["template"]
    text = (template["metadata"].get("annotations") or {}).get(RUN_CONFIG_ANNOTATION)
    try:
        config = RunConfig.model_validate_json(text or "")
    except ValidationError:
        return None
    return Pinned(config=config, image=_scorer_image(template))


def _scorer_image(template: Mapping[str, Any]) -> str:
    containers = template["spec"]["containers"]
    images = (each.get("image", "") for each in containers if each["name"] == SCORER_CONTAINER)
    return next(images, "")


def pod(manifest: Manifest) -> PodFacts:
    """Return a pod of a Job."""
    meta, status = manifest["metadata"], manifest.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    images = {
        each["name"]: each.get("image", "")
        for part in ("initContainers", "containers")
        for each in manifest["spec"].get(part) or ()
    }
    containers = {
        each["name"]: _container(each, images)
        for part in ("initContainerStatuses", "containerStatuses")
        for each in status.get(part) or ()
    }
    index = (meta.get("labels") or {}).get(_INDEX, "")
    return PodFacts(
        name=meta["name"],
        uid=meta.get("uid", ""),
        index=int(index) if index.isdecimal() else 0,
        phase=status.get("phase", ""),
        ip=status.get("podIP", ""),
        creation_time=_time(meta.get("creationTimestamp")) or _NEVER,
        deleting="deletionTimestamp" in meta,
        disrupted=conditions.get("DisruptionTarget", {}).get("status") == "True",
        unschedulable=scheduled.get("message", "")
        if scheduled.get("reason") == "Unschedulable"
        else "",
        reason=status.get("reason", ""),
        message=status.get("message", ""),
        runner=containers.pop(RUNNER_CONTAINER, None),
        scorer=containers.pop(SCORER_CONTAINER, None),
        others=tuple(containers.values()),
    )


def _container(status: Mapping[str, Any], images: Mapping[str, str]) -> ContainerFacts:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    waiting = state.get("waiting") or {}
    ended = state.get("terminated") or last.get("terminated") or {}
    return ContainerFacts(
        name=status["name"],
        # As asked for: what the runtime reports may be a digest.
        image=images.get(status["name"], status.get("image", "")),
        restarts=status.get("restartCount", 0),
        running="running" in state,
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        exit_code=ended.get("exitCode"),
        exit_reason=ended.get("reason", ""),
        exit_message=ended.get("message", ""),
    )


def events(manifests: Iterable[Manifest]) -> dict[str, tuple[EventFacts, ...]]:
    """Return events by the uid of the object that they are about, in the order of time."""
    found = defaultdict[str, list[EventFacts]](list)
    for event in manifests:
        about = event["involvedObject"]
        found[about.get("uid", "")].append(
            EventFacts(
                kind=about.get("kind", ""),
                name=about.get("name", ""),
                reason=event.get("reason", ""),
                message=event.get("message", ""),
                time=_event_time(event),
            )
        )
    return {
        uid: tuple(sorted(told, key=lambda event: event.time or _NEVER))
        for uid, told in found.items()
    }


def _event_time(event: Manifest) -> datetime | None:
    series = event.get("series") or {}
    return (
        _time(series.get("lastObservedTime"))
        or _time(event.get("lastTimestamp"))
        or _time(event.get("eventTime"))
    )


def workload(manifest: Manifest) -> WorkloadFacts:
    """Return Kueue's view of a Job."""
    conditions = {
        each["type"]: each for each in (manifest.get("status") or {}).get("conditions") or ()
    }
    waits = conditions.get("QuotaReserved", {})
    return WorkloadFacts(
        admitted=conditions.get("Admitted", {}).get("status") == "True",
        reason=waits.get("reason", ""),
        message=waits.get("message", ""),
    )


def asset(config_map: Manifest) -> Asset | None:
    """Return the data asset that a ConfigMap holds; None: it has no address."""
    labels, data = config_map["metadata"].get("labels") or {}, config_map.get("data") or {}
    if not data.get(URI_KEY):
        return None
    type_ = data.get(TYPE_KEY, "")
    return Asset(
        name=labels.get(ASSET_LABEL, ""),
        version=labels.get(ASSET_VERSION_LABEL, ""),
        uri=data[URI_KEY].strip(),
        type=InputType(type_) if type_ in set(InputType) else None,
    )


def profile(config_map: Manifest) -> ComputeProfile | None:
    """Return the compute profile that a ConfigMap holds; None: it cannot be read."""
    text = (config_map.get("data") or {}).get(PROFILE_KEY, "")
    try:
        return ComputeProfile.model_validate(json.loads(text))
    except ValueError:
        return None


def _phase(text: str | None) -> Phase | None:
    return Phase(text) if text in set(Phase) else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
