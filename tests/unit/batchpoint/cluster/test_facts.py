"""From raw JSON to facts."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from batchpoint.api.job import Phase
from batchpoint.cluster import facts
from batchpoint.planning.assets import Asset
from batchpoint.planning.observed import ContainerFacts
from batchpoint_runner.contract import InputType
from support import manifests
from support.builders import a_config

NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)


def test_a_new_job_is_told_by_its_spec() -> None:
    """Nothing is known of its fate."""
    record = facts.job_record(manifests.job(ttlSecondsAfterFinished=60, suspend=True))
    assert ("scoring", "first", "uid-first", "digits") == (
        record.namespace,
        record.name,
        record.uid,
        record.endpoint,
    )
    assert (None, False, True, 60, NINE) == (
        record.phase,
        record.accepted,
        record.suspended,
        record.ttl_seconds,
        record.creation_time,
    )


def test_a_finished_job_is_told_by_its_status() -> None:
    """And by the labels of whoever made it."""
    labels = {"batchpoint.dev/origin": "Schedule", "batchpoint.dev/schedule": "nightly"}
    status = manifests.ended(completionTime=manifests.TIME, reason="Completed", message="All.")
    record = facts.job_record(manifests.job(status=status, metadata={"labels": labels}))
    assert (Phase.SUCCEEDED, "forest", True, NINE) == (
        record.phase,
        record.deployment,
        record.accepted,
        record.completion_time,
    )
    assert ("Schedule", "nightly", "Completed", "All.") == (
        record.origin,
        record.schedule,
        record.reason,
        record.message,
    )


def test_a_job_in_git_is_tracked() -> None:
    """Its deletion would make a tool create it again."""
    tracked = {"annotations": {"argocd.argoproj.io/tracking-id": "x"}}
    assert facts.job_record(manifests.job(metadata=tracked)).tracked
    assert not facts.job_record(manifests.job()).tracked


def test_a_phase_of_a_newer_operator_is_unknown() -> None:
    """It is no reason to fail."""
    assert facts.job_record(manifests.job(status={"phase": "Dreaming"})).phase is None


@pytest.mark.parametrize(
    ("status", "generation", "settled"),
    [
        (None, 1, False),
        ({"conditions": [{"type": "Succeeded", "status": "Unknown"}]}, 1, False),
        (manifests.ended(), 1, True),
        (manifests.ended(), 2, False),
    ],
)
def test_a_job_is_settled_when_its_outcome_speaks_of_its_present_spec(
    status: manifests.Manifest | None, generation: int, settled: bool
) -> None:
    """An edit of a finished job still wants an observedGeneration."""
    job = manifests.job(status=status, metadata={"generation": generation})
    assert settled == facts.is_settled(job)


def test_a_runner_job_is_told_with_its_owner() -> None:
    """And with those of its conditions that hold."""
    status = {
        "active": 1,
        "ready": 1,
        "failed": 2,
        "conditions": [
            manifests.condition("FailureTarget", reason="PodFailurePolicy", message="x"),
            {"type": "Suspended", "status": "False"},
        ],
    }
    job = facts.runner_job(manifests.runner_job(2, status=status, suspend=True))
    assert ("first", "uid-first", 2, 2, True) == (
        job.owner,
        job.owner_uid,
        job.attempt,
        job.instances,
        job.suspended,
    )
    assert (1, 1, 2) == (job.active, job.ready, job.failed)
    assert ["FailureTarget"] == [each.type for each in job.conditions]


def test_a_job_of_a_stranger_has_no_owner() -> None:
    """No BatchJob controls it."""
    stranger = manifests.runner_job()
    stranger["metadata"] |= {"ownerReferences": None, "labels": None}
    job = facts.runner_job(stranger)
    assert ("", "", 1) == (job.owner, job.owner_uid, job.attempt)


def test_what_a_job_was_created_with_can_be_read_back() -> None:
    """The Job is the snapshot."""
    pinned = facts.pinned(manifests.runner_job())
    assert pinned is not None
    assert (a_config(), "python:3.12") == (pinned.config, pinned.image)


def test_a_job_without_a_snapshot_has_none() -> None:
    """Whoever made it, we did not."""
    stranger = manifests.runner_job(template={"metadata": {}, "spec": {"containers": []}})
    assert None is facts.pinned(stranger)


def test_a_pod_tells_its_two_containers() -> None:
    """The runner's message is that of its end, also while it waits for its restart."""
    ended = {"exitCode": 11, "reason": "Error", "message": "{}"}
    pod = facts.pod(
        manifests.pod(
            index=3,
            podIP="10.0.0.7",
            initContainerStatuses=[
                {
                    "name": "runner",
                    "image": "sha256:1",
                    "restartCount": 2,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                    "lastState": {"terminated": ended},
                }
            ],
            containerStatuses=[{"name": "scorer", "image": "x", "state": {"running": {}}}],
        )
    )
    assert (3, "10.0.0.7", "Running") == (pod.index, pod.ip, pod.phase)
    assert pod.runner == ContainerFacts(
        name="runner",
        image="batchpoint-runner:1",
        restarts=2,
        waiting_reason="CrashLoopBackOff",
        exit_code=11,
        exit_reason="Error",
        exit_message="{}",
    )
    assert pod.scorer is not None
    assert pod.scorer.running


