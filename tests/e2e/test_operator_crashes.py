"""The operator is killed, replaced, doubled and removed: jobs come to the same end, once."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from batchpoint.api.job import Phase
from support import local_jobs, operators
from support.kube import Kube
from support.operators import Installed, Process
from support.site import Site, in_words, is_final

pytestmark = [pytest.mark.serial, pytest.mark.timeout(300)]

KILLS = 50
JOBS = 20


@pytest.fixture
def installed(kube: Kube) -> Installed:
    """The operator of the chart, ready."""
    found = Installed(kube)
    found.wait_until_ready()
    return found


def many(site: Site) -> list[str]:
    """Add jobs that differ in what becomes of them; return their names."""
    site.usual(files=4, pace=0.2)
    site.documents.pop(("BatchJob", "first"))
    site.endpoint(maxActiveJobs=5)
    for number in range(JOBS):
        wrong = {"input": {"uri": "datastore://mine/nowhere"}} if number % 5 == 4 else {}
        site.job(f"job-{number:02}", **wrong)
    return [name for kind, name in site.documents if kind == "BatchJob"]


def all_end(site: Site, names: list[str], *processes: Process) -> None:
    """Wait until all jobs have ended, and for the events that tell of it a moment later."""

    def have_ended() -> bool:
        died = [process.log.read_text() for process in processes if process.has_ended()]
        assert not died, "an operator ended by itself:\n" + died[0]
        return all(is_final(site.status(name)) for name in names)

    local_jobs.wait_until(have_ended, "all jobs ended", 240)
    site.pause(2)


def are_as_if_nothing_had_happened(site: Site, names: list[str]) -> None:
    """Look at every job: one Job each, one verdict, one story, right bytes."""
    for name in names:
        status = site.status(name)
        wrong = "input" in site.documents["BatchJob", name]["spec"] and "nowhere" in str(
            site.documents["BatchJob", name]["spec"]["input"]
        )
        assert status.phase is (Phase.FAILED if wrong else Phase.SUCCEEDED), in_words(status)
        assert 1 == len(site.runner_jobs(name)), name
        if not wrong:
            assert site.expected(name) == site.output(name)
        told = [event["reason"] for event in site.events(name)]
        assert len(told) == len(set(told)), (name, told)
        phases = site.recorder.phases(name)
        assert 1 == sum(phase in ("Succeeded", "Failed") for phase in phases), (name, phases)


@pytest.mark.timeout(600)
def test_fifty_kills_at_random_moments(site: Site, installed: Installed, tmp_path: Path) -> None:
    """Twenty jobs, queued behind a limit of five, end as if nobody had been killed."""
    chance = random.Random(1)
    names = many(site)
    with installed.away():
        process = operators.process(installed, tmp_path, "mortal")
        try:
            process.start()
            site.start()
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.2, 4))
                process.kill()
                process.start()
            all_end(site, names, process)
        finally:
            process.kill()
            (site.recorder.folder / "mortal.log").write_bytes(process.log.read_bytes())
    are_as_if_nothing_had_happened(site, names)


def test_a_crashed_leader_is_replaced(site: Site, installed: Installed) -> None:
    """Of two operators the other one acts within 20 s; a running job does not notice."""
    assert 2 == len(installed.pods())
    site.usual(files=40, pace=0.5)
    site.start()
    site.wait_for_progress("first", 2, within_seconds=60)
    leader = installed.leader()
    site.kube.kubectl(
        *("delete", "pod", leader, "--force", "--grace-period=0"), namespace=operators.NAMESPACE
    )
    began = time.monotonic()
    site.apply(site.job("second"))
    site.wait_until("second", lambda status: status.phase is not None, "is seen", 30)
    assert time.monotonic() - began < operators.TAKE_OVER_SECONDS
    assert installed.leader() not in ("", leader)
    for job in ("first", "second"):
        site.wait_for(job, Phase.SUCCEEDED, within_seconds=120)
        assert site.expected(job) == site.output(job)


def test_a_leader_that_leaves_hands_over_at_once(site: Site, installed: Installed) -> None:
    """A restart, as by an upgrade, costs a few seconds and not the length of a Lease."""
    site.usual(files=3)
    name = installed.deployment()["metadata"]["name"]
    site.kube.kubectl("rollout", "restart", f"deployment/{name}", namespace=operators.NAMESPACE)
    installed.wait_until_ready()
    began = time.monotonic()
    site.start()
    site.wait_until("first", lambda status: status.phase is not None, "is seen", 30)
    assert time.monotonic() - began < 10
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=90)


def test_two_operators_that_both_act_do_no_harm(
    site: Site, installed: Installed, tmp_path: Path
) -> None:
    """Each believes that it leads: their Leases have different names."""
    names = many(site)
    first = operators.process(installed, tmp_path, "one")
    second = operators.process(installed, tmp_path, "two")
    second.environment["BATCHPOINT_LEASE_NAME"] = "another-lease"
    with installed.away():
        try:
            first.start()
            second.start()
            site.start()
            all_end(site, names, first, second)
        finally:
            first.kill()
            second.kill()
            for process in (first, second):
                (site.recorder.folder / process.log.name).write_bytes(process.log.read_bytes())
    are_as_if_nothing_had_happened(site, names)


def test_nothing_hangs_without_an_operator(site: Site, installed: Installed) -> None:
    """Objects can be deleted while there is none, and then the namespace."""
    site.usual(files=40, pace=0.5)
    site.start()
    site.wait_for_progress("first", 1, within_seconds=60)
    with installed.away():
        for kind in ("batchjobs", "batchdeployments", "batchendpoints"):
            site.kubectl("delete", kind, "--all", "--timeout=10s")
        site.wait(lambda: not site.pods(), "the pods are gone", 60)
        site.kube.kubectl("delete", "namespace", site.namespace, "--timeout=60s")


def test_a_namespace_with_a_running_job_goes(site: Site, installed: Installed) -> None:
    """Although the Job controller holds deleted pods until they are replaced, which nobody may there."""
    site.usual(files=40, pace=0.5)
    site.start()
    site.wait_for_progress("first", 1, within_seconds=60)
    site.kube.kubectl("delete", "namespace", site.namespace, "--timeout=90s")


def test_what_happened_while_the_operator_was_away_is_caught_up(
    site: Site, installed: Installed
) -> None:
    """A job that ended, one that was cancelled, one that is new."""
    site.usual(files=6, pace=0.3)
    site.job("second", input={"uri": "datastore://mine/texts", "include": ["00[0-4].txt"]})
    site.job("third", suspend=True)
    site.start()
    for job in ("first", "second"):
        site.wait_for(job, Phase.RUNNING, Phase.FINALIZING, within_seconds=60)
    with installed.away():
        site.change("third", cancel=True)
        site.apply(site.job("fourth"))
        site.wait(
            lambda: all(
                job["status"].get("succeeded")
                for name in ("first", "second")
                for job in site.runner_jobs(name)
            ),
            "both have ended",
            60,
        )
    for job in ("first", "second", "fourth"):
        site.wait_for(job, Phase.SUCCEEDED, within_seconds=60)
        assert site.expected(job) == site.output(job)
    site.wait_for("third", Phase.CANCELLED, within_seconds=20)
