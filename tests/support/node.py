"""The processes of a container, seen from the machine that is the node.

Signals that a process 1 must not ignore, SIGKILL above all, can only come from outside its pid namespace.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from support.kube import Manifest
from support.site import container


def processes(pod: Manifest, name: str) -> list[psutil.Process]:
    """Return the processes of a container that runs, the oldest first: it is the container's process 1."""
    identity = container(pod, name)["containerID"].rpartition("/")[2]
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if identity in Path(f"/proc/{process.pid}/cgroup").read_text():
                found.append(process)
    return sorted(found, key=lambda process: (process.create_time(), process.pid))


def kill(pod: Manifest, name: str) -> None:
    """Kill process 1 of a container, and the kernel with it all others of it.

    Raises:
        AssertionError: No process of it runs.
    """
    running = processes(pod, name)
    assert running, f"no process of {name} runs in {pod['metadata']['name']}"
    running[0].kill()
