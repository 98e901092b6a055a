"""On the cluster for tests, with images that are there: the time to the first row, and requests per BatchJob."""

from __future__ import annotations

import csv
import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import controllers
from control_plane import ControlPlane
from controllers import Controller

from batchpoint.api.job import Phase
from cluster import building, lifecycle, paths, status
from cluster.configuration import Limits
from support import local_jobs, operators
from support.evidence import Recorder
from support.kube import Kube, Manifest
from support.operators import Installed
from support.repository import ROOT
from support.site import Site

SCRIPT = """
import time


def init():
    pass


def run(mini_batch):
    return {path: {"time": time.time()} for path in mini_batch}
"""
"""Says when each file was scored, by the clock that the bare Job prints too."""

KIND = "batchjobs.batchpoint.dev"
LOGS = ROOT / "build" / "bench"
JOB_SECONDS = 120
SETTLED_SECONDS = 4
"""After which nothing of an earlier job is written any more."""
FILES = 12
INSTANCES = 2


@contextmanager
def a_cluster() -> Iterator[Kube]:
    """Have the cluster for tests, with our kinds, while the block runs; one that ran before stays."""
    ran = status.observe().is_healthy
    lifecycle.up(Limits.RAISED)
    state = paths.state()
    kube = Kube.connect(state.kubeconfig, state.programs / "kubectl")
    try:
        if kube.try_kubectl("get", "customresourcedefinition", KIND).returncode != 0:
            kube.kubectl("create", "-f", ROOT / "crds")
            kube.kubectl("wait", "--for=condition=Established", f"customresourcedefinition/{KIND}")
        yield kube
    finally:
        if not ran:
            lifecycle.down()


@contextmanager
def a_site(kube: Kube) -> Iterator[Site]:
    """Have a namespace with a deployment of two instances, while the block runs."""
    namespace = f"bench-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        recorder = Recorder(kube=kube, namespace=namespace, folder=folder / "evidence")
        site = Site(
            kube=kube,
            namespace=namespace,
            folder=folder,
            truths=folder / "truths",
            recorder=recorder,
        )
        metadata = {"name": namespace}
        kube.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        try:
            kube.create("secrets", site.secret(), namespace)
            site.usual(files=FILES, instances=INSTANCES)
            site.write("code/score.py", SCRIPT)
            del site.documents["BatchJob", "first"]
            site.start()
            yield site
        finally:
            kube.kubectl("delete", "batchjobs", "--all", "--wait=false", namespace=namespace)
            kube.delete("namespaces", namespace)


def first_rows(site: Site, pairs: int) -> tuple[list[float], list[float]]:
    """Return the seconds from apply to the first scored row, and to the line of a bare Job, in turn.

    The first of each warms up and is left out.
    """
    scorer = building.provide()["scorer"]
    ours, bare = [], []
    for number in range(pairs + 1):
        ours.append(_first_row(site, f"row-{number}"))
        bare.append(_first_line(site, f"line-{number}", scorer))
        print(f"first row: {ours[-1]:.2f} s, bare Job: {bare[-1]:.2f} s", flush=True)
    return ours[1:], bare[1:]


@contextmanager
def an_operator(site: Site) -> Iterator[Controller]:
    """Have an operator of this checkout for the site alone; an installed one is away meanwhile."""
    images = building.provide()
    settings = {
        "runner_image": images["runner"],
        "scorer_image": images["scorer"],
        "namespaces": site.namespace,
        "operator_namespace": site.namespace,
        # None of its comparisons with lists, which are the same for any number of jobs.
        "resync_seconds": "3600",
    }
    LOGS.mkdir(parents=True, exist_ok=True)
    plane = ControlPlane(paths.state().kubeconfig, LOGS)
    installed = Installed(site.kube)
    found = site.kube.list("deployments", operators.NAMESPACE, labelSelector=operators.SELECTOR)
    with (
        installed.away() if found else nullcontext(),
        controllers.operator(plane, **settings) as running,
    ):
        yield running


def requests_of_a_job(site: Site, operator: Controller) -> dict[str, int]:
    """Return the requests of one BatchJob's whole life by verb and resource, as the operator counts them.

    `operator_rate` compares what it counts with what an API server counts.
    """
    time.sleep(SETTLED_SECONDS)
    before = operator.requests()
    _apply(site, "counted")
    site.wait_for("counted", Phase.SUCCEEDED, within_seconds=JOB_SECONDS)
    time.sleep(SETTLED_SECONDS)
    counted = Counter(
        {
            f"{verb} {resource}": number - before.get((verb, resource), 0)
            for (verb, resource), number in operator.requests().items()
            if resource != "leases"
        }
    )
    return dict(+counted)


def _first_row(site: Site, name: str) -> float:
    began = _apply(site, name)
    site.wait_for(name, Phase.SUCCEEDED, within_seconds=JOB_SECONDS)
    rows = csv.DictReader(site.output(name).decode().splitlines())
    return min(float(row["time"]) for row in rows) - began


def _apply(site: Site, name: str) -> float:
    job = site.job(name)
    began = time.time()
    site.kube.create("batchjobs", job, site.namespace)
    return began


def _first_line(site: Site, name: str, image: str) -> float:
    began = time.time()
    site.kube.create("jobs", _bare_job(name, image), site.namespace)

    def is_complete() -> bool:
        status = site.kube.get("jobs", name, site.namespace).get("status", {})
        return status.get("succeeded", 0) == 1

    local_jobs.wait_until(is_complete, f"Job {name} has ended", JOB_SECONDS)
    return float(site.kubectl("logs", f"job/{name}")) - began


def _bare_job(name: str, image: str) -> Manifest:
    container = {"name": "line", "image": image, "command": ["date", "+%s.%N"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


def over_bare(ours: list[float], bare: list[float]) -> list[float]:
    """Return by how many seconds each first row came later than the line of the bare Job beside it."""
    return [row - line for row, line in zip(ours, bare, strict=True)]
