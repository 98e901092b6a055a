"""An API server with its database on loopback: no node, no controllers, no rights beyond a user's.

Everything is as in the cluster of `cluster.configuration`, on other ports and in a folder of its own, so that
both may run side by side. Without a controller manager no Job ever gets a pod: what is measured here are
clients of the API server, under the same conditions for all, and nothing that would follow from them.
"""

from __future__ import annotations

import datetime
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster import addresses, binaries, certificates, configuration
from cluster.configuration import Component, Limits
from cluster.paths import State

ETCD = "http://127.0.0.1:12379"
ETCD_PEERS = "http://127.0.0.1:12380"
ETCD_HEALTH = "http://127.0.0.1:12381"
API_PORT = 16443
API_SERVER = f"https://127.0.0.1:{API_PORT}"
START_SECONDS = 60
STOP_SECONDS = 20


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running API server."""

    kubeconfig: Path
    """Of an administrator, who passes every check of rights and every fair share."""
    logs: Path

    def requests(self) -> dict[tuple[str, str], int]:
        """Return the API server's own count of finished requests by verb and resource, since its start."""
        counted: dict[tuple[str, str], int] = {}
        for line in self._get("/metrics").splitlines():
            if line.startswith("apiserver_request_total{"):
                labels, value = line.removeprefix("apiserver_request_total{").rsplit("} ", 1)
                told = dict(pair.split("=", 1) for pair in labels.split(",") if "=" in pair)
                resource = "/".join(
                    part
                    for name in ("resource", "subresource")
                    if (part := told.get(name, "").strip('"'))
                )
                key = told["verb"].strip('"'), resource
                counted[key] = counted.get(key, 0) + int(float(value))
        return counted

    def _get(self, path: str) -> str:
        context = ssl.create_default_context(cafile=str(self._pki / "ca.crt"))
        context.load_cert_chain(self._pki / "admin.crt", self._pki / "admin.key")
        with urllib.request.urlopen(f"{API_SERVER}{path}", context=context) as answer:
            text: bytes = answer.read()
        return text.decode()

    @property
    def _pki(self) -> Path:
        return self.kubeconfig.parent / "pki"


@contextmanager
def running(folder: Path) -> Iterator[ControlPlane]:
    """Have an empty one while the block runs. What was in the folder is removed at the start.

    Raises:
        Unavailable: The binary cannot be built.
        RuntimeError: A component did not start.
    """
    binaries.build([binaries.KUBERNETES])
    shutil.rmtree(folder, ignore_errors=True)
    state = State(folder)
    state.logs.mkdir(parents=True)
    state.programs.mkdir()
    certificates.write(state.certificates, datetime.datetime.now(datetime.UTC))
    state.kubeconfig.write_text(_kubeconfig(state))
    with ExitStack() as stack:
        for component in components(state):
            (state.programs / component.name).symlink_to(binaries.KUBERNETES.path)
            stack.enter_context(_process(state, component))
        yield ControlPlane(state.kubeconfig, state.logs)


def components(state: State) -> tuple[Component, ...]:
    """Return the two processes: those of the cluster with other addresses."""
    known = {each.name: each for each in configuration.components(state, Limits.DEFAULT)}
    return (
        _changed(
            known["etcd"],
            f"{ETCD_HEALTH}/health",
            {
                "--listen-client-urls": ETCD,
                "--advertise-client-urls": ETCD,
                "--listen-peer-urls": ETCD_PEERS,
                "--initial-advertise-peer-urls": ETCD_PEERS,
                "--initial-cluster": f"{addresses.NODE}={ETCD_PEERS}",
                "--listen-metrics-urls": ETCD_HEALTH,
            },
        ),
        _changed(
            known[configuration.API_SERVER],
            f"{API_SERVER}/readyz",
            {
                "--etcd-servers": ETCD,
                "--bind-address": "127.0.0.1",
                "--advertise-address": "127.0.0.1",
                "--secure-port": str(API_PORT),
                # Nobody asks the Service "kubernetes", whose endpoint must not be loopback.
                "--endpoint-reconciler-type": "none",
            },
        ),
    )


def _changed(component: Component, health: str, changes: Mapping[str, str]) -> Component:
    flags = dict(argument.split("=", 1) for argument in component.arguments if "=" in argument)
    bare = [argument for argument in component.arguments if "=" not in argument]
    arguments = (*bare, *(f"{name}={value}" for name, value in {**flags, **changes}.items()))
    return Component(name=component.name, arguments=arguments, health=health)


def _kubeconfig(state: State) -> str:
    files = {path.name: path.read_bytes() for path in state.certificates.iterdir()}
    content = yaml.safe_load(configuration.kubeconfig("admin", files))
    content["clusters"][0]["cluster"]["server"] = API_SERVER
    return yaml.safe_dump(content)


@contextmanager
def _process(state: State, component: Component) -> Iterator[None]:
    log = state.logs / f"{component.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [state.programs / component.name, *component.arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _wait_until_healthy(component, process, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_healthy(component: Component, process: subprocess.Popen[bytes], log: Path) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(component.health, timeout=2, context=context):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{component.name} did not start; see {log}")
