"""The one status write of a look, and what follows once it was accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from batchpoint.api.conditions import Condition, ConditionStatus
from batchpoint.api.deployment import BatchDeploymentStatus
from batchpoint.api.endpoint import BatchEndpointStatus
from batchpoint.api.job import BatchJobStatus, Counts, JobProgress, Phase
from batchpoint.api.meta import Metadata
from batchpoint.cluster.resources import DEPLOYMENTS, ENDPOINTS, JOBS, Manifest
from batchpoint.errors import Conflict
from batchpoint.handlers.reporting import Seen, Status
from support.observed import START
from support.operator_parts import Parts, joined, subject
from support.resources import a_deployment, a_job, an_endpoint

FIRST = subject(JOBS, "first")
DIGITS, FOREST = subject(ENDPOINTS, "digits"), subject(DEPLOYMENTS, "forest")
STATUS = "/batchjobs/first/status"


def play(story: Callable[[Parts], Awaitable[None]]) -> None:
    """Run a story with an operator and a server."""

    async def main() -> None:
        async with joined() as parts:
            await story(parts)

    asyncio.run(main())


def seen(manifest: Manifest, status: Status | None = None) -> Seen:
    """Return what a plan was made from."""
    return Seen(
        metadata=Metadata.model_validate(manifest["metadata"], extra="ignore"),
        status=status or BatchJobStatus(),
        endpoint="digits",
    )


def again(parts: Parts, status: Status) -> Seen:
    """Return the job as it is after the last write."""
    manifest = parts.mirror.manifest(JOBS, FIRST.key)
    assert manifest is not None
    return seen(manifest, status)


def condition(type_: str, status: ConditionStatus, reason: str) -> Condition:
    """Return a condition since the start."""
    return Condition(type=type_, status=status, reason=reason, last_transition_time=START)


def scored(files: int, **more: Any) -> BatchJobStatus:
    """Return the status of a job that runs."""
    counts = Counts(total=10, done=files, failed=min(files, 2))
    progress = JobProgress(files=counts, rows=files * 5)
    values = {"phase": Phase.RUNNING, "deployment": "forest", "progress": progress}
    return BatchJobStatus(**(values | more))


ENDED = scored(
    10,
    phase=Phase.SUCCEEDED_WITH_FAILURES,
    reason="SucceededWithFailures",
    completion_time=START + timedelta(seconds=60),
    conditions=(condition("Succeeded", ConditionStatus.TRUE, "SucceededWithFailures"),),
)


def test_what_is_there_is_not_written_again() -> None:
    """Each write wakes every watcher."""

    async def story(parts: Parts) -> None:
        job = parts.have(a_job())
        await parts.reporter.report(FIRST, seen(job, scored(1)), scored(1), START)
        assert [] == parts.server.requests

    play(story)


def test_numbers_alone_wait_for_their_turn() -> None:
    """Some seconds after a write; anything else is written at once."""

    async def story(parts: Parts) -> None:
        await parts.reporter.report(FIRST, seen(parts.have(a_job())), scored(1), START)
        await parts.reporter.report(FIRST, again(parts, scored(1)), scored(2), START)
        assert 1 == parts.server.count("PATCH", STATUS)
        merging = scored(3, phase=Phase.FINALIZING)
        await parts.reporter.report(FIRST, again(parts, scored(1)), merging, START)
        assert 2 == parts.server.count("PATCH", STATUS)

    play(story)


def test_the_first_numbers_after_a_restart_are_written() -> None:
    """Nobody remembers when the operator before wrote last."""

    async def story(parts: Parts) -> None:
        job = parts.have(a_job())
        await parts.reporter.report(FIRST, seen(job, scored(1)), scored(2), START)
        assert 1 == parts.server.count("PATCH", STATUS)

    play(story)


def test_nothing_is_told_of_a_status_that_was_not_accepted() -> None:
    """Neither event, nor metric, nor wake-up: the next look decides anew."""

    async def story(parts: Parts) -> None:
        job = parts.have(a_job())
        parts.server.put(JOBS, job)
        with pytest.raises(Conflict):
            await parts.reporter.report(FIRST, seen(job), ENDED, START)
        assert ([], []) == (await parts.told(), parts.woken)
        assert b'outcome="SucceededWithFailures"' not in parts.metrics.exposition()[1]

    play(story)


def test_an_ended_job_is_told_and_counted_once() -> None:
    """At the write that ends it; a later one of the same job counts nothing."""

    async def story(parts: Parts) -> None:
        job = parts.have(a_job(), creationTimestamp=START.strftime("%Y-%m-%dT%H:%M:%SZ"))
        await parts.reporter.report(FIRST, seen(job), ENDED, START)
        edited = ENDED.model_copy(update={"observed_generation": 2})
        ended = parts.server.objects[JOBS.path("scoring", "first")]
        await parts.reporter.report(FIRST, seen(ended, ENDED), edited, START)
        assert ["SucceededWithFailures"] == await parts.told()
        lines = parts.metrics.exposition()[1].decode().splitlines()
        of = 'deployment="forest",endpoint="digits",namespace="scoring"'
        for line in (
            f'batchpoint_finished_jobs_total{{{of},outcome="SucceededWithFailures"}} 1.0',
            f'batchpoint_finished_job_files_total{{{of},outcome="Succeeded"}} 8.0',
            f'batchpoint_finished_job_files_total{{{of},outcome="Failed"}} 2.0',
            f"batchpoint_finished_job_rows_total{{{of}}} 50.0",
            f'batchpoint_finished_job_seconds_sum{{{of},outcome="SucceededWithFailures"}} 60.0',
        ):
            assert line in lines

    play(story)


def test_a_new_phase_wakes_who_counts_it() -> None:
    """Our own write comes back from the watch as no news, so it wakes by itself."""

    async def story(parts: Parts) -> None:
        parts.have(an_endpoint())
        await parts.reporter.report(FIRST, seen(parts.have(a_job())), scored(1), START)
        assert [DIGITS, FOREST] == [who for who, _ in parts.woken]

    play(story)


def test_a_new_reason_wakes_the_deployment_that_learns_from_it() -> None:
    """Such as an image that cannot be pulled, which is no new phase."""

    async def story(parts: Parts) -> None:
        job = parts.have(a_job())
        before = seen(job, scored(1))
        after = scored(1).model_copy(update={"reason": "ImageUnavailable", "deployment": "forest"})
        await parts.reporter.report(FIRST, before, after, START)
        assert [DIGITS, FOREST] == [who for who, _ in parts.woken]

    play(story)


@pytest.mark.parametrize(
    ("was", "is_"),
    [(ConditionStatus.FALSE, ConditionStatus.TRUE), (None, ConditionStatus.FALSE)],
    ids=["ready-now", "first-look"],
)
def test_a_deployment_whose_condition_changed_wakes_jobs_that_wait_for_it(
    was: ConditionStatus | None, is_: ConditionStatus
) -> None:
    """And its endpoint, which shows it."""

    async def story(parts: Parts) -> None:
        parts.have(an_endpoint())
        parts.have(a_job())
        forest, deployment = subject(DEPLOYMENTS, "forest"), parts.have(a_deployment())
        before = (condition("Ready", was, "CodeMissing"),) if was else ()
        after = (condition("Ready", is_, "Available"),)
        await parts.reporter.report(
            forest,
            seen(deployment, BatchDeploymentStatus(conditions=before)),
            BatchDeploymentStatus(conditions=after),
            START,
        )
        assert [subject(ENDPOINTS, "digits"), FIRST] == [who for who, _ in parts.woken]
        assert ["Available"] == await parts.told()

    play(story)


def test_an_endpoint_that_counts_wakes_nobody() -> None:
    """A thousand jobs would be looked at whenever one of them ends."""

    async def story(parts: Parts) -> None:
        digits, endpoint = subject(ENDPOINTS, "digits"), parts.have(an_endpoint())
        parts.have(a_job())
        new = BatchEndpointStatus(observed_generation=1)
        await parts.reporter.report(digits, seen(endpoint, BatchEndpointStatus()), new, START)
        assert (1, []) == (parts.server.count("PATCH", "/digits/status"), parts.woken)

    play(story)
