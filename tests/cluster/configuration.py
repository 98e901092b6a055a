"""Every configuration file and every command line of the cluster, as pure functions of where it lies.

Nothing here is for speed at the expense of being real, with two exceptions. The database does not wait for
the disk. And the controller manager's own limit of requests is raised, because with the default its
controllers start one after the other, and a Job waits seconds for its pods (see `Limits`).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import yaml

from cluster import addresses
from cluster.paths import State

CLIENTS = ("kube-controller-manager", "kube-proxy", "kube-scheduler", "kubelet")
"""Components that connect to the API server, each as itself."""

PROGRAMS_OF_KUBERNETES = (
    *("coredns", "etcd", "kube-apiserver", "kube-controller-manager"),
    *("kube-proxy", "kube-scheduler", "kubectl", "kubelet"),
)
"""What ``programs/kubernetes/main.go`` is, each by a link of its name."""

CONTAINERD = "containerd"
API_SERVER = "kube-apiserver"
"""Components on which others wait."""

PAUSE_IMAGE = "localhost/pause:1"
PLUGINS = "/usr/lib/cni"
"""Where Debian puts the programs that connect a pod to the network."""


class Limits(Enum):
    """How many requests a second the controller manager may make: its default, or enough for tests."""

    DEFAULT = ()
    RAISED = ("--kube-api-qps=200", "--kube-api-burst=400")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """A process of the cluster."""

    name: str
    arguments: tuple[str, ...]
    health: str
    """An address that answers with 200 when it can do its work."""
    program: str | None = None
    """What is run, if that is not the link of the component's name."""


def components(state: State, limits: Limits) -> tuple[Component, ...]:
    """Return every process in the order in which they start; each needs those before it."""
    return (
        _containerd(state),
        _etcd(state),
        _api_server(state),
        _controller_manager(state, limits),
        Component(
            name="kube-scheduler",
            arguments=(
                f"--kubeconfig={_kubeconfig(state, 'kube-scheduler')}",
                "--leader-elect=false",
            ),
            health=f"https://{addresses.NODE_IP}:10259/healthz",
        ),
        Component(
            name="coredns",
            arguments=("-conf", str(state.configuration / "Corefile")),
            health=f"http://{addresses.NODE_IP}:8181/ready",
        ),
        _proxy(state),
        _kubelet(state),
    )


def files(state: State) -> dict[Path, str]:
    """Return the text of every configuration file by its path; certificates must be there."""
    folder = state.configuration
    certificates = _read_certificates(state.certificates)
    return {
        state.kubeconfig: kubeconfig("admin", certificates),
        **{
            _kubeconfig(state, client): kubeconfig(client, certificates)
            for client in (*CLIENTS, "admin")
        },
        folder / "containerd.toml": containerd(state),
        folder / "Corefile": corefile(state),
        folder / "kubelet.yaml": yaml.safe_dump(kubelet(state)),
        folder / "resolv.conf": f"nameserver {addresses.NODE_IP}\n",
        **{folder / "cni" / name: json.dumps(network) for name, network in networks(state).items()},
    }


def kubeconfig(client: str, certificates: Mapping[str, bytes]) -> str:
    """Return the file with which a client connects; it needs no other file."""

    def encoded(name: str) -> str:
        return base64.b64encode(certificates[name]).decode()

    name = addresses.NODE
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": client}}],
            "clusters": [
                {
                    "name": name,
                    "cluster": {
                        "server": addresses.API_SERVER,
                        "certificate-authority-data": encoded("ca.crt"),
                    },
                }
            ],
            "users": [
                {
                    "name": client,
                    "user": {
                        "client-certificate-data": encoded(f"{client}.crt"),
                        "client-key-data": encoded(f"{client}.key"),
                    },
                }
            ],
        }
    )


def containerd(state: State) -> str:
    """Return the configuration of the container runtime, with everything it keeps below the state."""
    snapshotters = ", ".join(
        f'"io.containerd.snapshotter.v1.{name}"' for name in ("aufs", "btrfs", "devmapper", "zfs")
    )
    return f"""\
version = 2
root = "{state.root}/containerd"
state = "{state.sockets}/containerd"
# The last would make a folder in /opt.
disabled_plugins = [{snapshotters}, "io.containerd.internal.v1.opt"]

[grpc]
address = "{state.containerd_socket}"

[metrics]
address = "{addresses.NODE_IP}:1338"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Without the right to lower the score of the out-of-memory killer, no pod would start.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{PLUGINS}"
conf_dir = "{state.configuration}/cni"
"""


