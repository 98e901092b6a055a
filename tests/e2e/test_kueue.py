"""Jobs in a queue of Kueue, the real one: it alone decides when they run, and what it says is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batchpoint.api.job import Phase
from support import kueue
from support.kube import Kube
from support.kueue import FLAVOR_LABELS, QUEUE, Quota
from support.site import Site

pytestmark = [pytest.mark.serial, pytest.mark.timeout(300)]

SECONDS = 90


@pytest.fixture(scope="module")
def _kueue(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with kueue.installed(kube, tmp_path_factory.mktemp("kueue")):
        yield


@pytest.fixture
def quota(_kueue: None, site: Site) -> Iterator[Quota]:
    """A quota of one pod for the test's namespace; its queue is not open yet."""
    found = Quota(kube=site.kube, namespace=site.namespace)
    found.allow(pods=1)
    try:
        yield found
    finally:
        site.kube.try_kubectl("delete", "batchjobs", "--all", namespace=site.namespace)
        found.remove()


def a_slow_job(site: Site, *, pace: float = 0.5, files: int = 12) -> None:
    """Apply the job ``first`` to a deployment whose jobs go into the queue."""
    site.usual(files=files, pace=pace, spec={"compute": {"queueName": QUEUE}})
    site.start()


def ends_well(site: Site, job: str) -> None:
    """Wait for the end of a job and compare its bytes; one Job was enough for it."""
    site.wait_for(job, Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected(job) == site.output(job)
    assert 1 == len(site.runner_jobs(job))


def waits(site: Site, job: str, reason: str, words: str) -> None:
    """Wait until a job is told to wait in its queue, for this reason and in these words."""
    site.wait_until(
        job,
        lambda status: (
            status.phase is Phase.QUEUED
            and status.reason == reason
            and words in (status.message or "")
        ),
        f"waits because of {reason} ({words})",
        SECONDS,
    )


def test_a_job_waits_for_quota_in_the_words_of_kueue(site: Site, quota: Quota) -> None:
    """Then it runs; what Kueue wrote into a Job stays as it is."""
    quota.open()
    a_slow_job(site)
    site.wait_for_progress("first", 1, within_seconds=SECONDS)
    site.apply(site.job("second"))
    waits(site, "second", "WaitingInQueue", "insufficient unused quota")
    (held,) = site.runner_jobs("second")
    assert held["spec"]["suspend"] is True
    (admitted,) = site.runner_jobs("first")
    selector = admitted["spec"]["template"]["spec"]["nodeSelector"]
    assert FLAVOR_LABELS.items() <= selector.items()
    ends_well(site, "first")
    ends_well(site, "second")


def test_a_queue_that_is_missing_is_named_and_waited_for(site: Site, quota: Quota) -> None:
    """The job goes on by itself when somebody creates it."""
    a_slow_job(site, pace=0)
    waits(site, "first", "QueueUnavailable", QUEUE)
    quota.open()
    ends_well(site, "first")


def test_what_kueue_takes_back_goes_on_where_it_was(site: Site, quota: Quota) -> None:
    """Preemption costs no chunk that was published, and counts as no crash."""
    quota.open()
    a_slow_job(site, files=30)
    site.wait_for_progress("first", 3, within_seconds=SECONDS)
    quota.stop("HoldAndDrain")
    site.wait_for("first", Phase.QUEUED, within_seconds=SECONDS)
    site.wait(lambda: not site.pods(), "its pods have left", SECONDS)
    published = set(site.chunks("first"))
    assert len(published) >= 3
    quota.stop("None")
    site.wait_for_progress("first", len(published), within_seconds=SECONDS)
    assert published <= set(site.chunks("first"))
    ends_well(site, "first")


def test_only_kueue_suspends_and_anybody_cancels(site: Site, quota: Quota) -> None:
    """Suspending is refused with the way to do it; cancelling gives the place to the next."""
    quota.open()
    a_slow_job(site, files=60)
    site.wait_for("first", Phase.RUNNING, within_seconds=SECONDS)
    site.apply(site.job("second"))
    waits(site, "second", "WaitingInQueue", QUEUE)
    site.change("second", suspend=True)
    waits(site, "second", "WaitingInQueue", "spec.suspend changes nothing")
    site.change("second", suspend=False)
    site.change("first", cancel=True)
    site.wait_for("first", Phase.CANCELLED, within_seconds=SECONDS)
    site.wait_for("second", Phase.RUNNING, within_seconds=SECONDS)
    site.change("second", cancel=True)
    site.wait_for("second", Phase.CANCELLED, within_seconds=SECONDS)
