"""The one path of a wake-up, against the stand-in API server: what is written, how often, and what never is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from batchpoint.cluster.resources import DEPLOYMENTS, ENDPOINTS, JOBS, RUNNER_JOBS
from batchpoint.handlers.wakeups import Patience
from support.api_server import failure
from support.operator_parts import NAMESPACE, Parts, joined, subject
from support.resources import a_deployment, a_job, an_endpoint

FIRST = subject(JOBS, "first")
STATUS = "/batchjobs/first/status"


def play(story: Callable[[Parts], Awaitable[None]]) -> None:
    """Run a story with an operator and a server."""

    async def main() -> None:
        async with joined() as parts:
            await story(parts)

    asyncio.run(main())


def a_world(parts: Parts, *, jobs: int = 1, **endpoint: object) -> None:
    """Have an endpoint, its deployment and some jobs, the first of them called ``first``."""
    parts.have(an_endpoint(**endpoint))
    parts.have(a_deployment())
    for name in ("first", "second", "third")[:jobs]:
        parts.have(a_job(name))


def edited(parts: Parts, name: str, **spec: object) -> None:
    """Have somebody edit a job."""
    job = parts.server.get(JOBS, NAMESPACE, name)
    assert job is not None
    job["spec"] |= spec
    parts.mirror.put(JOBS, parts.server.put(JOBS, job))


def test_a_new_job_is_one_job_and_one_status() -> None:
    """Two writes and one event: the Job is the snapshot, and the status says what was then observed."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        await parts.reconcile(FIRST)
        writes = [asked for asked in parts.server.requests if asked[0] != "GET"]
        assert [
            ("POST", RUNNER_JOBS.path(NAMESPACE)),
            ("PATCH", JOBS.path(NAMESPACE, "first", "status")),
        ] == [asked for asked in writes if "/events" not in asked[1]]
        status = parts.status(JOBS, "first")
        assert ("Starting", "first-1") == (status["phase"], status["runnerJob"]["name"])
        assert ["Resolved"] == await parts.told()

    play(story)


def test_the_jobs_of_others_come_before_a_status() -> None:
    """A look that has created a Job ends; the next one, when nothing else is due, writes what is so then."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        again = await parts.look(FIRST)
        assert isinstance(again, Patience)
        assert {} == parts.status(JOBS, "first")
        assert not isinstance(await parts.look(FIRST), Patience)
        assert "first-1" == parts.status(JOBS, "first")["snapshot"]

    play(story)


def test_the_namesake_of_a_job_that_went_is_a_new_job() -> None:
    """Nothing is remembered of the one before, which was deleted before its status was written."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        await parts.look(FIRST)
        parts.server.objects.clear()
        parts.mirror.forget(JOBS, FIRST.key)
        parts.mirror.forget(RUNNER_JOBS, subject(RUNNER_JOBS, "first-1").key)
        assert None is await parts.look(FIRST)
        parts.have(a_job())
        assert isinstance(await parts.look(FIRST), Patience)

    play(story)


def test_a_second_look_writes_nothing() -> None:
    """A plan of an applied plan is empty, and what is equal is not written."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        await parts.reconcile(FIRST)
        await parts.events.drain(5)
        before = len(parts.server.requests)
        for _ in range(3):
            await parts.reconcile(FIRST)
        assert [] == [method for method, _ in parts.server.requests[before:] if method != "GET"]

    play(story)


def test_an_operator_that_died_after_the_job_was_made_adopts_it() -> None:
    """The next one finds the name taken by a Job of this very BatchJob, and records it."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        parts.server.fail_next = []
        await parts.reconcile(FIRST)
        made = parts.server.get(RUNNER_JOBS, NAMESPACE, "first-1")
        assert made is not None
        async with joined() as after:
            after.server.objects = parts.server.objects
            job = after.server.objects[JOBS.path(NAMESPACE, "first")]
            job.pop("status")
            for kind, name in ((ENDPOINTS, "digits"), (DEPLOYMENTS, "forest"), (JOBS, "first")):
                found = after.server.get(kind, NAMESPACE, name)
                assert found is not None
                after.mirror.put(kind, found)
            await after.reconcile(FIRST)
            recorded = after.status(JOBS, "first")["runnerJob"]
        assert {"name": "first-1", "uid": made["metadata"]["uid"]} == recorded

    play(story)


def test_somebody_elses_write_comes_first() -> None:
    """A status that was made from an old version is not written; the next look is at once."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        job = parts.server.objects[JOBS.path(NAMESPACE, "first")]
        job["metadata"]["resourceVersion"] = "9999"
        assert 0.0 == await parts.reconcile(FIRST)
        assert {} == parts.status(JOBS, "first")

    play(story)


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        (lambda: failure(503, "Unavailable", "away"), 0.8, 1.2),
        (lambda: failure(429, "TooMany", "slow down", {"Retry-After": "7"}), 7.0, 7.0),
        (lambda: failure(403, "Forbidden", "exceeded quota"), 60.0, 60.0),
    ],
    ids=["away", "busy", "refused"],
)
def test_a_refused_job_is_tried_again_later(
    answer: Callable[[], web.Response], least: float, most: float
) -> None:
    """When depends on what was refused; nothing is recorded that is not there."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        parts.server.fail_next = [answer()]
        again = await parts.reconcile(FIRST)
        assert again is not None
        assert least <= again <= most
        assert "runnerJob" not in parts.status(JOBS, "first")

    play(story)


