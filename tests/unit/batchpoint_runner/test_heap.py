"""Memory that many threads have used goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.repository import ROOT

PROGRAM = """
import re, sys, threading
sys.path.insert(0, "runner-image")
from batchpoint_runner import heap
if sys.argv[1] == "small":
    heap.keep_small()
barrier = threading.Barrier(8)
def work():
    barrier.wait()
    parts = [bytes(60_000) for _ in range(200)]
    barrier.wait()
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(re.findall("[0-9a-f]+-[0-9a-f]+ rw-p 0+ 00:00 0 *$", open("/proc/self/maps").read(), re.M)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process's map from /proc")
def test_threads_share_one_arena() -> None:
    """Without it each thread maps an arena of its own, which stays."""

    def mappings(kind: str) -> int:
        command = [sys.executable, "-c", PROGRAM, kind]
        return int(subprocess.check_output(command, cwd=ROOT, text=True))

    assert mappings("small") < mappings("as it comes")
