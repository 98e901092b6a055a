"""The kernel namespaces in which everything of the cluster lives, and the network card into them.

One process holds them: the first of its pid namespace. Everything else is started into them from outside
and becomes its child. Killing it makes the kernel kill every daemon, shim and container, and drop every
mount, network card, bridge and packet filter rule of the cluster; no other clean-up can be as complete.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from cluster import addresses, commands
from cluster.errors import Unavailable
from cluster.paths import State

KINDS = ("--mount", "--net", "--pid", "--uts", "--ipc")

ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
"""All that is handed in: no proxy and no setting of whoever starts the cluster."""

START_SECONDS = 10

HIDDEN = ("/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log/pods", "/var/log/containers")
"""Folders that programs insist on, whatever their settings are. Inside, empty ones in memory take their place."""


def create(state: State) -> None:
    """Make the namespaces and the network between host and node.

    Raises:
        Unavailable: The kernel refused.
    """
    _start(state)
    for command in preparations(state):
        enter(state, command)
    _connect(state)


def preparations(state: State) -> list[list[str]]:
    """Return what is run inside before anything else, in this order."""
    resolver = Path("/etc/resolv.conf").resolve()
    return [
        # Volumes mounted by the kubelet must be seen by containers.
        ["mount", "--make-rshared", "/"],
        ["hostname", addresses.NODE],
        *(["mount", "-t", "tmpfs", "tmpfs", folder] for folder in HIDDEN),
        # The machine's own resolver cannot be reached from here: a pull of an unknown image would
        # wait for it instead of failing at once. Where the file is a link into /run, it is made first.
        ["install", "-D", "/dev/null", str(resolver)]
        if resolver.is_relative_to("/run")
        else ["test", "-e", str(resolver)],
        ["mount", "--bind", str(state.configuration / "resolv.conf"), str(resolver)],
        ["ip", "link", "set", "lo", "up"],
        # Of this network namespace only; the host's stay as they are.
        ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1"],
    ]


def init_process(state: State) -> psutil.Process | None:
    """Return the process that holds the namespaces, None if there is none."""
    try:
        holder = psutil.Process(int(state.init_pid.read_text()))
        # Numbers of processes are given again: only one that names our folder is ours.
        if str(state.root) not in holder.cmdline():
            return None
        inside = holder.children()
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return None
    return inside[0] if inside else None


def enter(state: State, argv: Sequence[str]) -> str:
    """Run a command inside to its end, and return what it prints.

    Raises:
        Unavailable: It failed, or there is no cluster.
    """
    return commands.run(entering(state, argv), environment=ENVIRONMENT)


def entering(state: State, argv: Sequence[str]) -> list[str]:
    """Return the command line that runs another inside."""
    init = init_process(state)
    if init is None:
        raise Unavailable("No cluster is running. Start one with 'make cluster-up'.")
    return ["nsenter", "--target", str(init.pid), *KINDS, *argv]


def remove(state: State) -> None:
    """End every process of the cluster. Does nothing if there is none."""
    init = init_process(state)
    if init is not None:
        holder = init.parent()
        init.kill()
        if holder is not None:
            # It ends after its child, so from here on no process of the cluster is left.
            holder.wait(timeout=START_SECONDS)
    if Path("/sys/class/net", addresses.HOST_CARD).exists():
        commands.run(["ip", "link", "delete", addresses.HOST_CARD])


def _start(state: State) -> None:
    # Bash waits for children that it has not started, too: what the daemons leave behind.
    script = "sleep infinity & wait"
    with (state.logs / "init.log").open("wb") as log:
        holder = subprocess.Popen(
            [
                *("unshare", *KINDS, "--fork", "--kill-child", "--mount-proc"),
                *("--propagation", "private", "bash", "-c", script, "init", str(state.root)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    state.init_pid.write_text(str(holder.pid))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and holder.poll() is None:
        init = init_process(state)
        # Until it has become bash, /proc is not yet that of the new namespace.
        if init is not None and init.name() == "bash":
            return
        time.sleep(0.02)
    said = (state.logs / "init.log").read_text()
    raise Unavailable(f"The namespaces could not be made: {said or 'no answer in time'}")


def _connect(state: State) -> None:
    init = init_process(state)
    if init is None:
        raise Unavailable("The namespaces ended while they were made.")
    host, node = addresses.HOST_CARD, addresses.NODE_CARD
    prefix = addresses.CARD_PREFIX
    for arguments in [
        f"link add {host} type veth peer name {node} netns {init.pid}",
        f"address add {addresses.HOST_IP}/{prefix} dev {host}",
        f"link set {host} up",
    ]:
        commands.run(["ip", *arguments.split()])
    for arguments in [
        f"address add {addresses.NODE_IP}/{prefix} dev {node}",
        f"link set {node} up",
        # Whoever tries the internet is told so at once instead of waiting.
        "route add unreachable default",
        # kube-proxy puts a pod's address in place of a Service's, but only where there is a route at all:
        # the API server asks webhooks so.
        f"route add {addresses.SERVICE_RANGE} dev {node}",
    ]:
        enter(state, ["ip", *arguments.split()])
    for destination in (addresses.POD_RANGE, addresses.SERVICE_RANGE):
        commands.run(["ip", "route", "replace", destination, "via", addresses.NODE_IP])
