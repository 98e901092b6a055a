"""Processes as the kernel sees them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batchpoint_worker import processes
from support.worker_host import is_running, wait_for

TREE = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "60"])
subprocess.Popen(["sleep", "60"], start_new_session=True)
print("ready", flush=True)
time.sleep(60)
"""


def start_tree() -> subprocess.Popen[bytes]:
    """Start a process with two children, one of them in a session of its own."""
    one = subprocess.Popen(
        [sys.executable, "-c", TREE], stdout=subprocess.PIPE, start_new_session=True
    )
    assert one.stdout is not None
    one.stdout.readline()
    one.stdout.close()
    return one


def test_whole_family_is_found_and_killed() -> None:
    """Whatever session its members have moved to."""
    one = start_tree()
    family = processes.descendants(one.pid)
    processes.kill_family(one.pid)
    assert -signal.SIGKILL == one.wait()
    assert 2 == len(family)
    assert wait_for(lambda: not any(is_running(pid) for pid in family))


def test_spared_processes_live_on() -> None:
    """Whoever is named."""
    one = start_tree()
    spared = processes.descendants(one.pid)[-1:]
    processes.kill_family(one.pid, spare=spared)
    one.wait()
    found = [is_running(pid) for pid in spared]
    for pid in spared:
        processes.kill(pid)
    assert [True] == found


def test_killing_what_is_gone_does_nothing() -> None:
    """Ends race with kills."""
    one = subprocess.Popen(["true"])
    one.wait()
    processes.kill_family(one.pid)


def test_children_are_listed_without_the_dead() -> None:
    """A zombie waits for its parent and needs no killing."""
    alive, dead = subprocess.Popen(["sleep", "60"]), subprocess.Popen(["true"])
    assert wait_for(lambda: dead.pid not in processes.children())
    assert alive.pid in processes.children()
    alive.kill()
    alive.wait()
    dead.wait()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(3)", "ended with exit code 3"),
        ("import os; os.abort()", "was killed by signal 6 (SIGABRT)"),
        ("import os; os.kill(os.getpid(), 40)", "was killed by signal 40"),
    ],
)
def test_end_is_told_in_words(code: str, words: str) -> None:
    """With the signal's name where it has one."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)
    assert processes.how_it_ended(os.waitpid(pid, 0)[1]).startswith(words)


def test_own_memory_is_known_and_that_of_nobody_is_zero() -> None:
    """In bytes."""
    assert 1 << 20 < processes.memory_bytes(os.getpid()) < 1 << 40
    assert 0 == processes.memory_bytes(1 << 30)


def test_some_memory_is_available() -> None:
    """At most what the machine has."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < processes.available_memory_bytes() <= machine


def test_disk_use_counts_what_lies_in_a_folder(tmp_path: Path) -> None:
    """In sub-folders too, links not followed; a missing folder is empty."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(bytes(1 << 20))
    (tmp_path / "link").symlink_to("/usr")
    assert 1 << 20 <= processes.disk_bytes(str(tmp_path)) < 2 << 20
    assert 0 == processes.disk_bytes(str(tmp_path / "missing"))


def test_process_that_lost_its_parent_ends() -> None:
    """Also when the parent had gone before it could ask."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from batchpoint_worker import processes;"
        "processes.die_with_parent(1 << 30); print('still here')"
    )
    root = str(Path(processes.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, check=False)
    assert (1, b"") == (done.returncode, done.stdout)


def test_all_children_of_a_process_are_ended() -> None:
    """Adopted ones included; in a process of its own, for it waits for every child there is."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import subprocess;"
        "from batchpoint_worker import processes; processes.adopt_orphans();"
        "subprocess.run(['sh', '-c', 'setsid sleep 60 & sleep 60 & true']);"
        "before = len(processes.children()); processes.end_children(10);"
        "print(before, len(processes.children()))"
    )
    root = str(Path(processes.__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", program, root], capture_output=True, check=True)
    assert b"2 0\n" == done.stdout


def test_kernels_kills_are_a_count() -> None:
    """Zero where the container does not say."""
    assert processes.kernel_kills() >= 0


def test_flushing_c_streams_is_harmless() -> None:
    """It may be called at any time."""
    processes.flush_c_streams()


@pytest.mark.parametrize(("number", "memory"), [(9, True), (11, False)])
def test_an_unasked_kill_speaks_of_memory(number: int, memory: bool) -> None:
    """The kernel alone kills like that, at the container's limit."""
    code = f"import os; os.kill(os.getpid(), {number})"
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", code], os.environ)
    assert memory is ("memory is used up" in processes.likely_cause(os.waitpid(pid, 0)[1]))
