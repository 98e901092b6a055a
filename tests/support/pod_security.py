"""Kubernetes' own words of what a pod may be, written from its documentation and not from our code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all containers of a pod's spec."""
    return [*pod.get("initContainers", ()), *pod["containers"]]


def violations(pod: dict[str, Any]) -> list[str]:
    """Return what the standard *restricted* forbids in a pod's spec (Pod Security Standards, 1.34)."""
    return [*_of_pod(pod), *(fault for one in containers(pod) for fault in _of(one, pod))]


def _of_pod(pod: dict[str, Any]) -> Iterator[str]:
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    security = pod.get("securityContext", {})
    for name in ("sysctls", "seLinuxOptions", "windowsOptions", "appArmorProfile"):
        if security.get(name):
            yield name
    for volume in pod.get("volumes", ()):
        if not (set(volume) - {"name"}) <= ALLOWED_VOLUMES:
            yield f"volume {volume['name']}"


def _of(container: dict[str, Any], pod: dict[str, Any]) -> Iterator[str]:
    own, whole = container.get("securityContext", {}), pod.get("securityContext", {})
    both = whole | own
    name = container["name"]
    if own.get("privileged") or own.get("procMount", "Default") != "Default":
        yield f"{name}: privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    capabilities = own.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", ()):
        yield f"{name}: capabilities are not dropped"
    if set(capabilities.get("add", ())) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities are added"
    if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
        yield f"{name}: may run as root"
    if both.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{name}: seccompProfile"
    if any(port.get("hostPort") for port in container.get("ports", ())):
        yield f"{name}: hostPort"
    probes = [value for key, value in container.items() if key.endswith("Probe")]
    if any("host" in probe.get("httpGet", {}) for probe in probes):
        yield f"{name}: host of a probe"