def networks(state: State) -> dict[str, object]:
    """Return how pods are connected, by name of file: a bridge of this one node, and loopback."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        # A pod may reach itself through its Service.
        "hairpinMode": True,
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "dataDir": str(state.sockets / "ipam"),
            "ranges": [[{"subnet": addresses.POD_RANGE}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    return {
        "10-pods.conflist": {
            "cniVersion": "0.4.0",
            "name": "pods",
            "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}}],
        },
        "99-loopback.conf": {"cniVersion": "0.4.0", "name": "loopback", "type": "loopback"},
    }


def corefile(state: State) -> str:
    """Return the configuration of the name server: Services, and at once no for anything else."""
    # Two servers, as within one the template would answer before Services are looked up.
    return f"""\
{addresses.DOMAIN} in-addr.arpa ip6.arpa {{
    bind {addresses.NODE_IP}
    errors
    ready {addresses.NODE_IP}:8181
    kubernetes {{
        kubeconfig {_kubeconfig(state, "admin")}
        pods insecure
        ttl 5
    }}
    cache 5
}}
. {{
    bind {addresses.NODE_IP}
    errors
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def kubelet(state: State) -> dict[str, object]:
    """Return the configuration of the kubelet."""
    certificates = state.certificates
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificates / "kubelet.crt"),
        "tlsPrivateKeyFile": str(certificates / "kubelet.key"),
        "healthzBindAddress": addresses.NODE_IP,
        "containerRuntimeEndpoint": f"unix://{state.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{addresses.NODE}",
        # True by default from 1.35 on.
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": addresses.DOMAIN,
        "clusterDNS": [addresses.NODE_IP],
        "resolvConf": str(state.configuration / "resolv.conf"),
        "podLogsDir": str(state.root / "pods"),
        # The default would be made on the machine.
        "volumePluginDir": str(state.root / "volume-plugins"),
        "enableControllerAttachDetach": False,
        "maxPods": 250,
        # A disk that is nearly full is no reason to fail a test.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "50Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "syncFrequency": "10s",
    }


def _containerd(state: State) -> Component:
    return Component(
        name=CONTAINERD,
        program="containerd",
        arguments=("--config", str(state.configuration / "containerd.toml")),
        health=f"http://{addresses.NODE_IP}:1338/v1/metrics",
    )


def _etcd(state: State) -> Component:
    clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return Component(
        name="etcd",
        arguments=(
            f"--name={addresses.NODE}",
            f"--data-dir={state.root / 'etcd'}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster={addresses.NODE}={peers}",
            f"--listen-metrics-urls=http://{addresses.NODE_IP}:2381",
            "--unsafe-no-fsync",
        ),
        health=f"http://{addresses.NODE_IP}:2381/health",
    )


def _api_server(state: State) -> Component:
    certificates = state.certificates
    return Component(
        name=API_SERVER,
        arguments=(
            "--etcd-servers=http://127.0.0.1:2379",
            "--bind-address=0.0.0.0",
            f"--secure-port={addresses.API_PORT}",
            f"--advertise-address={addresses.NODE_IP}",
            f"--tls-cert-file={certificates / 'kube-apiserver.crt'}",
            f"--tls-private-key-file={certificates / 'kube-apiserver.key'}",
            f"--client-ca-file={certificates / 'ca.crt'}",
            f"--service-account-issuer=https://kubernetes.default.svc.{addresses.DOMAIN}",
            f"--service-account-key-file={certificates / 'service-accounts.pub'}",
            f"--service-account-signing-key-file={certificates / 'service-accounts.key'}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--service-cluster-ip-range={addresses.SERVICE_RANGE}",
            f"--kubelet-client-certificate={certificates / 'kube-apiserver-kubelet-client.crt'}",
            f"--kubelet-client-key={certificates / 'kube-apiserver-kubelet-client.key'}",
            f"--kubelet-certificate-authority={certificates / 'ca.crt'}",
            "--kubelet-preferred-address-types=InternalIP",
        ),
        health=f"{addresses.API_SERVER}/readyz",
    )


def _controller_manager(state: State, limits: Limits) -> Component:
    certificates = state.certificates
    return Component(
        name="kube-controller-manager",
        arguments=(
            f"--kubeconfig={_kubeconfig(state, 'kube-controller-manager')}",
            "--leader-elect=false",
            f"--root-ca-file={certificates / 'ca.crt'}",
            f"--service-account-private-key-file={certificates / 'service-accounts.key'}",
            "--use-service-account-credentials",
            f"--cluster-cidr={addresses.POD_RANGE}",
            # The default would be made on the machine.
            f"--flex-volume-plugin-dir={state.root / 'volume-plugins'}",
            *limits.value,
        ),
        health=f"https://{addresses.NODE_IP}:10257/healthz",
    )


def _proxy(state: State) -> Component:
    return Component(
        name="kube-proxy",
        arguments=(
            f"--kubeconfig={_kubeconfig(state, 'kube-proxy')}",
            f"--hostname-override={addresses.NODE}",
            f"--cluster-cidr={addresses.POD_RANGE}",
            "--proxy-mode=iptables",
            # Zero leaves a setting of the machine alone.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
        ),
        health=f"http://{addresses.NODE_IP}:10256/healthz",
    )


def _kubelet(state: State) -> Component:
    return Component(
        name="kubelet",
        arguments=(
            f"--config={state.configuration / 'kubelet.yaml'}",
            f"--kubeconfig={_kubeconfig(state, 'kubelet')}",
            f"--hostname-override={addresses.NODE}",
            f"--node-ip={addresses.NODE_IP}",
            f"--root-dir={state.root / 'kubelet'}",
            f"--cert-dir={state.certificates}",
        ),
        health=f"http://{addresses.NODE_IP}:10248/healthz",
    )


def _kubeconfig(state: State, client: str) -> Path:
    return state.configuration / f"{client}.kubeconfig"


def _read_certificates(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}
