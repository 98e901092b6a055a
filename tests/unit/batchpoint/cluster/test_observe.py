"""What a plan is made from, and with how few requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from batchpoint.api.reasons import Reason
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.observe import JOB_UID_OF_WORKLOAD, Observer
from batchpoint.cluster.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    RUNNER_JOBS,
    WORKLOADS,
    Key,
    ResourceKind,
)
from batchpoint.cluster.runners import Runners
from batchpoint.errors import SpecError
from batchpoint.planning.observed import JobObserved, WorkloadFacts
from support import manifests
from support.api_server import ApiServer, failure
from support.builders import a_config
from support.manifests import Manifest

pytestmark = pytest.mark.asyncio

NS = manifests.NAMESPACE
FIRST = Key(NS, "first")
FOREST = Key(NS, "forest")
SOON = datetime(2026, 11, 21, 9, 0, 1, tzinfo=UTC)
LATER = SOON + timedelta(seconds=20)
CANNOT_LIST = 'cannot list resource "workloads"'


class Scenery:
    """A server, and a mirror of what is watched in it."""

    def __init__(self) -> None:
        self.server = ApiServer()
        self.mirror = Mirror()
        self.has(ENDPOINTS, manifests.endpoint())
        self.has(DEPLOYMENTS, manifests.deployment())

    def has(self, kind: ResourceKind, manifest: Manifest) -> None:
        """Put an object of a watched kind into both."""
        self.mirror.put(kind, self.server.put(kind, manifest))

    @asynccontextmanager
    async def observer(self) -> AsyncIterator[Observer]:
        """Give an observer of it."""
        async with self.server.client() as api:
            runners = Runners(api)
            yield Observer(api, self.mirror, runners, operator_namespace="batchpoint")
            await runners.close()

    async def look(self, now: datetime = SOON) -> JobObserved:
        """Observe the first job once."""
        async with self.observer() as observer:
            found = await observer.job(FIRST, now)
        assert found is not None
        return found[1]


def warning(reason: str, name: str) -> Manifest:
    """Return an event about an object of that name."""
    about = {"kind": "Pod", "name": name, "uid": f"uid-{name}"}
    return {
        "metadata": manifests.meta(f"{name}.1", 40),
        "involvedObject": about,
        "reason": reason,
        "type": "Warning",
    }


@pytest.fixture
def scenery() -> Scenery:
    """Return a namespace with an endpoint and its default deployment."""
    return Scenery()


async def test_a_new_job_costs_no_request(scenery: Scenery) -> None:
    """Everything that it names is watched."""
    scenery.has(JOBS, manifests.job())
    observed = await scenery.look()
    assert [] == scenery.server.requests
    assert {"digits"} == observed.scene.endpoints.keys()
    assert {"forest"} == observed.scene.deployments.keys()
    assert (None, False, None) == (observed.runner_job, observed.name_taken, observed.pods)


async def test_there_is_nothing_to_plan_for_what_is_gone_or_has_ended(scenery: Scenery) -> None:
    """None says so."""
    scenery.has(JOBS, manifests.job("done", status=manifests.ended()))
    async with scenery.observer() as observer:
        assert None is await observer.job(FIRST, SOON)
        assert None is await observer.job(Key(NS, "done"), SOON)
        assert None is await observer.deployment(Key(NS, "none"))
        assert None is await observer.endpoint(Key(NS, "none"))


async def test_a_job_on_something_invalid_says_so(scenery: Scenery) -> None:
    """It would be wrong to say that the deployment does not exist."""
    scenery.has(DEPLOYMENTS, manifests.deployment(model=None))
    scenery.has(JOBS, manifests.job())
    with pytest.raises(SpecError, match='BatchDeployment "forest" cannot be used') as caught:
        await scenery.look()
    assert (Reason.DEPLOYMENT_NOT_READY, "spec.deployment") == (
        caught.value.reason,
        caught.value.field,
    )


async def test_what_was_just_created_is_not_read(scenery: Scenery) -> None:
    """The answer to the creation holds the snapshot."""
    scenery.has(JOBS, manifests.job())
    scenery.mirror.put_created(scenery.server.put(RUNNER_JOBS, manifests.runner_job()))
    observed = await scenery.look()
    assert [] == scenery.server.requests
    assert observed.runner_job is not None
    assert observed.pinned is not None
    assert a_config() == observed.pinned.config


async def test_an_adopted_job_is_read_once(scenery: Scenery) -> None:
    """The mirror keeps facts, not templates."""
    scenery.has(JOBS, manifests.job())
    scenery.has(RUNNER_JOBS, manifests.runner_job())
    async with scenery.observer() as observer:
        for _ in range(2):
            found = await observer.job(FIRST, SOON)
            assert found is not None
            assert found[1].pinned is not None
    assert 1 == len(scenery.server.requests)


async def test_a_recorded_job_that_runs_costs_no_request(scenery: Scenery) -> None:
    """Neither snapshot nor pods are needed; progress is asked for beside."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    scenery.has(RUNNER_JOBS, manifests.runner_job(status={"active": 1}))
    observed = await scenery.look()
    assert [] == scenery.server.requests
    assert observed.runner_job is not None
    assert (None, None) == (observed.pinned, observed.pods)


