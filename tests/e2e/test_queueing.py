"""An endpoint with ``maxActiveJobs``: further jobs wait for their turn, in the order in which they came."""

from __future__ import annotations

import itertools

import pytest

from batchpoint.api.job import Phase
from support.site import ENDPOINT, Site

pytestmark = pytest.mark.timeout(150)

SECONDS = 90


def queued(site: Site, *, limit: int, pace: float, jobs: int) -> list[str]:
    """Create several jobs, one after the other, on an endpoint with a limit; return their names."""
    site.usual(files=6, pace=pace)
    site.documents.pop(("BatchJob", "first"))
    site.endpoint(maxActiveJobs=limit)
    site.start()
    names = [f"job-{number}" for number in range(jobs)]
    for name in names:
        site.apply(site.job(name))
    return names


def test_jobs_start_in_the_order_of_their_creation(site: Site) -> None:
    """Never more at a time than the limit; a waiting one has no Job yet, and is told why."""
    names = queued(site, limit=1, pace=0.3, jobs=4)
    status = site.wait_for(names[-1], Phase.QUEUED, within_seconds=20)
    assert "WaitingForCapacity" == status.reason
    assert "maxActiveJobs" in status.message
    assert [] == site.runner_jobs(names[-1])
    endings = [site.wait_for(name, Phase.SUCCEEDED, within_seconds=SECONDS) for name in names]
    times = [(one.accepted_time, one.completion_time) for one in endings]
    for (_, earlier_ended), (later_accepted, _) in itertools.pairwise(times):
        assert earlier_ended is not None
        assert later_accepted is not None
        assert earlier_ended <= later_accepted
    assert {site.expected(names[0])} == {site.output(name) for name in names}


def test_a_suspended_job_gives_its_place_away(site: Site) -> None:
    """And takes its turn again when it is resumed."""
    first, second = queued(site, limit=1, pace=1.5, jobs=2)
    site.wait_for(first, Phase.RUNNING, within_seconds=60)
    site.change(first, suspend=True)
    site.wait_for(second, Phase.RUNNING, within_seconds=60)
    site.change(first, suspend=False)
    site.wait_for(first, Phase.QUEUED, within_seconds=20)
    ended = {
        name: site.wait_for(name, Phase.SUCCEEDED, within_seconds=SECONDS)
        for name in (second, first)
    }
    earlier, later = ended[second].completion_time, ended[first].completion_time
    assert earlier is not None
    assert later is not None
    assert earlier < later
    assert site.expected(first) == site.output(first)


def test_waiting_jobs_can_be_cancelled_and_deleted(site: Site) -> None:
    """Those behind them move up."""
    first, second, third, fourth = queued(site, limit=1, pace=1, jobs=4)
    site.wait_for(fourth, Phase.QUEUED, within_seconds=20)
    site.change(second, cancel=True)
    site.wait_for(second, Phase.CANCELLED, within_seconds=20)
    site.delete("batchjobs", third)
    site.wait_for(first, Phase.SUCCEEDED, within_seconds=SECONDS)
    site.wait_for(fourth, Phase.SUCCEEDED, within_seconds=SECONDS)
    assert [] == site.runner_jobs(second) + site.runner_jobs(third)


def test_a_raised_limit_lets_jobs_go_at_once(site: Site) -> None:
    """Without waiting for one to end."""
    names = queued(site, limit=1, pace=3, jobs=3)
    site.wait_for(names[0], Phase.RUNNING, within_seconds=60)
    assert Phase.QUEUED == site.status(names[1]).phase
    site.apply(site.endpoint(maxActiveJobs=3))
    for name in names[1:]:
        site.wait_for(name, Phase.STARTING, Phase.RUNNING, within_seconds=20)
    site.wait(lambda: counts(site)["queued"] == 0, "the endpoint says that nothing is queued", 20)
    for name in names:
        site.delete("batchjobs", name)


def counts(site: Site) -> dict[str, int]:
    """Return the numbers of jobs that the endpoint shows."""
    found: dict[str, int] = site.kube.get("batchendpoints", ENDPOINT, site.namespace)["status"][
        "jobs"
    ]
    return found
