"""The chart's whole life around jobs: upgrade, rollback, removal and the rendered file, with a job in mid-run."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint.api.job import Phase
from support import operators
from support.operators import CHART, Installed, helm, install
from support.site import Site

pytestmark = [pytest.mark.serial, pytest.mark.timeout(300)]

CRDS = (
    "batchendpoints.batchpoint.dev",
    "batchdeployments.batchpoint.dev",
    "batchjobs.batchpoint.dev",
)
SECONDS = 120


def slow(site: Site, *, files: int = 60) -> None:
    """Start a job with two instances and return when it has published something."""
    site.usual(files=files, pace=0.5, instances=2)
    site.start()
    site.wait_for_progress("first", 2, within_seconds=60)


def ends_well(site: Site, job: str = "first") -> None:
    """Wait for the end of a job and compare its bytes; one Job was enough for it."""
    site.wait_for(job, Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected(job) == site.output(job)
    assert 1 == len(site.runner_jobs(job))


def test_upgrade_and_rollback(site: Site, installed: Installed, values: Path) -> None:
    """With other settings and back: a running job is not touched, and finished ones are not written."""
    site.usual(files=2)
    site.documents.pop(("BatchJob", "first"))
    site.job("before")
    site.start()
    site.wait_for("before", Phase.SUCCEEDED, within_seconds=SECONDS)
    version = site.kube.get("batchjobs", "before", site.namespace)["metadata"]["resourceVersion"]
    slow(site)
    pods = {pod["metadata"]["uid"] for pod in site.pods()}
    install(site.kube, "--values", values, "--set", "operator.logLevel=DEBUG")
    assert "DEBUG" == installed.settings()["BATCHPOINT_LOG_LEVEL"]
    helm(site.kube, "rollback", operators.RELEASE, "--wait", "--timeout=90s")
    assert "DEBUG" != installed.settings().get("BATCHPOINT_LOG_LEVEL")
    assert pods == {pod["metadata"]["uid"] for pod in site.pods()}
    ends_well(site)
    found = site.kube.get("batchjobs", "before", site.namespace)
    assert version == found["metadata"]["resourceVersion"]


def test_uninstall_and_install_again(site: Site, installed: Installed, values: Path) -> None:
    """Removing the chart keeps kinds, objects and running instances; installed again, it tells how they ended."""
    slow(site, files=30)
    helm(site.kube, "uninstall", operators.RELEASE, "--wait", "--timeout=90s")
    for crd in CRDS:
        site.kube.kubectl("get", "crd", crd)
    assert site.running_pods()
    site.wait(
        lambda: site.runner_jobs()[0]["status"].get("succeeded") == 2, "both instances ended", 60
    )
    assert Phase.RUNNING == site.status().phase
    install(site.kube, "--values", values)
    ends_well(site)


def test_the_rendered_file(site: Site, installed: Installed, values: Path, tmp_path: Path) -> None:
    """Without Helm: what it renders is applied by kubectl, and does the same."""
    helm(site.kube, "uninstall", operators.RELEASE, "--wait", "--timeout=90s")
    rendered = tmp_path / "batchpoint.yaml"
    rendered.write_text(helm(site.kube, "template", operators.RELEASE, CHART, "--values", values))
    try:
        # The kinds were kept; they belong to a release that is gone.
        site.kube.kubectl(
            *("apply", "--server-side", "--force-conflicts", "-f", rendered),
            namespace=operators.NAMESPACE,
        )
        installed.wait_until_ready()
        site.usual(files=4)
        site.start()
        ends_well(site)
    finally:
        without_kinds = ["--selector=app.kubernetes.io/component=operator"]
        site.kube.kubectl(
            *("delete", "--wait", "--ignore-not-found", "-f", rendered, *without_kinds),
            namespace=operators.NAMESPACE,
        )
