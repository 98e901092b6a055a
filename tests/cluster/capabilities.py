"""Whether this machine can run a node, tried rather than guessed, and what to do where it cannot."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster import commands, host, packages
from cluster.errors import Unavailable

UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork")

KERNEL_ADVICE = "Use a kernel that has it, or a machine with a container engine and kind."


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Something that the kernel must permit."""

    need: str
    script: str
    """What only works if it does; run in namespaces of its own, in an empty folder."""
    advice: str = KERNEL_ADVICE


PROBES = (
    Probe(
        need="the rights to make namespaces (CAP_SYS_ADMIN)",
        script="true",
        advice="Run as root, outside of an unprivileged container.",
    ),
    Probe(
        need="the rights to set up a network (CAP_NET_ADMIN)",
        script="ip link set lo up",
        advice="Run as root, outside of an unprivileged container.",
    ),
    Probe(
        need="overlay file systems below the cluster's folder",
        script="mkdir lower upper work all && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay all",
        advice="Set BATCHPOINT_CLUSTER_DIR to a folder on a plain file system such as ext4.",
    ),
    Probe(
        need="pairs of virtual network cards (veth)",
        script="ip link add one type veth peer name other",
    ),
    Probe(need="network bridges", script="ip link add one type bridge"),
    Probe(
        need="packet filtering of bridges (br_netfilter)",
        script="sysctl -q net.bridge.bridge-nf-call-iptables",
        advice=f"Load the module: modprobe br_netfilter. {KERNEL_ADVICE}",
    ),
    Probe(
        need="address translation (iptables)", script="iptables -t nat -A POSTROUTING -j MASQUERADE"
    ),
)


def check(folder: Path) -> None:
    """Make sure that a node can run here, with its files in a folder.

    Raises:
        Unavailable: It cannot; the message lists everything that is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    problems = lacking(
        is_root=os.geteuid() == 0,
        programs=packages.missing(),
        has_control_groups=bool(host.hierarchies(host.GROUPS)),
        permits=lambda probe: _permits(probe, folder),
    )
    if problems:
        raise Unavailable("\n".join(["A cluster cannot run on this machine:", *problems]))


def lacking(
    *,
    is_root: bool,
    programs: Mapping[str, str],
    has_control_groups: bool,
    permits: Callable[[Probe], bool],
) -> list[str]:
    """Return a line for everything that is missing, with what to do about it.

    Args:
        is_root: Whether this process is root's; without, nothing else is tried.
        programs: Packages of programs that are missing, by program.
        has_control_groups: Whether any hierarchy of control groups is mounted.
        permits: Tries a probe.
    """
    if not is_root:
        return [
            "- It needs root: containers, mounts and networks are made. Run it with sudo, or use kind."
        ]
    if programs:
        names = ", ".join(programs)
        wanted = " ".join(sorted(set(programs.values())))
        return [f"- Programs are missing: {names}. Install them: apt-get install {wanted}"]
    problems = [
        f"- The machine does not offer {probe.need}. {probe.advice}"
        for probe in PROBES
        if not permits(probe)
    ]
    if not has_control_groups:
        problems.append(f"- No control groups are mounted at {host.GROUPS}. {KERNEL_ADVICE}")
    return problems


def _permits(probe: Probe, folder: Path) -> bool:
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-") as temporary:
        script = f"cd {temporary} && {probe.script}"
        try:
            commands.run([*UNSHARE, "bash", "-c", script])
        except Unavailable:
            return False
        return True