async def test_that_a_recorded_job_is_gone_is_read_and_not_believed(scenery: Scenery) -> None:
    """It ends the BatchJob, and the watch may only be behind."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    scenery.server.put(RUNNER_JOBS, manifests.runner_job())
    assert None is not (await scenery.look()).runner_job
    scenery.mirror.forget(RUNNER_JOBS, Key(NS, "first-1"))
    scenery.server.objects.clear()
    assert None is (await scenery.look()).runner_job


async def test_a_job_of_that_name_with_another_uid_is_not_the_recorded_one(
    scenery: Scenery,
) -> None:
    """Somebody deleted ours and made another."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    other = manifests.runner_job()
    other["metadata"]["uid"] = "uid-other"
    scenery.has(RUNNER_JOBS, other)
    assert None is (await scenery.look()).runner_job


async def test_a_name_is_taken_until_the_stranger_is_gone(scenery: Scenery) -> None:
    """No watch tells of the end of a Job without our label."""
    scenery.has(JOBS, manifests.job())
    scenery.has(RUNNER_JOBS, manifests.runner_job(owner_uid="uid-before"))
    observed = await scenery.look()
    assert (None, True) == (observed.runner_job, observed.name_taken)
    scenery.server.objects.clear()
    assert not (await scenery.look()).name_taken


async def test_the_next_attempt_is_seen_before_it_is_recorded(scenery: Scenery) -> None:
    """The operator may have ended between the two writes."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded(1)))
    failed = {"conditions": [manifests.condition("Failed", reason="FailedIndexes")]}
    scenery.has(RUNNER_JOBS, manifests.runner_job(1, status=failed))
    scenery.has(RUNNER_JOBS, manifests.runner_job(2))
    observed = await scenery.look()
    assert observed.successor is not None
    assert 2 == observed.successor.attempt
    assert observed.pinned is not None
    assert None is observed.pods


async def test_the_end_of_an_attempt_costs_one_list_of_pods(scenery: Scenery) -> None:
    """And the snapshot, if it is not known any more; a second look at the same costs nothing."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    failed = {"conditions": [manifests.condition("FailureTarget")]}
    scenery.has(RUNNER_JOBS, manifests.runner_job(status=failed))
    scenery.server.put(PODS, manifests.pod())
    async with scenery.observer() as observer:
        for _ in range(2):
            found = await observer.job(FIRST, SOON)
            assert found is not None
            assert found[1].pods is not None
            assert ["first-1-0-abcde"] == [pod.name for pod in found[1].pods]
    assert 1 == scenery.server.count("GET", "/pods")
    assert 2 == len(scenery.server.requests)