def test_what_the_server_refuses_to_make_is_told_to_the_user() -> None:
    """A policy or quota that refuses the Job itself shows in the BatchJob, with the server's words."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        parts.server.fail_next = [failure(403, "Forbidden", "exceeded quota: jobs=0")]
        await parts.reconcile(FIRST)
        status = parts.status(JOBS, "first")
        assert "exceeded quota: jobs=0" in status["message"]
        assert "Queued" != status["phase"]

    play(story)


def test_a_job_that_cannot_go_on_waits_for_an_event() -> None:
    """Without an endpoint there is a reason in the status, and nobody asks again in vain."""

    async def story(parts: Parts) -> None:
        parts.have(a_job())
        assert None is await parts.reconcile(FIRST)
        assert "EndpointMissing" == parts.status(JOBS, "first")["reason"]

    play(story)


def test_no_more_jobs_start_than_the_endpoint_permits() -> None:
    """Also when all of them are looked at together."""

    async def story(parts: Parts) -> None:
        a_world(parts, jobs=3, maxActiveJobs=2)
        names = ("third", "second", "first")
        await asyncio.gather(*(parts.reconcile(subject(JOBS, name)) for name in names))
        assert 2 == parts.server.count("POST", RUNNER_JOBS.path(NAMESPACE))
        reasons = {name: parts.status(JOBS, name)["reason"] for name in names}
        assert {"Starting": 2, "WaitingForCapacity": 1} == {
            reason: list(reasons.values()).count(reason) for reason in set(reasons.values())
        }

    play(story)


def test_no_more_jobs_go_on_than_the_endpoint_permits() -> None:
    """Also when all that were suspended are resumed together."""

    async def story(parts: Parts) -> None:
        a_world(parts, jobs=2)
        both = [subject(JOBS, name) for name in ("first", "second")]
        for each in both:
            await parts.reconcile(each)
        parts.have(an_endpoint(maxActiveJobs=1))
        for suspend in (True, False):
            for each in both:
                edited(parts, each.key.name, suspend=suspend)
            await asyncio.gather(*map(parts.reconcile, both))
        jobs = [parts.server.get(RUNNER_JOBS, NAMESPACE, f"{each.key.name}-1") for each in both]
        assert 1 == sum(job is not None and not job["spec"]["suspend"] for job in jobs)

    play(story)


def test_a_cancelled_job_is_deleted_once_and_ends_when_it_is_gone() -> None:
    """While its pods leave, further looks say so and delete nothing twice in one look."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        await parts.reconcile(FIRST)
        edited(parts, "first", cancel=True)
        await parts.reconcile(FIRST)
        assert 1 == parts.server.count("DELETE", "/jobs/first-1")
        await parts.reconcile(FIRST)
        gone = parts.mirror.runner_jobs(FIRST.key)
        assert ["first-1"] == [found.name for found in gone]  # no event has told yet
        parts.mirror.forget(RUNNER_JOBS, gone[0].namespace and subject(RUNNER_JOBS, "first-1").key)
        await parts.reconcile(FIRST)
        assert "Cancelled" == parts.status(JOBS, "first")["phase"]

    play(story)


def test_an_ended_job_is_deleted_when_its_time_is_over() -> None:
    """And not before; outputs are never touched."""

    async def story(parts: Parts) -> None:
        hour_ago = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, seconds in (("first", 60), ("second", 7200)):
            made = parts.have(a_job(name, ttlSecondsAfterFinished=seconds))
            made["status"] = {
                "phase": "Succeeded",
                "completionTime": hour_ago,
                "observedGeneration": 1,
                "conditions": [
                    {
                        "type": "Succeeded",
                        "status": "True",
                        "reason": "Completed",
                        "lastTransitionTime": hour_ago,
                    }
                ],
            }
            parts.mirror.put(JOBS, parts.server.put(JOBS, made))
        assert None is await parts.reconcile(FIRST)
        again = await parts.reconcile(subject(JOBS, "second"))
        assert ["/apis/batchpoint.dev/v1alpha1/namespaces/scoring/batchjobs/first"] == [
            path for method, path in parts.server.requests if method == "DELETE"
        ]
        assert again == pytest.approx(3600, abs=5)

    play(story)


def test_what_is_left_of_a_job_is_looked_at_by_the_look_that_ends_it() -> None:
    """The write of the outcome comes back as no news, so nobody else would."""

    async def story(parts: Parts) -> None:
        a_world(parts, jobs=0)
        parts.have(a_job("first", cancel=True, ttlSecondsAfterFinished=0))
        await parts.reconcile(FIRST)
        assert ["/apis/batchpoint.dev/v1alpha1/namespaces/scoring/batchjobs/first"] == [
            path for method, path in parts.server.requests if method == "DELETE"
        ]

    play(story)


def test_a_bug_in_one_look_does_not_stop_the_others() -> None:
    """It is logged, counted and tried again; the reconciler itself never raises."""

    async def story(parts: Parts) -> None:
        a_world(parts)
        parts.server.fail_next = [web.json_response(["not", "an", "object"])]
        again = await parts.reconcile(FIRST)
        assert again is not None
        assert again == pytest.approx(1.0, abs=0.2)
        assert 'result="Done"' not in parts.metrics.exposition()[1].decode()
        await parts.reconcile(FIRST)
        assert 'kind="BatchJob",result="Done"' in parts.metrics.exposition()[1].decode()

    play(story)


def test_deployments_and_endpoints_take_the_same_path() -> None:
    """The deployment gets its owner, and both say that they are ready."""

    async def story(parts: Parts) -> None:
        a_world(parts, jobs=0)
        await parts.reconcile(subject(DEPLOYMENTS, "forest"))
        await parts.reconcile(subject(ENDPOINTS, "digits"))
        for kind, name in ((DEPLOYMENTS, "forest"), (ENDPOINTS, "digits")):
            ready = parts.status(kind, name)["conditions"][0]
            assert ("Ready", "True") == (ready["type"], ready["status"])
        assert 1 == parts.server.count("PATCH", "fieldManager=batchpoint-owner")

    play(story)
