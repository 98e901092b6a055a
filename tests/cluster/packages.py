"""Programs of the distribution for a node and for making images, and their installation where possible."""

from __future__ import annotations

import os
import shutil

from cluster import commands, configuration

PACKAGES = {
    "/bin/busybox": "busybox-static",
    "bash": "bash",
    "buildah": "buildah",
    "conntrack": "conntrack",
    "containerd": "containerd",
    "ctr": "containerd",
    "debootstrap": "debootstrap",
    "install": "coreutils",
    "ip": "iproute2",
    "ipset": "ipset",
    "iptables": "iptables",
    "mount": "mount",
    "nsenter": "util-linux",
    "runc": "runc",
    "sysctl": "procps",
    "unshare": "util-linux",
    f"{configuration.PLUGINS}/bridge": "containernetworking-plugins",
}
"""The Debian package of each program, by its name or path."""


def missing() -> dict[str, str]:
    """Return the packages of programs that are not there, by program."""
    return {program: package for program, package in PACKAGES.items() if not shutil.which(program)}


def install() -> None:
    """Install what is missing, where apt is there and permitted; otherwise do nothing.

    Raises:
        Unavailable: apt failed.
    """
    packages = sorted(set(missing().values()))
    if not packages or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    print(f"installing {', '.join(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
    commands.run([*apt, "update"], environment=environment)
    commands.run([*apt, "install", "--no-install-recommends", *packages], environment=environment)