async def test_a_job_that_lost_its_label_is_not_taken_for_deleted(scenery: Scenery) -> None:
    """The watch says DELETED, in the version in which it lost it; but it is there, and runs."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    job = manifests.runner_job(status={"active": 1})
    scenery.has(RUNNER_JOBS, job)
    del job["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    scenery.mirror.remove(RUNNER_JOBS, scenery.server.put(RUNNER_JOBS, job))
    observed = await scenery.look()
    assert observed.runner_job is not None
    assert "uid-first-1" == observed.runner_job.uid


async def test_what_does_not_start_is_looked_into(scenery: Scenery) -> None:
    """By its pods, its own events, and those of the first pod that waits."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    scenery.has(RUNNER_JOBS, manifests.runner_job())
    for name in ("first-1-0-abcde", "first-1-1-fghij"):
        scenery.server.put(PODS, manifests.pod(name, index=int(name[8]), phase="Pending"))
        scenery.server.put(EVENTS, warning("FailedMount", name))
    scenery.server.put(EVENTS, warning("FailedCreate", "first-1"))
    scenery.server.put(EVENTS, warning("Unhealthy", "somebody-elses"))
    observed = await scenery.look(LATER)
    assert observed.events is not None
    told = [(each.reason, each.name) for each in observed.events]
    assert [("FailedCreate", "first-1"), ("FailedMount", "first-1-0-abcde")] == told
    assert 2 == len(scenery.server.requests)


async def test_many_that_do_not_start_are_one_read_of_warnings(scenery: Scenery) -> None:
    """Of a namespace, also when they are looked at together: a burst that no node fits must not flood."""
    names = [f"job-{number}" for number in range(5)]
    for name in names:
        recorded = {"name": f"{name}-1", "uid": f"uid-{name}-1"}
        status = manifests.recorded() | {"runnerJob": recorded}
        scenery.has(JOBS, manifests.job(name, status=status))
        scenery.has(RUNNER_JOBS, manifests.runner_job(of=name))
        scenery.server.put(EVENTS, warning("FailedCreate", f"{name}-1"))
    async with scenery.observer() as observer:
        looks = await asyncio.gather(*(observer.job(Key(NS, name), LATER) for name in names))
    for name, found in zip(names, looks, strict=True):
        assert found is not None
        assert found[1].events is not None
        assert [f"{name}-1"] == [each.name for each in found[1].events]
    assert 1 == scenery.server.count("GET", "/events")


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [
        ({"name": NS}, False),
        ({"name": NS, "deletionTimestamp": "2026-11-21T09:00:00Z"}, True),
    ],
    ids=["stays", "ends"],
)
async def test_what_holds_deleted_pods_may_hold_its_namespace(
    scenery: Scenery, namespace: Manifest, expected: bool
) -> None:
    """Which is read, and only then."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    scenery.has(RUNNER_JOBS, manifests.runner_job(status={"ready": 0, "terminating": 0}))
    pod = manifests.pod(phase="Failed")
    pod["metadata"]["deletionTimestamp"] = "2026-11-21T09:00:00Z"
    scenery.server.put(PODS, pod)
    scenery.server.put(NAMESPACES, {"metadata": namespace})
    observed = await scenery.look(LATER)
    assert expected is observed.namespace_ends
    assert 1 == scenery.server.requests.count(("GET", NAMESPACES.path(name=NS)))


@pytest.mark.parametrize(
    ("refusals", "asked"),
    [
        pytest.param([(404, "NotFound", "no such kind")] * 2, 2, id="not installed"),
        pytest.param([(403, "Forbidden", CANNOT_LIST)], 1, id="not permitted"),
        pytest.param([], 1, id="does not know the job"),
    ],
)
async def test_kueue_may_have_no_view(
    scenery: Scenery, refusals: list[tuple[int, str, str]], asked: int
) -> None:
    """Which stops nobody."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    scenery.has(RUNNER_JOBS, manifests.runner_job(suspend=True))
    scenery.server.fail_next += [failure(*refusal) for refusal in refusals]
    assert None is (await scenery.look()).workload
    assert asked == scenery.server.count("GET", "/workloads")


