"""What heals lost events, and what tells kubelet to start the process anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from batchpoint.cluster.client import Client
from batchpoint.cluster.mirror import Mirror
from batchpoint.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTS,
    JOBS,
    RUNNER_JOBS,
    Manifest,
    ResourceKind,
)
from batchpoint.errors import Unavailable
from batchpoint.handlers.wakeups import Subject
from batchpoint.handlers.watchdog import SILENT_SECONDS, STALLED_SECONDS, Watchdog
from support import manifests, virtual_time
from support.operator_parts import NAMESPACE, Parts, joined, subject
from support.resources import a_deployment, a_job, an_endpoint

FIRST = subject(JOBS, "first")
DIGITS = subject(ENDPOINTS, "digits")


def woken_by_a_comparison(
    arrange: Callable[[Parts], Any], *, everything: bool = False
) -> tuple[list[Subject], Parts]:
    """Let the mirror miss something, compare once, and return who was woken."""

    async def main() -> tuple[list[Subject], Parts]:
        async with joined() as parts, parts.server.client() as client:
            arrange(parts)
            parts.server.requests.clear()
            woken: list[Subject] = []
            watchdog = Watchdog(
                client,
                parts.mirror,
                wake=lambda subject, _: woken.append(subject),
                stalled_seconds=lambda: 0,
            )
            await watchdog.compare(everything=everything)
            return woken, parts

    return asyncio.run(main())


def test_a_job_that_no_event_told_of_is_found() -> None:
    """It is in the mirror afterwards, and is looked at."""

    def arrange(parts: Parts) -> None:
        parts.have(a_job())
        parts.mirror.forget(JOBS, FIRST.key)

    woken, parts = woken_by_a_comparison(arrange)
    assert [FIRST, DIGITS] == woken
    assert [FIRST.key] == parts.mirror.unfinished()


def test_an_edit_that_no_event_told_of_is_found() -> None:
    """The mirror has the newer version afterwards."""

    def arrange(parts: Parts) -> None:
        made = parts.have(a_job())
        made["spec"]["cancel"] = True
        parts.server.put(JOBS, made)

    woken, parts = woken_by_a_comparison(arrange)
    assert [FIRST, DIGITS] == woken
    job = parts.mirror.job(FIRST.key)
    assert job is not None
    assert job.spec.cancel


def test_a_deletion_that_no_event_told_of_is_found() -> None:
    """What is known but not listed is asked for by name before it is believed to be gone."""

    def arrange(parts: Parts) -> None:
        parts.have(a_job())
        del parts.server.objects[JOBS.path(NAMESPACE, "first")]

    woken, parts = woken_by_a_comparison(arrange)
    assert [FIRST, DIGITS] == woken
    assert [] == parts.mirror.unfinished()
    assert 1 == parts.server.count("GET", "/batchjobs/first")


def test_a_runner_job_that_vanished_wakes_its_owner() -> None:
    """Its BatchJob would otherwise run for ever."""

    def arrange(parts: Parts) -> None:
        parts.have_runner_job("first-1", parts.have(a_job()))
        del parts.server.objects[RUNNER_JOBS.path(NAMESPACE, "first-1")]

    woken, parts = woken_by_a_comparison(arrange)
    assert [FIRST] == woken
    assert [] == parts.mirror.runner_jobs(FIRST.key)


def test_a_runner_job_without_its_label_is_followed() -> None:
    """No watch tells of it any more, so it is looked at once a minute."""

    def arrange(parts: Parts) -> None:
        made = parts.have_runner_job("first-1", parts.have(a_job()))
        parts.server.put(RUNNER_JOBS, _unlabelled(made))

    woken, _ = woken_by_a_comparison(arrange)
    assert [FIRST] == woken


def test_the_end_of_a_job_makes_room_for_the_next() -> None:
    """Whoever waits for its slot would otherwise wait for ever."""

    def arrange(parts: Parts) -> None:
        parts.have(an_endpoint(maxActiveJobs=1))
        parts.have_runner_job("first-1", parts.have(a_job()))
        parts.have(a_job("second"))
        del parts.server.objects[JOBS.path(NAMESPACE, "first")]

    woken, _ = woken_by_a_comparison(arrange)
    assert subject(JOBS, "second") in woken


def test_what_stands_and_what_has_ended_is_compared_now_and_then() -> None:
    """A watch that was away does not tell what was deleted meanwhile; its jobs would start on a ghost."""

    def arrange(parts: Parts) -> None:
        parts.have(an_endpoint())
        parts.have(a_deployment())
        parts.have(a_job())
        ended = parts.have(a_job("ended"))
        parts.mirror.put(JOBS, parts.server.put(JOBS, ended | {"status": manifests.ended()}))
        for kind, name in ((DEPLOYMENTS, "forest"), (JOBS, "ended")):
            del parts.server.objects[kind.path(NAMESPACE, name)]

    woken, parts = woken_by_a_comparison(arrange, everything=True)
    assert {FIRST, DIGITS} <= set(woken)
    assert {} == parts.mirror.deployments(NAMESPACE)
    assert {"first"} == set(parts.mirror.job_names(NAMESPACE))


def test_at_rest_a_comparison_is_one_request() -> None:
    """With no unfinished job there is no Job to look for."""
    woken, parts = woken_by_a_comparison(lambda _: None)
    assert ([], 1) == (woken, len(parts.server.requests))
    assert "status.phase!%3DSucceeded" in parts.server.requests[0][1]


def test_what_agrees_wakes_nobody() -> None:
    """Two requests for a job that runs, and no look."""

    def arrange(parts: Parts) -> None:
        parts.have_runner_job("first-1", parts.have(a_job()))

    # The stand-in knows no selectors with values in brackets, so the Job is then asked for by name.
    woken, parts = woken_by_a_comparison(arrange)
    assert [] == woken
    assert 0 == parts.server.count("GET", "/batchjobs/first")


def _unlabelled(job: Manifest) -> Manifest:
    return job | {"metadata": job["metadata"] | {"labels": {}}, "status": {"active": 1}}


class _Found(Client):
    """Lists that show nothing, and what is there when it is asked for by name."""

    def __init__(self, runner_job: Manifest | None) -> None:
        self._runner_job = runner_job

    async def pages(self, *_: Any, **__: Any) -> Any:
        """Yield one empty page."""
        yield []

    async def get(self, kind: ResourceKind, *_: Any, **__: Any) -> Manifest | None:
        """Find the job as it is known, and the Job."""
        return self._runner_job if kind is RUNNER_JOBS else manifests.job(version=2)


class _Lists(Client):
    """Lists that show a job which the mirror does not know; or fail."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked = self.of_endpoints = 0
        self._fails = fails

    async def pages(self, kind: ResourceKind, *_: Any, **__: Any) -> Any:
        """Yield one page of jobs, none of others."""
        self.of_endpoints += kind is ENDPOINTS
        if kind is not JOBS:
            return
        self.asked += 1
        if self._fails:
            raise Unavailable("Away.", verb="list", kind="BatchJob", name="")
        manifest = a_job(f"job-{self.asked}").as_manifest()
        known = {"namespace": NAMESPACE, "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
        manifest["metadata"] |= known | {"resourceVersion": str(self.asked)}
        yield [manifest]

    async def get(self, *_: Any, **__: Any) -> None:
        """Find nothing."""


def in_virtual_time(
    story: Callable[[Watchdog], Awaitable[None]],
    client: Client | None = None,
    *,
    stalled: float = 0.0,
) -> None:
    """Tell a story of a watchdog on a clock that needs no time."""

    async def main() -> None:
        watchdog = Watchdog(
            client or _Lists(), Mirror(), wake=lambda *_: None, stalled_seconds=lambda: stalled
        )
        await story(watchdog)

    virtual_time.run(main())


def test_a_watch_that_stays_silent_is_a_fault() -> None:
    """What a list shows must be told by the watch within a minute."""

    async def story(watchdog: Watchdog) -> None:
        await watchdog.compare()
        assert [] == watchdog.faults()
        await asyncio.sleep(SILENT_SECONDS + 1)
        assert ["batchjobs.batchpoint.dev" in fault for fault in watchdog.faults()] == [True]

    in_virtual_time(story)


def test_a_watch_that_was_only_slow_is_none() -> None:
    """Anything that it tells shows that it is alive."""

    async def story(watchdog: Watchdog) -> None:
        await watchdog.compare()
        await asyncio.sleep(10)
        watchdog.heard(JOBS, listed=False)
        await asyncio.sleep(SILENT_SECONDS)
        assert [] == watchdog.faults()

    in_virtual_time(story)


@pytest.mark.parametrize(
    ("found", "is_fault"),
    [
        pytest.param(manifests.runner_job(version=11, status={"active": 1}), True, id="changed"),
        pytest.param(_unlabelled(manifests.runner_job(version=11)), False, id="unlabelled"),
        pytest.param(None, False, id="gone"),
    ],
)
def test_only_what_a_watch_should_have_told_is_its_fault(
    found: Manifest | None, *, is_fault: bool
) -> None:
    """Not what it does not select, nor what went while it was away: a new start would heal neither."""
    mirror = Mirror()
    mirror.put(JOBS, manifests.job(version=2))
    mirror.put(RUNNER_JOBS, manifests.runner_job())

    async def main() -> list[str]:
        watchdog = Watchdog(_Found(found), mirror, wake=lambda *_: None, stalled_seconds=lambda: 0)
        await watchdog.compare()
        await asyncio.sleep(SILENT_SECONDS + 1)
        return watchdog.faults()

    assert ["jobs.batch" in fault for fault in virtual_time.run(main())] == [True] * is_fault


def test_workers_that_stand_still_are_a_fault() -> None:
    """Something is due and nothing gets done."""

    async def story(watchdog: Watchdog) -> None:
        assert ["none was looked at" in fault for fault in watchdog.faults()] == [True]

    in_virtual_time(story, stalled=STALLED_SECONDS + 1)


@pytest.mark.parametrize(
    ("minutes", "listed", "times"),
    [
        pytest.param(5, False, 1, id="after a start"),
        pytest.param(50, False, 1, id="not again soon"),
        pytest.param(110, False, 2, id="once an hour"),
        pytest.param(5, True, 2, id="after a watch has listed"),
    ],
)
def test_everything_is_compared_where_deletions_may_have_been_missed(
    minutes: int, *, listed: bool, times: int
) -> None:
    """Between two lists of a watch things may go untold; else it only costs time."""
    client = _Lists()

    async def story(watchdog: Watchdog) -> None:
        running = asyncio.create_task(watchdog.run())
        await asyncio.sleep(2 * 60)
        watchdog.heard(JOBS, listed=listed)
        await asyncio.sleep((minutes - 2) * 60)
        running.cancel()
        assert times == client.of_endpoints

    in_virtual_time(story, client)


def test_a_comparison_of_everything_that_failed_is_made_up_for() -> None:
    """At the next turn, not after an hour."""
    client = _Lists(fails=True)

    async def story(watchdog: Watchdog) -> None:
        running = asyncio.create_task(watchdog.run())
        await asyncio.sleep(4 * 60)
        running.cancel()
        assert client.of_endpoints >= 3

    in_virtual_time(story, client)


def test_comparisons_go_on_when_one_fails() -> None:
    """About one a minute, whether the API server answers or not; it is no fault of ours."""
    client = _Lists(fails=True)

    async def story(watchdog: Watchdog) -> None:
        running = asyncio.create_task(watchdog.run())
        await asyncio.sleep(600)
        running.cancel()
        assert 9 <= client.asked <= 11
        assert [] == watchdog.faults()

    in_virtual_time(story, client)
