"""Pods, containers and processes that die in mid-run: the job ends well, with the same bytes."""

from __future__ import annotations

import pytest

from batchpoint.api.job import BatchJobStatus, Phase
from support import node
from support.kube import Manifest
from support.site import Site, container, in_words

pytestmark = pytest.mark.timeout(180)

SECONDS = 120
PACE = 0.5


def slow(site: Site, *, files: int = 30, instances: int = 2, **deployment: object) -> Manifest:
    """Start a job, wait until it has published something, and return one of its pods."""
    site.usual(files=files, pace=PACE, instances=instances, **deployment)
    site.start()
    site.wait_for_progress("first", 2, within_seconds=60)
    return site.running_pods()[0]


def ends_well(site: Site) -> BatchJobStatus:
    """Wait for the end of the job, compare its bytes, and return its status."""
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()
    assert 1 == status.attempt, in_words(status)
    return status


def test_a_pod_is_deleted(site: Site) -> None:
    """It drains with code 20; another pod goes on with its index."""
    pod = slow(site)
    name = pod["metadata"]["name"]
    site.delete("pods", name)
    ends_well(site)
    assert 3 == len(site.recorder.pods())
    (gone,) = [one for one in site.recorder.pods() if one["metadata"]["name"] == name]
    assert 20 == container(gone, "scorer")["state"]["terminated"]["exitCode"]


def test_a_pod_is_deleted_without_grace(site: Site) -> None:
    """Nobody could say goodbye; what was claimed is done by others."""
    pod = slow(site)
    site.kubectl("delete", "pod", pod["metadata"]["name"], "--force", "--grace-period=0")
    ends_well(site)


def test_all_pods_are_deleted_at_once(site: Site) -> None:
    """Nothing that was published is lost."""
    slow(site)
    for pod in site.running_pods():
        site.delete("pods", pod["metadata"]["name"])
    ends_well(site)


def test_a_pod_is_evicted(site: Site) -> None:
    """By the eviction API, as a drain of its node does; it counts as no failure of the job."""
    pod = slow(site)
    name = pod["metadata"]["name"]
    site.kube.create(
        "pods",
        {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": site.namespace},
        },
        site.namespace,
        f"{name}/eviction",
    )
    ends_well(site)
    (job,) = site.runner_jobs()
    assert not job["status"].get("failedIndexes")


def test_the_runner_is_killed_in_place(site: Site) -> None:
    """It starts again beside the scorer, whose model stays loaded: init() ran once."""
    pod = slow(site, instances=1, files=40)
    name = pod["metadata"]["name"]
    node.kill(pod, "runner")
    site.wait(
        lambda: container(site.kube.get("pods", name, site.namespace), "runner")["restartCount"],
        "the runner is started again",
        30,
    )
    ends_well(site)
    assert [name] == [one["metadata"]["name"] for one in site.recorder.pods()]
    assert 1 == site.recorder.log(name, "scorer").count("the model is loaded")


def test_the_worker_host_is_killed(site: Site) -> None:
    """The pod fails and is replaced after Kubernetes' own back-off of 10 s."""
    pod = slow(site)
    node.kill(pod, "scorer")
    ends_well(site)
    assert 3 == len(site.recorder.pods())


def test_a_worker_is_killed(site: Site) -> None:
    """Its attempt is repeated in the same pod, which nobody outside notices."""
    pod = slow(site, instances=1, retrySettings={"maxRetries": 2, "timeoutSeconds": 30})
    node.processes(pod, "scorer")[-1].kill()
    status = ends_well(site)
    assert 1 == len(site.recorder.pods())
    assert status.progress is not None
    assert status.progress.mini_batches.retried >= 1


CRASHES = 4
"""Of one instance until Kubernetes gives it up: 10, 20 and 40 s lie between them."""


def crash(site: Site, times: int) -> None:
    """Kill the scorer of the one instance as soon as it runs, so many times."""
    crashed: set[str] = set()

    def is_there() -> bool:
        return bool({pod["metadata"]["name"] for pod in site.running_pods()} - crashed)

    for number in range(times):
        site.wait(is_there, f"pod {number + 1} runs", 120)
        (pod,) = site.running_pods()
        crashed.add(pod["metadata"]["name"])
        node.kill(pod, "scorer")


@pytest.mark.timeout(300)
def test_a_further_attempt_goes_on_where_the_first_gave_up(site: Site) -> None:
    """When Kubernetes gives an instance up, a second Job takes over from the same ledger."""
    site.usual(files=40, pace=PACE)
    site.start()
    crash(site, CRASHES)
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=120)
    assert site.expected() == site.output()
    assert 2 == status.attempt
    assert ["first-1", "first-2"] == sorted(
        {pod["metadata"]["labels"]["job-name"] for pod in site.recorder.pods()}
    )


@pytest.mark.timeout(400)
def test_an_instance_that_crashes_for_ever(site: Site) -> None:
    """The job ends in words once both attempts are exhausted; a rerun takes what is published."""
    site.usual(files=40, pace=PACE)
    site.start()
    crash(site, 2 * CRASHES)
    status = site.wait_for("first", Phase.FAILED, within_seconds=60)
    assert "RetriesExhausted" == status.reason
    assert "137" in status.message or "killed" in status.message.lower(), in_words(status)
    site.apply(site.job("again", input=None, rerun={"job": "first", "only": "Failed"}))
    site.wait_for("again", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected("first") == site.output("again")


def test_a_job_loses_the_label_by_which_it_is_watched(site: Site) -> None:
    """The watch says that it was deleted; it was not, and so its end is still the job's end."""
    slow(site)
    site.kubectl("label", "job", "first-1", "app.kubernetes.io/managed-by-")
    ends_well(site)


def test_two_jobs_share_nothing(site: Site) -> None:
    """Two jobs over the same input in the same pods' namespace leave the same bytes."""
    site.usual(files=16, pace=0.2, instances=2)
    site.job("second")
    site.start()
    for job in ("first", "second"):
        site.wait_for(job, Phase.SUCCEEDED, within_seconds=SECONDS)
        assert site.expected(job) == site.output(job)