@pytest.mark.parametrize("kind", WORKLOADS, ids=lambda kind: kind.version)
async def test_kueue_is_asked_in_the_version_that_it_serves(
    scenery: Scenery, kind: ResourceKind
) -> None:
    """An old one knows no newer."""
    scenery.has(JOBS, manifests.job(status=manifests.recorded()))
    scenery.has(RUNNER_JOBS, manifests.runner_job(suspend=True))
    older = WORKLOADS[: WORKLOADS.index(kind)]
    scenery.server.fail_next += [web.Response(status=404) for _ in older]
    waits = {"type": "QuotaReserved", "status": "False", "reason": "Pending", "message": "full"}
    labels = {JOB_UID_OF_WORKLOAD: "uid-first-1"}
    meta = {"name": "job-first", "namespace": NS, "labels": labels}
    scenery.server.put(kind, {"metadata": meta, "status": {"conditions": [waits]}})
    assert WorkloadFacts(reason="Pending", message="full") == (await scenery.look()).workload


async def test_an_asset_that_was_just_applied_is_found(scenery: Scenery) -> None:
    """Although the assets of the namespace were read a moment ago."""
    scenery.has(JOBS, manifests.job(input={"uri": "asset://images/1"}))
    labels = {"asset": "images", "asset_version": "1"}
    async with scenery.observer() as observer:
        before = await observer.job(FIRST, SOON)
        applied = manifests.config_map("a", {"uri": "s3://lake/images"}, **labels)
        scenery.server.put(CONFIG_MAPS, applied)
        after = await observer.job(FIRST, SOON)
        await observer.job(FIRST, SOON)
    assert before is not None
    assert after is not None
    assert ({}, {"images"}) == (before[1].scene.assets, after[1].scene.assets.keys())
    assert 3 == len(scenery.server.requests)


async def test_a_rerun_takes_the_input_that_was_pinned(scenery: Scenery) -> None:
    """Of a job that has ended, from the Job that ran it."""
    scenery.has(JOBS, manifests.job(rerun={"job": "before"}, input=None))
    ended = manifests.ended(runnerJob={"name": "before-1", "uid": "uid-before-1"})
    scenery.has(JOBS, manifests.job("before", status=ended))
    job = manifests.runner_job(of="before")
    config = a_config()
    pinned = config.model_copy(
        update={"job": config.job.model_copy(update={"uid": "uid-before"})}
    ).model_dump_json(by_alias=True)
    job["spec"]["template"]["metadata"]["annotations"] = {"batchpoint.dev/run-config": pinned}
    scenery.has(RUNNER_JOBS, job)
    observed = await scenery.look()
    assert observed.earlier is not None
    assert ("uid-before", "datastore://lake/predictions/first/", config.input) == (
        observed.earlier.uid,
        observed.earlier.output_uri,
        observed.earlier.input,
    )
    assert {"first", "before"} == set(observed.scene.jobs)


async def test_a_rerun_without_the_earlier_snapshot_goes_by_the_spec(scenery: Scenery) -> None:
    """The Job may be gone while the BatchJob is kept."""
    scenery.has(JOBS, manifests.job(rerun={"job": "before"}, input=None))
    scenery.has(JOBS, manifests.job("before", status=manifests.ended()))
    observed = await scenery.look()
    assert observed.earlier is not None
    assert "datastore://lake/images" == observed.earlier.input.uri


@pytest.mark.parametrize(
    ("zeroth", "expected"),
    [
        ("2026-11-21T08:00:00Z", "datastore://lake/old"),
        (manifests.TIME, "datastore://lake/old"),
        ("2026-11-21T10:00:00Z", None),
    ],
    ids=["older", "of-the-same-second", "namesake"],
)
async def test_a_rerun_of_a_rerun_scores_what_the_first_was_given(
    scenery: Scenery, zeroth: str, expected: str | None
) -> None:
    """Where no Job tells it any more; but a job that was created later was not the source."""
    scenery.has(JOBS, manifests.job(rerun={"job": "before"}, input=None))
    again = manifests.job("before", rerun={"job": "zeroth"}, input=None, status=manifests.ended())
    scenery.has(JOBS, again)
    old = {"input": {"uri": "datastore://lake/old"}, "metadata": {"creationTimestamp": zeroth}}
    scenery.has(JOBS, manifests.job("zeroth", status=manifests.ended(), **old))
    observed = await scenery.look()
    assert expected == (observed.earlier.input.uri if observed.earlier else None)


