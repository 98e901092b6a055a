"""Pods that do not start: the BatchJob says why in a sentence, and goes on when the cause is gone."""

from __future__ import annotations

import secrets

import pytest

from batchpoint.api.job import BatchJobStatus, Phase
from cluster import volumes
from support.kube import Manifest
from support.site import DEPLOYMENT, Site, in_words

pytestmark = pytest.mark.timeout(180)

SECONDS = 90


def told(site: Site, reason: str, within_seconds: float = 60) -> BatchJobStatus:
    """Wait until the job tells this reason for not running, and return its status."""
    status = site.wait_until(
        "first", lambda status: status.reason == reason, f"says {reason}", within_seconds
    )
    assert status.message.endswith("."), in_words(status)
    return status


def finishes(site: Site) -> None:
    """Wait for the end of the job and look at what it leaves."""
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()


def test_an_image_that_cannot_be_pulled(site: Site) -> None:
    """Image and container are named; the start deadline ends the job with the same words."""
    site.usual(files=3, spec={"environment": {"image": "localhost/not-there:1"}})
    site.job(startDeadlineSeconds=40)
    site.start()
    status = told(site, "ImageUnavailable")
    assert "localhost/not-there:1" in status.message
    assert Phase.STARTING == status.phase
    status = site.wait_for("first", Phase.FAILED, within_seconds=60)
    assert "StartDeadlineExceeded" == status.reason
    assert "localhost/not-there:1" in status.message
    assert "40" in status.message
    site.wait(lambda: not site.pods(), "no pod is left", 30)


def test_a_node_that_fits_comes_later(site: Site) -> None:
    """Unschedulable names what no node has; a label on a node is enough to go on."""
    label = f"batchpoint.dev/test-{secrets.token_hex(3)}"
    site.usual(files=3, spec={"compute": {"nodeSelector": {label: "here"}}})
    site.start()
    status = told(site, "Unschedulable")
    assert "node" in status.message.lower()
    node = site.kube.list("nodes")[-1]["metadata"]["name"]
    try:
        site.kube.patch("nodes", node, {"metadata": {"labels": {label: "here"}}})
        instead = site.documents["BatchDeployment", DEPLOYMENT]["spec"]
        finishes(site)
    finally:
        site.kube.patch("nodes", node, {"metadata": {"labels": {label: None}}})
    assert {label: "here"} == instead["compute"]["nodeSelector"]


def test_more_processors_than_any_node_has(site: Site) -> None:
    """The resource is named."""
    resources = {"instanceCount": 1, "requests": {"cpu": "500"}}
    site.usual(files=3, spec={"resources": resources})
    site.start()
    assert "cpu" in told(site, "Unschedulable").message.lower()


def test_a_datastore_that_comes_later(site: Site) -> None:
    """The Secret that is missing is named, and the pod starts when it is there."""
    site.usual(files=3)
    site.job(input={"uri": "datastore://demo/texts"})
    site.start()
    status = told(site, "SecretMissing")
    assert "batchpoint-datastore-demo" in status.message
    site.apply(site.secret("demo"))
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=140)
    assert site.expected() == site.output()


def test_a_quota_that_is_raised(site: Site) -> None:
    """The quota is named with what is used; raised, it lets the job go on."""
    quota: Manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "0"}},
    }
    site.apply(quota)
    site.usual(files=3)
    site.start()
    status = told(site, "QuotaExceeded")
    assert "few" in status.message
    site.kube.patch("resourcequotas", "few", {"spec": {"hard": {"pods": "10"}}}, site.namespace)
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=140)
    assert site.expected() == site.output()


def test_a_volume_claim_that_comes_later(site: Site) -> None:
    """The claim that does not exist is named."""
    site.usual(files=3)
    site.job(output={"uri": "pvc://later/out"})
    site.start()
    status = site.wait_until(
        "first",
        lambda status: status.reason in ("Unschedulable", "VolumeUnavailable"),
        "says that the claim is missing",
        60,
    )
    assert "later" in status.message
    documents: list[Manifest] = [dict(one) for one in volumes.volume("later", site.namespace)]
    site.kube.apply(*documents)
    try:
        site.wait_for("first", Phase.SUCCEEDED, within_seconds=100)
    finally:
        site.kube.try_kubectl("delete", "pv", f"{site.namespace}-later", "--wait=false")


def test_code_in_a_config_map_that_comes_later(site: Site) -> None:
    """The deployment is not ready and says which config map or key it waits for; so does its job."""
    code = {"code": {"configMap": "later"}, "scoringScript": "score.py"}
    site.usual(files=3, spec={"codeConfiguration": code})
    job = site.documents.pop(("BatchJob", "first"))
    site.start()
    unready = ("wait", "batchdeployment", DEPLOYMENT, "--for=condition=Ready=False")
    site.kubectl(*unready, "--timeout=20s")
    site.apply(site.include(job))
    status = told(site, "DeploymentNotReady")
    assert "later" in status.message
    script = (site.files / "code" / "score.py").read_text()
    identity = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}}
    site.apply(site.include({**identity, "data": {"score.py": script}}))
    finishes(site)


def test_a_deployment_of_another_endpoint(site: Site) -> None:
    """A job is told so at once, with what would be right."""
    site.usual(files=3)
    site.endpoint("whisper", defaultDeployment=None)
    site.job(endpoint="whisper", deployment=DEPLOYMENT)
    site.start()
    status = told(site, "DeploymentElsewhere", 20)
    assert "whisper" in status.message
    assert [] == site.runner_jobs()


def test_a_local_path_means_nothing_in_a_cluster(site: Site) -> None:
    """file:// is refused before any pod is made."""
    site.usual(files=3)
    site.job(input={"uri": "file:///etc"})
    site.start()
    told(site, "LocalStorage", 20)
    assert [] == site.runner_jobs()


def test_a_node_selector_that_never_fits_ends_at_the_start_deadline(site: Site) -> None:
    """With the cause in the message, and no pod left."""
    site.usual(files=3, spec={"compute": {"nodeSelector": {"batchpoint.dev/no-such": "node"}}})
    site.job(startDeadlineSeconds=25)
    site.start()
    status = site.wait_for("first", Phase.FAILED, within_seconds=60)
    assert "StartDeadlineExceeded" == status.reason
    assert "selector" in status.message.lower() or "node" in status.message.lower()
    site.wait(lambda: not site.pods(), "no pod is left", 30)
