"""What people do with jobs that exist: pause, cancel, delete, edit what they refer to, and give limits."""

from __future__ import annotations

import re

import pytest

from batchpoint.api import conditions
from batchpoint.api.job import Phase
from support.kube import Refused
from support.site import DEPLOYMENT, ENDPOINT, Site

pytestmark = pytest.mark.timeout(150)

SECONDS = 90
PACE = 0.5
"""Seconds per file: with 24 files and 2 instances there is time to interfere."""


def slow(site: Site, *, files: int = 24, instances: int = 2) -> None:
    """Start a job that takes a while, and return when it has published something."""
    site.usual(files=files, pace=PACE, instances=instances)
    site.start()
    site.wait_for_progress("first", 2, within_seconds=60)


# Pause


def test_suspend_drains_and_resume_goes_on(site: Site) -> None:
    """No pod is left while a job is suspended, nothing published is scored again."""
    slow(site)
    site.change("first", suspend=True)
    status = site.wait_for("first", Phase.SUSPENDED, within_seconds=60)
    site.wait(lambda: not site.pods(), "the pods are gone", 40)
    assert status.completion_time is None
    published = len(site.chunks())
    assert 2 <= published < 24
    site.change("first", suspend=False)
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()
    assert status.attempt == 1


def test_a_job_that_is_created_suspended_waits(site: Site) -> None:
    """Nothing is made for it before it is let go."""
    site.usual(files=3)
    site.job(suspend=True)
    site.start()
    site.wait_for("first", Phase.SUSPENDED, within_seconds=20)
    assert [] == site.pods()
    site.change("first", suspend=False)
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()


# Cancel and delete