async def test_reruns_in_a_circle_have_no_source(scenery: Scenery) -> None:
    """Possible where a job is deleted, and one of its name made anew in the same second."""
    scenery.has(JOBS, manifests.job(rerun={"job": "before"}, input=None))
    for name, source in (("before", "zeroth"), ("zeroth", "before")):
        again = manifests.job(name, rerun={"job": source}, input=None, status=manifests.ended())
        scenery.has(JOBS, again)
    assert None is (await scenery.look()).earlier


async def test_a_rerun_waits_for_the_end_of_the_earlier_job(scenery: Scenery) -> None:
    """Its failures are not known before."""
    scenery.has(JOBS, manifests.job(rerun={"job": "before"}, input=None))
    scenery.has(JOBS, manifests.job("before", status={"phase": "Running"}))
    observed = await scenery.look()
    assert (None, True) == (observed.earlier, observed.earlier_unfinished)


async def test_room_is_counted_only_where_there_is_a_limit(scenery: Scenery) -> None:
    """Others of the same endpoint that run, and those that came before."""
    scenery.has(JOBS, manifests.job())
    assert None is (await scenery.look()).capacity.limit
    scenery.has(ENDPOINTS, manifests.endpoint(maxActiveJobs=2))
    scenery.has(JOBS, manifests.job("a"))
    scenery.has(JOBS, manifests.job("running", status=manifests.recorded()))
    scenery.has(RUNNER_JOBS, manifests.runner_job(of="running"))
    capacity = (await scenery.look()).capacity
    assert (2, 1, 1) == (capacity.limit, capacity.active, capacity.ahead)


async def test_a_profile_is_read_from_the_operators_namespace(scenery: Scenery) -> None:
    """Once for all jobs that are looked at soon after."""
    scenery.has(DEPLOYMENTS, manifests.deployment(compute={"profile": "gpu"}))
    scenery.has(JOBS, manifests.job())
    profile = manifests.config_map("p", {"profile.json": '{"maxInstances": 4}'})
    profile["metadata"] |= {
        "namespace": "batchpoint",
        "labels": {"batchpoint.dev/compute-profile": "gpu"},
    }
    scenery.server.put(CONFIG_MAPS, profile)
    async with scenery.observer() as observer:
        found = await observer.job(FIRST, SOON)
        deployment = await observer.deployment(FOREST)
    assert found is not None
    assert deployment is not None
    assert found[1].profile is deployment[1].profile is not None
    assert 1 == len(scenery.server.requests)


async def test_a_deployment_tells_its_owner_code_and_jobs(scenery: Scenery) -> None:
    """Each with one request at most."""
    code = {"code": {"configMap": "script"}, "scoringScript": "score.py"}
    owned = manifests.deployment(codeConfiguration=code)
    endpoint = scenery.mirror.endpoints(NS)["digits"]
    owned["metadata"]["ownerReferences"] = [{"uid": endpoint.metadata.uid}]
    scenery.has(DEPLOYMENTS, owned)
    scenery.has(JOBS, manifests.job(status=manifests.ended()))
    scenery.server.put(CONFIG_MAPS, manifests.config_map("script", {"score.py": "…"}))
    async with scenery.observer() as observer:
        found = await observer.deployment(FOREST)
    assert found is not None
    assert (True, endpoint.metadata.uid, ("score.py",), None) == (
        found[1].owned,
        found[1].endpoint_uid,
        found[1].code_keys,
        found[1].missing_secrets,
    )
    assert ["first"] == [job.name for job in found[1].jobs]


async def test_an_endpoint_tells_its_jobs(scenery: Scenery) -> None:
    """From the mirror alone."""
    scenery.has(JOBS, manifests.job(status=manifests.ended()))
    async with scenery.observer() as observer:
        found = await observer.endpoint(Key(NS, "digits"))
    assert found is not None
    assert ["first"] == [job.name for job in found[1].jobs]
    assert [] == scenery.server.requests
