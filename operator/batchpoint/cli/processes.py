"""Child processes that never outlive this one, on Linux even when it is killed by SIGKILL.

Children lead process groups of their own, so that Ctrl-C on the terminal reaches this process alone,
which then drains them in good order. On Linux the kernel kills them when this process dies
(PR_SET_PDEATHSIG), and orphans of theirs become our children (PR_SET_CHILD_SUBREAPER), so that they can
be found and ended. Elsewhere both are missing: after a SIGKILL of this process the children notice only
by their closed connections.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal as signals
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

_STDERR = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

CREDENTIALS = ("AWS_", "AZURE_", "GOOGLE_", "MLFLOW_TRACKING_")
"""Variables with these beginnings may hold or point to credentials; user code does not see them."""

KEPT = ("MLFLOW_TRACKING_URI",)
"""An address, no credential."""

_HIDDEN = ("BATCHPOINT_", *CREDENTIALS)


def scorer_environment(environment: Mapping[str, str], own_roots: Sequence[Path]) -> dict[str, str]:
    """Return what user code may see of an environment: no setting of ours, no credential, no code of ours.

    Args:
        environment: Usually this process's own.
        own_roots: Folders from which our packages are imported; taken off PYTHONPATH, since in a cluster
            the user's image does not have them either.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name in KEPT or not name.startswith(_HIDDEN)
    }
    own = {str(root) for root in own_roots}
    paths = [path for path in kept.get("PYTHONPATH", "").split(os.pathsep) if path not in own]
    kept.pop("PYTHONPATH", None)
    if any(paths):
        kept["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return kept


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent has died. Linux only, else without effect."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start(
    command: Sequence[str], environment: Mapping[str, str], *, log: Path | None
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own. Call only from the main thread (see `_die_with_parent`).

    Args:
        command: Program and arguments.
        environment: All that it sees.
        log: Where its stdout and stderr are appended. None: our stderr.
    """
    with contextlib.ExitStack() as stack:
        out: IO[bytes] | int = _STDERR
        if log is not None:
            out = stack.enter_context(log.open("ab"))
        return subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            preexec_fn=_die_with_parent(os.getpid()),
        )


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what a child calls before exec. The kernel watches the *thread* that forked: the main one."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signals.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before the call took effect
            os._exit(1)

    return prepare


def tell(process: subprocess.Popen[bytes] | None, number: int) -> None:
    """Send a signal to one process, if it still runs."""
    if process is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def kill_group(process: subprocess.Popen[bytes] | None) -> None:
    """Kill a child and its process group at once and reap it."""
    if process is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signals.SIGKILL)
    process.wait()


def end_orphans(own: set[int]) -> None:
    """Kill and reap children that we did not start: what a dead worker host has left behind.

    Args:
        own: Process ids of children that stay.
    """
    deadline = time.monotonic() + 2.0
    while orphans := _children() - own:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signals.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        if time.monotonic() > deadline:
            return


def _children() -> set[int]:
    """Return the process ids of this process's children; empty where /proc is missing."""
    found: set[int] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in listing.read_text().split()}
    return found
