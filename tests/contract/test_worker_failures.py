"""Whatever user code does to its worker costs one attempt, and leaves no process behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import worker_host
from support.worker_host import FakeRunner

PREAMBLE = """
import ctypes, glob, os, signal, subprocess, sys, time

def run(mini_batch):
    name = os.path.basename(mini_batch[0])
    if name != "bad":
        return [name]
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[FakeRunner]:
    """A runner whose host is ended after the test."""
    with worker_host.runner(tmp_path) as one:
        yield one


def start(runner: FakeRunner, misdeed: str, **setup: object) -> None:
    """Start a host with a script that misbehaves on the file ``bad``."""
    lines = [f"    {line}" for line in misdeed.strip().splitlines()]
    runner.script(PREAMBLE + "\n".join(lines))
    runner.start()
    runner.setup(**setup)
    runner.ready()


MISDEEDS = {
    "segmentation fault": ("ctypes.string_at(0)", "Died", "signal 11 (SIGSEGV)"),
    "abort": ("os.abort()", "Died", "signal 6 (SIGABRT)"),
    "os._exit": ("os._exit(3)", "Died", "exit code 3"),
    "exit code 0": ("os._exit(0)", "Died", "exit code 0"),
    "sys.exit": ("sys.exit(4)", "Failed", "sys.exit(4)"),
    "SIGKILL": ("os.kill(os.getpid(), signal.SIGKILL)", "Died", "signal 9 (SIGKILL)"),
    "exception": ("raise ValueError('no such column')", "Failed", "no such column"),
    "recursion": ("run(mini_batch)", "Failed", "recursion"),
    "nothing returned": ("return None", "Failed", "run returned None"),
    "a string returned": ("return 'text'", "Failed", "str"),
    "unwritable objects": (
        "class Odd:\n    def __str__(self): raise OSError('odd')\n    __repr__ = __str__\n"
        "return [Odd()]",
        "Failed",
        "odd",
    ),
    "connection closed": ("os.closerange(3, 256); time.sleep(60)", "Died", "connection"),
    "garbage on the connection": (
        "for fd in range(3, 64):\n"
        "    try: os.write(fd, b'x' * 100)\n"
        "    except OSError: pass\n"
        "time.sleep(60)",
        "Died",
        "connection",
    ),
}


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_misdeed_costs_one_attempt(runner: FakeRunner, misdeed: str, init_mode: str) -> None:
    """The attempt fails in words, and the next mini-batch is scored."""
    source, outcome, words = MISDEEDS[misdeed]
    start(runner, source, init_mode=init_mode)
    bad = runner.score("bad")
    good = runner.score("good")
    assert (outcome, "Succeeded") == (bad["outcome"], good["outcome"])
    assert words in bad["error"]["message"]


@pytest.mark.parametrize(
    "hang",
    ["while True: pass", "ctypes.PyDLL(None).sleep(600)", "signal.pause()"],
    ids=["loop", "C code that holds the interpreter lock", "sleep"],
)
def test_hang_is_stopped_at_the_timeout(runner: FakeRunner, hang: str) -> None:
    """No code can keep its worker longer than the timeout, and the error says where it hung."""
    start(runner, hang)
    bad = runner.score("bad", timeout_seconds=0.5)
    good = runner.score("good")
    assert ("TimedOut", "Succeeded") == (bad["outcome"], good["outcome"])
    assert "run() took longer than 0.5 seconds and was stopped" in bad["error"]["message"]
    assert "score.py" in bad["error"]["traceback"]
    assert "batchpoint_worker" not in bad["error"]["traceback"]


def test_signals_that_are_ignored_do_not_help(runner: FakeRunner) -> None:
    """A worker is killed by the one signal that cannot be caught."""
    catch = "for n in range(1, 32):\n    try: signal.signal(n, signal.SIG_IGN)\n    except OSError: pass\n"
    start(runner, catch + "while True: pass")
    assert "TimedOut" == runner.score("bad", timeout_seconds=0.5)["outcome"]
    assert "Succeeded" == runner.score("good")["outcome"]


def test_crash_in_native_code_comes_with_its_stack(runner: FakeRunner) -> None:
    """What the worker wrote while it died is the error's traceback."""
    start(runner, "ctypes.string_at(0)")
    error = runner.score("bad")["error"]
    assert "Segmentation fault" in error["traceback"]
    assert "score.py" in error["traceback"]


def test_traceback_starts_with_the_users_own_code(runner: FakeRunner) -> None:
    """The place in the script stands on the first line, our frames nowhere."""
    start(runner, "import json\njson.loads('{')")
    error = runner.score("bad")["error"]
    assert error["traceback"].startswith("Raised at score.py, line ")
    assert "json/decoder.py" in error["traceback"]
    assert "batchpoint_worker" not in error["traceback"]


