"""Enforcement of network policies on the node of the tests.

Its plain bridge carries everything. kube-router here adds what a policy forbids, and does nothing else.
"""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from cluster import addresses, binaries, components, namespaces, paths
from cluster.components import LAUNCHER
from support.local_jobs import wait_until

NAME = "kube-router"
HEALTH_PORT = 20244
SECONDS = 60
CHAINS = ("KUBE-ROUTER", "KUBE-POD-FW", "KUBE-NWPLCY")
"""How the names of its chains begin."""


@contextmanager
def enforcing() -> Iterator[None]:
    """Have policies enforced while the block runs; kind's own network always does."""
    if paths.state().kind.exists():
        yield
        return
    binaries.build([binaries.KUBE_ROUTER])
    _start()
    try:
        wait_until(_is_healthy, "policies are enforced", SECONDS)
        yield
    finally:
        _stop()


def _start() -> None:
    state = paths.state()
    program = state.programs / NAME
    program.unlink(missing_ok=True)
    program.symlink_to(binaries.KUBE_ROUTER.path)
    arguments = [
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--enable-cni=false",
        f"--kubeconfig={state.kubeconfig}",
        f"--hostname-override={addresses.NODE}",
        f"--service-cluster-ip-range={addresses.SERVICE_RANGE}",
        f"--health-port={HEALTH_PORT}",
    ]
    with (state.logs / f"{NAME}.log").open("ab") as log:
        subprocess.run(
            namespaces.entering(state, [*LAUNCHER, str(program), *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=namespaces.ENVIRONMENT,
            check=True,
        )


def _is_healthy() -> bool:
    try:
        address = f"http://{addresses.NODE_IP}:{HEALTH_PORT}/healthz"
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False


def _stop() -> None:
    components.stop(NAME)
    # It leaves its rules, so that nothing is open while it is started anew; its own clean-up finds none.
    own = " ".join(f"-e {chain}" for chain in CHAINS)
    forget = f"iptables-save -t filter | grep -v {own} | iptables-restore"
    namespaces.enter(paths.state(), ["sh", "-c", forget])
