"""The chart's network policies, where they are enforced: they close what they say and cut no job off."""

from __future__ import annotations

import csv
import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from batchpoint.api.job import BatchJobStatus, Phase
from batchpoint.cluster import runners
from cluster import addresses, images, object_store
from support import firewall, operators
from support.operators import Installed, install
from support.site import Site

pytestmark = [pytest.mark.serial, pytest.mark.timeout(300)]

SECONDS = 90
PYTHON = "/opt/batchpoint/bin/python"
"""In the operator's image."""
REFUSED_SECONDS = 3
"""Nobody answers for so long: packets are rejected or dropped."""

CALLER = """
import os
import socket


def init():
    pass


def reaches(address):
    try:
        socket.create_connection(address, timeout=3).close()
    except OSError:
        return False
    return True


def run(mini_batch):
    address = os.environ["CALLED"].split(":")
    return {path: {"reached": reaches((address[0], int(address[1])))} for path in mini_batch}
"""


@pytest.fixture(scope="module", autouse=True)
def _enforcing() -> Iterator[None]:
    with firewall.enforcing():
        yield


@pytest.fixture
def stranger(site: Site) -> str:
    """A pod in the namespace of the jobs that belongs to none of them."""
    container = {
        "name": "shell",
        "image": images.BUSYBOX,
        "command": ["sleep", "infinity"],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": 0,
    }
    name = "stranger"
    site.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})
    site.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "--timeout=60s")
    return name


def with_policies(
    site: Site, values: Path, policies: Mapping[str, Mapping[str, Any]], folder: Path
) -> None:
    """Install the chart with these policies beside the values that it has."""
    path = folder / "policies.json"
    path.write_text(json.dumps({"networkPolicies": policies}))
    install(site.kube, "--values", values, "--values", path)


def may_read_progress(site: Site, stranger: str, address: str) -> bool:
    """Say whether the stranger gets an answer from an instance."""
    ask = ("nc", "-w", str(REFUSED_SECONDS), address, str(runners.PORT))
    done = site.kube.try_kubectl(
        *("exec", "--stdin", stranger, "--", *ask),
        namespace=site.namespace,
        text="GET /progress HTTP/1.0\r\n\r\n",
    )
    return done.returncode == 0 and "200 OK" in done.stdout


def operator_reaches(site: Site, host: str, port: int) -> bool:
    """Say whether a pod of the operator can open a connection."""
    program = f"import socket; socket.create_connection(({host!r}, {port}), {REFUSED_SECONDS})"
    (pod, *_) = Installed(site.kube).pods()
    done = site.kube.try_kubectl(
        *("exec", pod["metadata"]["name"], "--", PYTHON, "-c", program),
        namespace=operators.NAMESPACE,
    )
    return done.returncode == 0


def test_nobody_but_the_operator_reaches_an_instance(
    site: Site, stranger: str, installed: Installed, values: Path, tmp_path: Path
) -> None:
    """With all policies a job is scored as before, and its progress is seen."""
    site.usual(files=60, pace=0.5, instances=2)
    site.start()
    site.wait_for_progress("first", 1, within_seconds=SECONDS)
    (pod, *_) = site.running_pods()
    address = pod["status"]["podIP"]
    assert may_read_progress(site, stranger, address)
    assert operator_reaches(site, addresses.OBJECT_STORE_IP, object_store.PORT)
    with_policies(
        site,
        values,
        {
            "operator": {"enabled": True},
            "instances": {"enabled": True, "namespaces": [site.namespace], "limitEgress": True},
        },
        tmp_path,
    )
    site.wait(
        lambda: not may_read_progress(site, stranger, address), "a stranger is refused", SECONDS
    )
    assert not operator_reaches(site, addresses.OBJECT_STORE_IP, object_store.PORT)
    site.apply(site.job("second"))  # whose instances nobody has asked before
    site.wait_until("second", shows_progress, "shows progress", SECONDS)
    for name in ("first", "second"):
        site.wait_for(name, Phase.SUCCEEDED, within_seconds=SECONDS)
        assert site.expected(name) == site.output(name)


def shows_progress(status: BatchJobStatus) -> bool:
    """Say whether a job that runs is known to have scored some of its files."""
    told = status.progress
    return status.phase is Phase.RUNNING and told is not None and 0 < told.files.done


def test_user_code_does_not_get_to_addresses_that_are_blocked(
    site: Site, installed: Installed, values: Path, tmp_path: Path
) -> None:
    """While the store, which the runner needs from the same pod, is reached."""
    with socket.create_server((addresses.HOST_IP, 0)) as server:
        host, port = server.getsockname()
        called = {"CALLED": f"{host}:{port}"}
        site.usual(files=2, environmentVariables=called)
        site.write("code/score.py", CALLER)
        site.documents.pop(("BatchJob", "first"))
        site.job("open")
        site.start()
        assert {"True"} == reached(site, "open")
        with_policies(
            site,
            values,
            {
                "instances": {
                    "enabled": True,
                    "namespaces": [site.namespace],
                    "limitEgress": True,
                    "blockedCidrs": [f"{host}/32"],
                }
            },
            tmp_path,
        )
        site.apply(site.job("closed"))
        assert {"False"} == reached(site, "closed")


def reached(site: Site, job: str) -> set[str]:
    """Return what the rows of a job say, once it has ended."""
    site.wait_for(job, Phase.SUCCEEDED, within_seconds=SECONDS)
    rows = csv.DictReader(site.output(job).decode().splitlines())
    return {row["reached"] for row in rows}