CHILDREN = """
def child(own_session):
    if os.fork() == 0:
        if own_session:
            os.setsid()
        with open(os.path.dirname(mini_batch[0]) + ".%d" % os.getpid(), "w"):
            time.sleep(600)
child(False)
child(True)
subprocess.Popen(["sleep", "600"], start_new_session=True)
"""


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
@pytest.mark.parametrize(
    "end", ["time.sleep(600)", "os._exit(1)", "os.kill(os.getpid(), signal.SIGSEGV)"]
)
def test_no_child_outlives_its_worker(runner: FakeRunner, end: str, init_mode: str) -> None:
    """Children in the worker's group and in sessions of their own end with it."""
    start(runner, CHILDREN + end, init_mode=init_mode)
    before = {one.pid for one in runner.family()}
    task = runner.task("bad", timeout_seconds=1.5)
    started: set[int] = set()
    worker_host.wait_for(
        lambda: started.update({one.pid for one in runner.family()} - before) or len(started) >= 3,
        1,
    )
    runner.result(task)
    runner.score("good")
    replaced = {one.pid for one in runner.family() if one.name() != "sleep"}
    assert worker_host.wait_for(lambda: all(one.name() != "sleep" for one in runner.family()))
    limit = 1 if init_mode == "Spawn" else 2
    assert worker_host.wait_for(lambda: len(runner.family()) == limit), replaced
    still = [pid for pid in started if worker_host.is_running(pid)]
    assert [] == [pid for pid in still if pid not in {one.pid for one in runner.family()}]


def test_forgotten_fork_does_not_answer_for_its_parent(runner: FakeRunner) -> None:
    """A child that returns from run() ends there; the parent's rows are the rows."""
    start(runner, "os.fork()\nreturn ['once']")
    assert b'{"value":"once"}\n' == runner.body(runner.score("bad")["task"])
    assert "Succeeded" == runner.score("good")["outcome"]


def test_leak_is_stopped_at_the_memory_limit(runner: FakeRunner) -> None:
    """A worker that grows beyond its memory is killed; the machine is not."""
    leak = "held = []\nwhile True:\n    held.append(bytearray(8 << 20))\n    time.sleep(0.01)"
    start(runner, leak, worker_memory_bytes=200 << 20)
    bad = runner.score("bad", timeout_seconds=60)
    assert "OutOfMemory" == bad["outcome"]
    assert "more than its 200.0 MiB" in bad["error"]["message"]
    assert "Succeeded" == runner.score("good")["outcome"]


def test_disk_use_is_stopped_at_its_limit(runner: FakeRunner) -> None:
    """What a worker writes to its private folders is bounded, and removed afterwards."""
    write = "with open('big', 'wb') as file:\n    while True:\n        file.write(bytes(1 << 20))\n        file.flush()\n        time.sleep(0.01)"
    start(runner, write, worker_disk_bytes=20 << 20)
    bad = runner.score("bad", timeout_seconds=60)
    assert "DiskFull" == bad["outcome"]
    assert "Succeeded" == runner.score("good")["outcome"]
    assert [] == list(runner.scratch.rglob("big"))


def test_flood_of_output_is_counted_not_kept(runner: FakeRunner) -> None:
    """200 MB of prints leave a small log that says how much was dropped."""
    start(runner, "for _ in range(200): print('x' * (1 << 20))\nreturn ['done']")
    assert "Succeeded" == runner.score("bad", timeout_seconds=60)["outcome"]
    log = runner.log()
    assert len(log) < 2 << 20
    assert "… 209 MB more were printed and dropped" in log


def test_host_uses_little_memory_for_a_flood(runner: FakeRunner) -> None:
    """What is printed passes through; it does not pile up."""
    start(runner, "for _ in range(100): print('x' * (1 << 20))\nreturn ['done']")
    runner.score("bad", timeout_seconds=60)
    assert runner.process is not None
    status = Path(f"/proc/{runner.process.pid}/status").read_text()
    peak = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    assert peak < 100 * 1024


def test_killing_the_fork_server_costs_one_attempt(runner: FakeRunner) -> None:
    """User code that kills its parent is found out at the second time, its neighbours are excused."""
    start(runner, "os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)", init_mode="Fork")
    assert "Died" == runner.score("bad")["outcome"]
    assert "Succeeded" == runner.score("good")["outcome"]


def test_neighbours_finish_while_one_worker_hangs(runner: FakeRunner) -> None:
    """A hanging worker holds up nobody else."""
    start(runner, "time.sleep(600)", workers=2)
    bad = runner.task("bad", timeout_seconds=3)
    results = [runner.score(f"good{number}")["outcome"] for number in range(20)]
    assert ["Succeeded"] * 20 == results
    assert bad in {one["task"] for one in [runner.result(bad)]}


def test_abandoned_task_gives_no_result(runner: FakeRunner) -> None:
    """Its worker is killed, waiting tasks are forgotten, and others go on."""
    start(runner, "time.sleep(600)")
    running, waiting = runner.task("bad"), runner.task("also-waiting")
    for task in (waiting, running):
        runner.send({"type": "abandon", "task": task})
    assert "Succeeded" == runner.score("good")["outcome"]
    answered = {head["task"] for head in runner.seen if head["type"] == "result"}
    assert set() == answered & {running, waiting}


def test_failed_attempt_leaves_no_task_folder(runner: FakeRunner) -> None:
    """Rows and files of a failed attempt are gone when the result comes."""
    start(runner, "open(os.environ['AZUREML_BI_OUTPUT_PATH'] + '/f', 'w').close()\nos._exit(1)")
    runner.score("bad")
    assert [] == os.listdir(runner.scratch / "tasks")
