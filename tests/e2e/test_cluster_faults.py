"""Parts of the cluster itself fail while a job runs: API server, node, kubelet, container runtime, controllers."""

from __future__ import annotations

import time

import pytest

from batchpoint.api.job import Phase
from cluster import components, paths
from support.site import Site, in_words

pytestmark = [
    pytest.mark.serial,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        paths.state().kind.exists(), reason="kind keeps the components of a cluster to itself"
    ),
]

AWAY_SECONDS = 30
SECONDS = 150


def slow(site: Site, *, files: int) -> None:
    """Start a job with two instances and return when it has published something."""
    site.usual(files=files, pace=0.5, instances=2)
    site.start()
    site.wait_for_progress("first", 2, within_seconds=60)


def ends_well(site: Site) -> None:
    """Wait for the end of the job and compare its bytes."""
    status = site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()
    assert 1 == status.attempt, in_words(status)


def test_the_api_server_is_away(site: Site) -> None:
    """For 30 s, in which instances go on; the operator catches up."""
    slow(site, files=40)
    before = len(site.chunks())
    components.stop("kube-apiserver")
    try:
        time.sleep(AWAY_SECONDS)
        assert len(site.chunks()) > before, "instances need no API server"
    finally:
        components.start("kube-apiserver")
    ends_well(site)


def test_a_node_is_drained(site: Site) -> None:
    """By kubectl drain: instances publish and leave; they wait for a node, and go on when it is back."""
    slow(site, files=40)
    (node,) = {pod["spec"]["nodeName"] for pod in site.running_pods()}
    try:
        site.kube.kubectl(
            *("drain", node, "--pod-selector=batchpoint.dev/job=first"),
            *("--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s"),
        )
        status = site.wait_until(
            "first",
            lambda status: status.reason == "Unschedulable",
            "says that no node is left",
            60,
        )
        assert status.completion_time is None
    finally:
        site.kube.kubectl("uncordon", node)
    ends_well(site)
    (job,) = site.runner_jobs()
    assert not job["status"].get("failedIndexes")


@pytest.mark.parametrize(
    "name", ["etcd", "kube-controller-manager", "kube-scheduler", "kubelet", "containerd"]
)
def test_a_component_crashes(site: Site, name: str) -> None:
    """It is back after 5 s, and the job has the same bytes."""
    slow(site, files=30)
    components.stop(name)
    try:
        time.sleep(5)
    finally:
        components.start(name)
    ends_well(site)
