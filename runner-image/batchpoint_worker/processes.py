"""Processes as the kernel sees them: families, memory, disk use, how one ended, how to end all of one.

Linux alone has the system calls that make the guarantees complete (child subreaper, parent-death
signal, ``/proc``). Elsewhere the functions do what they can and say so in what they return.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from typing import Dict, Iterable, List, NamedTuple, Optional, Set

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PAGE_BYTES = resource.getpagesize()
_NO_LIMIT_BYTES = 1 << 60

MEMORY_SHARE = 0.9
"""Of the machine's or the container's memory that all workers together may use by default."""


def _prctl(option: int, value: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def adopt_orphans() -> bool:
    """Make this process the parent of all descendants whose own parent ends. False: not possible."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends; ends it now if that has happened."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def flush_c_streams() -> None:
    """Write out what C code has printed into its own buffers."""
    try:
        import ctypes

        ctypes.CDLL(None).fflush(None)
    except (ImportError, OSError, AttributeError):
        pass


class _Stat(NamedTuple):
    parent: int
    session: int
    is_zombie: bool


def _stat(pid: int) -> Optional[_Stat]:
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            raw = file.read()
    except OSError:
        return None
    # The name in brackets may itself hold brackets and spaces, so read on after the last one.
    fields = raw[raw.rindex(b")") + 2 :].split()
    return _Stat(int(fields[1]), int(fields[3]), fields[0] in (b"Z", b"X"))


def _all() -> Dict[int, _Stat]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return {}
    found = {}
    for name in names:
        if name.isdigit():
            one = _stat(int(name))
            if one is not None:
                found[int(name)] = one
    return found


def descendants(root: int) -> List[int]:
    """Return the pids below ``root``, whatever session they are in; its own session's members too."""
    table = _all()
    family: Set[int] = {root}
    grew = True
    while grew:
        more = {
            pid
            for pid, one in table.items()
            if pid not in family and (one.parent in family or one.session == root)
        }
        family |= more
        grew = bool(more)
    return sorted(family - {root})


def children() -> List[int]:
    """Return the pids of this process's direct children, adopted ones included, no zombies."""
    me = os.getpid()
    try:
        with open("/proc/self/task/%d/children" % me, "rb") as file:
            listed = [int(one) for one in file.read().split()]
    except OSError:
        return [p for p, one in _all().items() if one.parent == me and not one.is_zombie]
    alive = [(pid, _stat(pid)) for pid in listed]
    return [pid for pid, one in alive if one is not None and not one.is_zombie]


def kill(pid: int) -> None:
    """Send SIGKILL to one process; nothing happens when it is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def kill_family(pid: int, spare: Iterable[int] = ()) -> None:
    """Kill the process, its group, and every descendant, those in sessions of their own included."""
    spared = set(spare)
    below = [one for one in descendants(pid) if one not in spared]
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    for one in [pid] + below:
        kill(one)


def memory_bytes(pid: int) -> int:
    """Return the resident memory of a process; 0 when it is gone or the system does not say."""
    try:
        with open("/proc/%d/statm" % pid, "rb") as file:
            return int(file.read().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def available_memory_bytes() -> int:
    """Return the memory limit of this container, else that of the machine; 0 when neither is known."""
    limits = [_number(path) for path in _limit_files()]
    limits.append(_machine_memory_bytes())
    known = [one for one in limits if one is not None and 0 < one < _NO_LIMIT_BYTES]
    return min(known) if known else 0


def _limit_files() -> List[str]:
    paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
    try:
        with open("/proc/self/cgroup") as file:
            lines = file.read().splitlines()
    except OSError:
        return paths
    for line in lines:
        if line.startswith("0::/"):
            parts = [part for part in line[4:].split("/") if part]
            for depth in range(1, len(parts) + 1):
                paths.append("/".join(["/sys/fs/cgroup"] + parts[:depth] + ["memory.max"]))
    return paths


def _machine_memory_bytes() -> Optional[int]:
    try:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE_BYTES
    except (ValueError, OSError):
        return None


def _number(path: str) -> Optional[int]:
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def kernel_kills() -> int:
    """Return how many processes of this container the kernel has killed for memory; 0 if unknown."""
    try:
        with open("/sys/fs/cgroup/memory.events") as file:
            for line in file:
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def disk_bytes(folder: str) -> int:
    """Return what lies in a folder, in bytes on disk; 0 when it does not exist. Follows no links."""
    total = 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
        except OSError:
            continue
    return total


def how_it_ended(status: int) -> str:
    """Say in words what a wait status means: ``was killed by signal 11 (SIGSEGV)``."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = "unknown"
        return "was killed by signal %d (%s)" % (number, name)
    return "ended with exit code %d" % os.WEXITSTATUS(status)


def likely_cause(status: int) -> str:
    """Return the rest of a sentence about a process that nobody of ours killed; empty if none is likely."""
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return "; often the kernel does that when memory is used up"
    return ""


def end_children(seconds: float) -> None:
    """Kill every child, adopted ones included, and wait for their ends, at most ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for pid in children():
            kill_family(pid)
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.005)
        except ChildProcessError:
            return