def test_cancel_keeps_what_is_published_and_a_rerun_finishes(site: Site) -> None:
    """The rerun's output is that of a job that was never cancelled."""
    slow(site)
    site.change("first", cancel=True)
    status = site.wait_for("first", Phase.CANCELLED, within_seconds=60)
    assert conditions.is_false(status.conditions, conditions.SUCCEEDED)
    assert [] == site.runner_jobs()
    assert [] == site.pods()
    published = len(site.chunks())
    assert 2 <= published < 24
    site.apply(site.job("again", input=None, rerun={"job": "first", "only": "Failed"}))
    site.wait_for("again", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected("first") == site.output("again")
    assert published == len(site.chunks())


def test_a_cancelled_job_stays_cancelled(site: Site) -> None:
    """The server refuses to take it back, and says what to do instead."""
    site.usual(files=2)
    site.job(suspend=True, cancel=True)
    site.start()
    site.wait_for("first", Phase.CANCELLED, within_seconds=30)
    with pytest.raises(Refused, match="use a new name or rerun"):
        site.change("first", cancel=False)
    assert [] == site.runner_jobs()


def test_deleting_a_job_removes_its_pods_and_keeps_its_output(site: Site) -> None:
    """The same name may then be used again, for a job with another output."""
    slow(site)
    site.kubectl("delete", "batchjob", "first", "--wait=true", "--timeout=30s")
    site.wait(lambda: not site.pods(), "the pods are gone", 60)
    assert [] == site.runner_jobs()
    assert len(site.chunks()) >= 2
    site.write("models/words/pace.txt", "0")
    site.upload("models")
    site.apply(site.job(output={"uri": "datastore://mine/elsewhere"}))
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()


def test_deleting_an_endpoint_takes_its_deployments_and_leaves_its_jobs(site: Site) -> None:
    """A job in mid-run comes to its end; a new one is told what is missing."""
    slow(site)
    site.kubectl("delete", "batchendpoint", ENDPOINT, "--timeout=30s")
    site.wait(
        lambda: not site.kube.list("batchdeployments", site.namespace), "no deployment is left", 30
    )
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()
    site.apply(site.job("second"))
    site.wait_until(
        "second",
        lambda status: status.reason == "EndpointMissing",
        "is told that there is no endpoint",
        20,
    )


def test_deleting_the_runner_job_ends_a_job_in_words(site: Site) -> None:
    """Somebody deletes the Job behind a BatchJob: it is final, and a rerun takes what is published."""
    slow(site)
    site.delete("jobs", "first-1")
    status = site.wait_for("first", Phase.FAILED, within_seconds=60)
    assert "RunnerJobDeleted" == status.reason
    assert "rerun" in status.message
    site.apply(site.job("again", input=None, rerun={"job": "first", "only": "Failed"}))
    site.wait_for("again", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected("first") == site.output("again")


def test_a_namespace_with_a_running_job_can_be_deleted(site: Site) -> None:
    """It goes with everything in it, although Kubernetes alone would wait for pods that may not be made."""
    slow(site)
    site.kube.kubectl("delete", "namespace", site.namespace, "--timeout=100s")


# Edits


def test_editing_a_deployment_does_not_touch_running_jobs(site: Site) -> None:
    """They go on with what they were accepted with, also where a pod is replaced."""
    slow(site)
    expected = site.expected()
    site.write("models/other/words/suffix.txt", "???")
    site.write("models/other/words/pace.txt", "0")
    site.upload("models/other")
    other = {"model": {"uri": "datastore://mine/models/other/words", "type": "Custom"}}
    site.apply(site.deployment(spec=other))
    site.delete("pods", site.running_pods()[0]["metadata"]["name"])
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert expected == site.output()
    site.apply(site.job("second"))
    site.wait_for("second", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert b"TEXT 0???" in site.output("second")


def test_objects_may_come_in_any_order(site: Site) -> None:
    """A job that comes first is told what is missing, one after the other, and then runs."""
    site.usual(files=3)
    site.upload()
    job, endpoint, deployment = (
        site.documents[key]
        for key in (
            ("BatchJob", "first"),
            ("BatchEndpoint", ENDPOINT),
            ("BatchDeployment", DEPLOYMENT),
        )
    )
    site.apply(job)
    for reason, missing in (
        ("EndpointMissing", endpoint),
        ("DefaultDeploymentMissing", deployment),
    ):
        status = site.wait_until(
            "first", lambda status, reason=reason: status.reason == reason, f"says {reason}", 20
        )
        assert Phase.PENDING == status.phase
        assert missing["metadata"]["name"] in status.message
        site.apply(missing)
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()


@pytest.mark.parametrize(
    ("field", "value"),
    [("endpoint", "other"), ("input", {"uri": "datastore://mine/more"}), ("deployment", "other")],
)
def test_what_a_job_scores_cannot_be_changed(site: Site, field: str, value: object) -> None:
    """The server says to use a new name or a rerun."""
    site.usual(files=0)
    site.job(suspend=True)
    site.start()
    with pytest.raises(Refused, match=f"{field} of a job cannot be changed: use a new name or"):
        site.change("first", **{field: value})


# Limits


def test_a_job_ends_at_its_active_deadline(site: Site) -> None:
    """Instances are drained, what is published stays, the message names the limit."""
    site.usual(files=120, pace=PACE, instances=2)
    site.job(activeDeadlineSeconds=15)
    site.start()
    status = site.wait_for("first", Phase.FAILED, within_seconds=SECONDS)
    assert "DeadlineExceeded" == status.reason
    assert "15" in status.message
    assert [] == site.pods()
    assert 0 < len(site.chunks()) < 120
    assert status.accepted_time is not None
    assert status.completion_time is not None
    assert (status.completion_time - status.accepted_time).total_seconds() < 45


def test_pauses_do_not_count_against_the_active_deadline(site: Site) -> None:
    """A job that is suspended for longer than its deadline comes to its end."""
    site.usual(files=16, pace=PACE, instances=2)
    site.job(activeDeadlineSeconds=40)
    site.start()
    site.wait_for_progress("first", 1, within_seconds=40)
    site.change("first", suspend=True)
    status = site.wait_for("first", Phase.SUSPENDED, within_seconds=40)
    assert 0 < status.active_seconds < 40
    until = status.active_seconds
    deadline_passes = 40 - until + 2
    site.pause(deadline_passes)
    assert Phase.SUSPENDED == site.status().phase
    site.change("first", suspend=False)
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=40)
    assert site.expected() == site.output()


def test_finished_jobs_are_deleted_after_their_time(site: Site) -> None:
    """Never their outputs; the time may be given later."""
    site.usual(files=2)
    site.job("first", ttlSecondsAfterFinished=3)
    site.job("second")
    site.start()
    site.wait_for("second", Phase.SUCCEEDED, within_seconds=SECONDS)
    site.wait(
        lambda: site.kube.find("batchjobs", "first", site.namespace) is None, "first is gone", 60
    )
    place = site.locate("datastore://mine/out/first/predictions.csv")
    assert site.expected("second") == place.store.read(place.path)
    site.change("second", ttlSecondsAfterFinished=0)
    site.wait(
        lambda: site.kube.find("batchjobs", "second", site.namespace) is None, "second is gone", 20
    )
    site.wait(lambda: not site.pods("second"), "its pods are gone, too", 20)


def test_names_are_as_long_as_promised(site: Site) -> None:
    """52 characters for a job with ten instances; 53 are refused in words."""
    site.usual(files=20, instances=1)
    name = "a" + "b" * 50 + "c"
    site.job(name, overrides={"instanceCount": 10})
    site.documents.pop(("BatchJob", "first"))
    site.start()
    site.wait_for(name, Phase.SUCCEEDED, within_seconds=120)
    assert site.expected(name) == site.output(name)
    with pytest.raises(Refused, match=re.escape("at most 52 characters")):
        site.apply(site.job(name + "d"))
