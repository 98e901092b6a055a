"""What the end-to-end tests share: the cluster of the project and no other, and a namespace for each test.

The operator is installed before (`make e2e`). The kubeconfig is the one that `make cluster-up` wrote; the
environment's own and its context are never looked at, so that no test can reach anybody else's cluster.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import paths
from support import operators
from support.evidence import Recorder
from support.kube import Kube
from support.operators import Installed, helm, install
from support.repository import ROOT
from support.site import Site

EVIDENCE = ROOT / "build" / "e2e"

passed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember for the fixtures whether the test itself passed."""
    report = yield
    if report.when == "call":
        item.stash[passed] = report.passed
    return report


@pytest.fixture(scope="session")
def kube() -> Kube:
    """The cluster that `make cluster-up` has started."""
    state = paths.state()
    if not state.complete.exists():
        pytest.exit("There is no cluster of this project. `make e2e` starts one.", returncode=2)
    return Kube.connect(state.kubeconfig, state.programs / "kubectl")


@pytest.fixture
def site(
    kube: Kube,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """A namespace in which only restricted pods are admitted, with a datastore called ``mine``."""
    name = re.sub("[^a-z0-9]+", "-", request.node.name.removeprefix("test_").lower())[:40].strip(
        "-"
    )
    namespace = f"{name}-{secrets.token_hex(3)}"
    base = tmp_path_factory.getbasetemp()
    recorder = Recorder(kube=kube, namespace=namespace, folder=EVIDENCE / request.node.name)
    at = Site(
        kube=kube,
        namespace=namespace,
        folder=tmp_path,
        truths=(base.parent if base.name.startswith("popen-") else base) / "truths",
        recorder=recorder,
    )
    labels = {
        "batchpoint.dev/test": name,
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    metadata = {"name": namespace, "labels": labels}
    kube.create("namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    kube.create("secrets", at.secret(), namespace)
    recorder.start()
    try:
        yield at
    finally:
        if request.node.stash.get(passed, False):
            recorder.stop()
            recorder.discard()
        else:
            recorder.dump()
            Installed(kube).log(recorder.folder)
            recorder.stop()
        # First, as Kubernetes alone never ends a namespace in which a Job still wants pods.
        kube.try_kubectl("delete", "batchjobs", "--all", "--wait=false", namespace=namespace)
        kube.delete("namespaces", namespace)


@pytest.fixture
def installed(kube: Kube, values: Path) -> Iterator[Installed]:
    """The operator of the chart; whatever a test did to it, the same is installed afterwards."""
    found = Installed(kube)
    found.wait_until_ready()
    yield found
    install(kube, "--values", values)


@pytest.fixture
def values(kube: Kube, tmp_path: Path) -> Path:
    """A file with the values of the release as it is, names of images included."""
    path = tmp_path / "values.yaml"
    path.write_text(helm(kube, "get", "values", operators.RELEASE, "--output", "yaml"))
    return path