def test_a_pod_tells_what_keeps_it_from_a_node() -> None:
    """In the scheduler's words."""
    waiting = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    lost = {"type": "DisruptionTarget", "status": "True"}
    pod = facts.pod(manifests.pod(conditions=[waiting | {"message": "0/3 nodes"}, lost]))
    assert ("0/3 nodes", True) == (pod.unschedulable, pod.disrupted)


def test_events_come_in_the_order_of_time() -> None:
    """Whichever of its three times an event has; those of each object by themselves."""
    about = {"kind": "Pod", "name": "p", "uid": "u"}
    found = facts.events(
        [
            {"involvedObject": about, "reason": "B", "lastTimestamp": "2026-01-01T00:00:02Z"},
            {"involvedObject": about, "reason": "A", "eventTime": "2026-01-01T00:00:01.000001Z"},
            {
                "involvedObject": about,
                "reason": "C",
                "lastTimestamp": "2026-01-01T00:00:00Z",
                "series": {"lastObservedTime": "2026-01-01T00:00:03.000000Z"},
            },
            {"involvedObject": {**about, "uid": "v"}, "reason": "D"},
        ]
    )
    assert {"u": ["A", "B", "C"], "v": ["D"]} == {
        uid: [event.reason for event in told] for uid, told in found.items()
    }


def test_a_workload_says_why_it_waits() -> None:
    """In Kueue's words."""
    waits = {"type": "QuotaReserved", "status": "False", "reason": "Pending", "message": "full"}
    found = facts.workload({"status": {"conditions": [waits]}})
    assert (False, "Pending", "full") == (found.admitted, found.reason, found.message)
    admitted = facts.workload({"status": {"conditions": [manifests.condition("Admitted")]}})
    assert admitted.admitted


def test_an_asset_is_a_labelled_config_map() -> None:
    """One without an address is none."""
    labels = {"asset": "images", "asset_version": "3"}
    data = {"uri": "s3://lake/images\n", "type": "UriFile"}
    expected = Asset(name="images", version="3", uri="s3://lake/images", type=InputType.FILE)
    assert expected == facts.asset(manifests.config_map("a", data, **labels))
    assert None is facts.asset(manifests.config_map("a", {}, **labels))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_a_profile_that_cannot_be_read_is_none(text: str) -> None:
    """It is missing then, and the deployment says so."""
    assert None is facts.profile(manifests.config_map("p", {"profile.json": text}))


def test_a_profile_is_json() -> None:
    """Of one key."""
    found = facts.profile(manifests.config_map("p", {"profile.json": '{"maxInstances": 4}'}))
    assert found is not None
    assert 4 == found.max_instances
