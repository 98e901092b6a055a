"""The operator as tests treat it: the one that the chart installed, and processes of it on this machine.

A process on this machine has the settings of the installed one and the rights of its service account, so that
it can be killed at any moment without the kubelet's growing pauses between restarts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from batchpoint.cluster.lease import LEASE_SECONDS
from cluster import paths
from support import local_jobs
from support.kube import Kube, Manifest, Refused
from support.repository import ROOT

CHART = ROOT / "charts" / "batchpoint"
VALUES = ROOT / "tests" / "e2e" / "values.yaml"
NAMESPACE = "batchpoint-system"
RELEASE = "batchpoint"
SELECTOR = "app.kubernetes.io/name=batchpoint,app.kubernetes.io/component=operator"
ROLLOUT_SECONDS = 90
HELM_SECONDS = 2 * ROLLOUT_SECONDS
LEASE = "batchpoint-operator"
TAKE_OVER_SECONDS = LEASE_SECONDS + 5
"""A crashed leader is replaced in less."""


def helm(kube: Kube, *arguments: str | Path) -> str:
    """Run helm in the operator's namespace and return what it prints.

    Raises:
        Refused: It failed; the message is what it said.
    """
    done = subprocess.run(
        [
            *(paths.state().programs / "helm", "--kubeconfig", kube.kubeconfig),
            *("--namespace", NAMESPACE, *arguments),
        ],
        capture_output=True,
        text=True,
        timeout=HELM_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def install(kube: Kube, *options: str | Path) -> None:
    """Install or upgrade the chart with the values of the tests, and wait until the operator is ready.

    Raises:
        Refused: It was not, in time, or a value is wrong.
    """
    waiting = ("--create-namespace", "--wait", f"--timeout={ROLLOUT_SECONDS}s")
    helm(kube, "upgrade", "--install", RELEASE, CHART, "--values", VALUES, *waiting, *options)


@dataclass(frozen=True, slots=True)
class Installed:
    """The operator of the chart."""

    kube: Kube

    def deployment(self) -> Manifest:
        """Return its Deployment."""
        (found,) = self.kube.list("deployments", NAMESPACE, labelSelector=SELECTOR)
        return found

    def pods(self) -> list[Manifest]:
        """Return its pods that nobody has deleted."""
        found = self.kube.list("pods", NAMESPACE, labelSelector=SELECTOR)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def scale(self, replicas: int) -> None:
        """Have so many of it, and wait until they are ready, or gone."""
        name = self.deployment()["metadata"]["name"]
        self.kube.patch("deployments", name, {"spec": {"replicas": replicas}}, NAMESPACE)
        self.wait_until_ready()
        local_jobs.wait_until(
            lambda: len(self.kube.list("pods", NAMESPACE, labelSelector=SELECTOR)) == replicas,
            f"{replicas} operators are there",
            ROLLOUT_SECONDS,
        )

    def wait_until_ready(self) -> None:
        """Wait until as many as wanted are ready."""
        name = self.deployment()["metadata"]["name"]
        self.kube.kubectl(
            *("rollout", "status", f"deployment/{name}", f"--timeout={ROLLOUT_SECONDS}s"),
            namespace=NAMESPACE,
        )

    def leader(self) -> str:
        """Return who holds the Lease; empty if nobody does."""
        found = self.kube.find("leases", LEASE, NAMESPACE) or {}
        holder: str = found.get("spec", {}).get("holderIdentity") or ""
        return holder

    def log(self, folder: Path) -> None:
        """Write down what all of them printed."""
        for pod in self.pods():
            name = pod["metadata"]["name"]
            done = self.kube.try_kubectl("logs", name, namespace=NAMESPACE)
            (folder / f"operator-{name}.log").write_text(done.stdout + done.stderr)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Have none while the block runs, and as many as before afterwards."""
        replicas: int = self.deployment()["spec"]["replicas"]
        self.scale(0)
        try:
            yield
        finally:
            self.scale(replicas)

    def settings(self) -> dict[str, str]:
        """Return its environment, as far as it is written in the Deployment."""
        (container,) = self.deployment()["spec"]["template"]["spec"]["containers"]
        return {one["name"]: one["value"] for one in container["env"] if "value" in one}

    def kubeconfig(self, folder: Path) -> Path:
        """Write a kubeconfig with the rights of its service account, and no others."""
        account = self.deployment()["spec"]["template"]["spec"]["serviceAccountName"]
        token = self.kube.kubectl("create", "token", account, namespace=NAMESPACE).strip()
        content = yaml.safe_load(self.kube.kubeconfig.read_text())
        content["users"] = [
            {"name": one["name"], "user": {"token": token}} for one in content["users"]
        ]
        path = folder / "operator-kubeconfig"
        path.write_text(json.dumps(content))
        return path


@dataclass(slots=True)
class Process:
    """One operator on this machine, which can be killed and started again."""

    environment: dict[str, str]
    log: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start it and do not wait."""
        with self.log.open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    [sys.executable, "-m", "batchpoint.main"],
                    env=local_jobs.environment(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def has_ended(self) -> bool:
        """Say whether it ended although nobody killed it; its log says why."""
        return any(process.poll() is not None for process in self.running)

    def kill(self) -> None:
        """Kill it without any warning. Does nothing if it does not run."""
        while self.running:
            process = self.running.pop()
            process.kill()
            process.wait(10)


def process(installed: Installed, folder: Path, identity: str) -> Process:
    """Return an operator that can be started here.

    The same identity after a kill means that the Lease need not expire first; in a cluster a new pod waits
    up to `LEASE_SECONDS` for that.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if name != "KUBECONFIG"},
        **installed.settings(),
        "KUBECONFIG": str(installed.kubeconfig(folder)),
        "BATCHPOINT_OPERATOR_NAMESPACE": NAMESPACE,
        "BATCHPOINT_IDENTITY": identity,
        "BATCHPOINT_HTTP_ADDRESS": "127.0.0.1",
        "BATCHPOINT_HTTP_PORT": "0",
    }
    return Process(environment, folder / f"{identity}.log")
