"""Enforcement of network policies on the node of the tests.

Its plain bridge carries everything. kube-router here adds what a policy forbids, and does nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cluster import addresses, binaries, components, namespaces, paths
from cluster.configuration import Component

NAME = "kube-router"
HEALTH_PORT = 20244
CHAINS = ("KUBE-ROUTER", "KUBE-POD-FW", "KUBE-NWPLCY")
"""How the names of its chains begin."""


@contextmanager
def enforcing() -> Iterator[None]:
    """Have policies enforced while the block runs; kind's own network always does."""
    state = paths.state()
    if state.kind.exists():
        yield
        return
    binaries.build([binaries.KUBE_ROUTER])
    program = state.programs / NAME
    program.unlink(missing_ok=True)
    program.symlink_to(binaries.KUBE_ROUTER.path)
    arguments = (
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        "--enable-cni=false",
        f"--kubeconfig={state.kubeconfig}",
        f"--hostname-override={addresses.NODE}",
        f"--service-cluster-ip-range={addresses.SERVICE_RANGE}",
        f"--health-port={HEALTH_PORT}",
    )
    health = f"http://{addresses.NODE_IP}:{HEALTH_PORT}/healthz"
    try:
        with components.extended(Component(name=NAME, arguments=arguments, health=health)):
            yield
    finally:
        _forget_rules()


def _forget_rules() -> None:
    # It leaves them, so that nothing is open while it is started anew; its own clean-up finds none.
    own = " ".join(f"-e {chain}" for chain in CHAINS)
    forget = f"iptables-save -t filter | grep -v {own} | iptables-restore"
    namespaces.enter(paths.state(), ["sh", "-c", forget])
