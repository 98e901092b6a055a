"""Says how the running cluster is."""

from __future__ import annotations

import json
from dataclasses import dataclass

import psutil

from cluster import commands, components, paths
from cluster.errors import Unavailable

BYTES_PER_MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentStatus:
    """How one process is."""

    name: str
    pid: int | None
    """As the host numbers it; None if it does not run."""
    memory_bytes: int
    """Resident."""
    is_healthy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How the cluster is."""

    is_complete: bool
    """Whether its start came to the end."""
    version: str | None
    """Of the API server; None if it does not answer."""
    components: tuple[ComponentStatus, ...] = ()
    nodes: tuple[tuple[str, bool], ...] = ()
    """Names of the nodes, and whether each is ready."""

    @property
    def is_healthy(self) -> bool:
        """Whether everything is as it should be."""
        return (
            self.is_complete
            and self.version is not None
            and all(each.is_healthy for each in self.components)
            and bool(self.nodes)
            and all(is_ready for _, is_ready in self.nodes)
        )


def observe() -> Status:
    """Ask every component, and the API server for its nodes."""
    state = paths.state()
    version: str | None = None
    nodes: tuple[tuple[str, bool], ...] = ()
    try:
        version = json.loads(commands.kubectl("version", "--output=json", *_QUICKLY))[
            "serverVersion"
        ]["gitVersion"]
        nodes = _nodes(json.loads(commands.kubectl("get", "nodes", "--output=json", *_QUICKLY)))
    except (Unavailable, KeyError):
        pass
    return Status(
        is_complete=state.complete.exists(),
        version=version,
        nodes=nodes,
        components=() if state.kind.exists() else _components(),
    )


def lines(status: Status) -> list[str]:
    """Return what is printed about the cluster."""
    state = paths.state()
    if not status.is_complete and not status.components:
        return ["No cluster is running. Start one with 'make cluster-up'."]
    return [
        f"Kubernetes  {status.version or 'does not answer'}",
        f"kubeconfig  {state.kubeconfig}",
        *(
            f"node        {name}  {'Ready' if ready else 'NOT READY'}"
            for name, ready in status.nodes
        ),
        *(_line(each) for each in status.components),
        "The cluster is healthy." if status.is_healthy else "The cluster is NOT healthy.",
    ]


_QUICKLY = ("--request-timeout=5s",)


def _line(component: ComponentStatus) -> str:
    if component.pid is None:
        return f"  {component.name:<24} does not run"
    health = "" if component.is_healthy else "  NOT HEALTHY"
    mebibytes = component.memory_bytes // BYTES_PER_MEBIBYTE
    return f"  {component.name:<24} pid {component.pid:<8} {mebibytes:>5} MiB{health}"


def _components() -> tuple[ComponentStatus, ...]:
    try:
        return tuple(map(_component, components.names()))
    except Unavailable:
        return ()


def _component(name: str) -> ComponentStatus:
    process = components.process(name)
    if process is None:
        return ComponentStatus(name=name, pid=None, memory_bytes=0, is_healthy=False)
    try:
        memory = process.memory_info().rss
    except psutil.NoSuchProcess:
        return ComponentStatus(name=name, pid=None, memory_bytes=0, is_healthy=False)
    return ComponentStatus(
        name=name,
        pid=process.pid,
        memory_bytes=memory,
        is_healthy=components.is_healthy(name),
    )


def _nodes(listed: dict[str, list[dict[str, dict[str, object]]]]) -> tuple[tuple[str, bool], ...]:
    found = []
    for node in listed["items"]:
        conditions = node["status"]["conditions"]
        assert isinstance(conditions, list)
        is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
        found.append((str(node["metadata"]["name"]), is_ready))
    return tuple(found)
