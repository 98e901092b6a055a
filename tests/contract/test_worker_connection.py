"""The worker host and its runner: coming, going, coming back, signals, and the end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from batchpoint_worker import wire
from support import worker_host
from support.worker_host import FakeRunner

SLOW = """
import os, time
def run(mini_batch):
    flag = os.path.dirname(__file__) + "/go"
    while mini_batch[0].endswith("slow") and not os.path.exists(flag): time.sleep(0.01)
    return [os.getpid()]
def shutdown():
    open(os.path.dirname(__file__) + "/left-%d" % os.getpid(), "w").close()
    if os.path.exists(os.path.dirname(__file__) + "/stuck"): time.sleep(600)
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[FakeRunner]:
    """A runner with the script above, whose host is ended after the test."""
    with worker_host.runner(tmp_path) as one:
        one.script(SLOW)
        yield one


def test_hello_says_who_is_there(runner: FakeRunner) -> None:
    """Version of the protocol, process, Python, and nothing in hand."""
    runner.start()
    assert runner.process is not None
    assert (wire.VERSION, runner.process.pid, []) == (
        runner.hello["version"],
        runner.hello["pid"],
        runner.hello["in_hand"],
    )


def test_same_setup_keeps_the_workers(runner: FakeRunner) -> None:
    """A runner that restarts finds the loaded models, and gets what was finished meanwhile."""
    runner.start()
    setup = runner.setup()
    pid = runner.body(runner.score("a")["task"])
    slow = runner.task("slow")
    time.sleep(0.2)
    runner.vanish()
    (runner.code / "go").touch()
    time.sleep(0.3)
    runner.listen()
    runner.accept()
    assert [slow] == runner.hello["in_hand"]
    runner.setup(**setup)
    assert "Succeeded" == runner.result(slow)["outcome"]
    assert pid == runner.body(slow) == runner.body(runner.score("b")["task"])


def test_other_setup_starts_other_workers(runner: FakeRunner) -> None:
    """What was in hand is forgotten."""
    runner.start()
    runner.setup()
    pid = runner.body(runner.score("a")["task"])
    slow = runner.task("slow")
    runner.vanish()
    runner.listen()
    runner.accept()
    runner.setup(environment={"NEW": "1"})
    assert pid != runner.body(runner.score("b")["task"])
    assert slow not in {head["task"] for head in runner.seen if head["type"] == "result"}


def test_task_that_comes_twice_runs_once(runner: FakeRunner) -> None:
    """A runner that is not sure may send it again."""
    runner.start()
    runner.setup()
    slow = runner.task("slow")
    runner._tasks -= 1
    assert slow == runner.task("slow")
    (runner.code / "go").touch()
    runner.result(slow)
    runner.score("b")
    assert 1 == sum(1 for head in runner.seen if head.get("task") == slow)


def test_host_leaves_when_the_runner_stays_away(runner: FakeRunner) -> None:
    """With code 1, and no process is left."""
    runner.start("--lost-seconds", "1")
    runner.setup()
    runner.ready()
    family = [one.pid for one in runner.family()]
    runner.vanish()
    assert runner.process is not None
    assert 1 == runner.process.wait(30)
    assert [] == [pid for pid in family if worker_host.is_running(pid)]


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_exit_lets_idle_workers_shut_down(runner: FakeRunner, init_mode: str) -> None:
    """Each calls shutdown(), busy ones are killed, the code is the runner's."""
    runner.start()
    runner.setup(workers=3, init_mode=init_mode)
    for _ in range(3):
        runner.ready()
    runner.task("slow")
    time.sleep(0.3)
    family = [one.pid for one in runner.family()]
    assert 42 == runner.leave(42)
    assert 2 == len(list(runner.code.glob("left-*")))
    assert [] == [pid for pid in family if worker_host.is_running(pid)]


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_dismissed_workers_leave_before_their_host(runner: FakeRunner, init_mode: str) -> None:
    """Each calls shutdown(), and no process of user code is left; the host waits for its code."""
    runner.start()
    runner.setup(workers=2, init_mode=init_mode)
    for _ in range(2):
        runner.ready()
    runner.send({"type": "dismiss"})
    assert worker_host.wait_for(lambda: not runner.family())
    assert 2 == len(list(runner.code.glob("left-*")))
    assert 42 == runner.leave(42)


def test_exit_leaves_dismissed_workers_their_time(runner: FakeRunner) -> None:
    """It comes as soon as the runner has merged, and cuts no shutdown() short."""
    (runner.code / "stuck").touch()
    runner.start()
    runner.setup()
    runner.ready()
    started = time.monotonic()
    runner.send({"type": "dismiss"})
    assert 0 == runner.leave()
    assert 4 < time.monotonic() - started < 9


def test_workers_start_anew_for_a_runner_that_comes_after_their_dismissal(
    runner: FakeRunner,
) -> None:
    """The one that dismissed them died before the job was decided."""
    runner.start()
    setup = runner.setup()
    pid = runner.body(runner.score("a")["task"])
    runner.send({"type": "dismiss"})
    assert worker_host.wait_for(lambda: not runner.family())
    runner.vanish()
    runner.listen()
    runner.accept()
    runner.setup(**setup)
    assert pid != runner.body(runner.score("b")["task"])


def test_shutdown_that_hangs_is_cut_short(runner: FakeRunner) -> None:
    """All have five seconds, at the same time."""
    (runner.code / "stuck").touch()
    runner.start()
    runner.setup(workers=2)
    for _ in range(2):
        runner.ready()
    started = time.monotonic()
    assert 0 == runner.leave()
    assert time.monotonic() - started < 9


def test_exit_before_setup_is_obeyed(runner: FakeRunner) -> None:
    """A job may end before anything was loaded."""
    runner.start()
    assert 13 == runner.leave(13)


def test_first_sigterm_is_told_to_the_runner(runner: FakeRunner) -> None:
    """It drains: mini-batches go on, and the host waits for its code."""
    runner.start()
    runner.setup()
    runner.ready()
    slow = runner.task("slow")
    assert runner.process is not None
    runner.process.send_signal(signal.SIGTERM)
    runner.until("terminate")
    (runner.code / "go").touch()
    assert "Succeeded" == runner.result(slow)["outcome"]
    assert 20 == runner.leave(20)


def test_second_sigterm_ends_everything(runner: FakeRunner) -> None:
    """At once, with code 1."""
    runner.start()
    runner.setup()
    runner.ready()
    runner.task("slow")
    family = [one.pid for one in runner.family()]
    assert runner.process is not None
    for _ in range(2):
        runner.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert 1 == runner.process.wait(20)
    assert [] == [pid for pid in family if worker_host.is_running(pid)]


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_no_worker_outlives_a_killed_host(runner: FakeRunner, init_mode: str) -> None:
    """The kernel ends them with their parent."""
    runner.start()
    runner.setup(workers=2, init_mode=init_mode)
    for _ in range(2):
        runner.ready()
    runner.task("slow")
    family = runner.family()
    assert runner.process is not None
    runner.process.kill()
    runner.process.wait()
    _gone, alive = psutil.wait_procs(family, timeout=10)
    assert [] == [one for one in alive if worker_host.is_running(one.pid)]


def test_setup_of_another_version_is_refused(runner: FakeRunner) -> None:
    """In words, with the code of a wrong configuration."""
    runner.start()
    runner.setup(version=99)
    assert runner.process is not None
    assert 14 == runner.process.wait(20)
    assert "Setup of version 99 not understood" in runner.stderr()


def test_host_sleeps_while_it_waits(runner: FakeRunner) -> None:
    """No busy waiting, idle or with a mini-batch running."""
    runner.start()
    runner.setup(workers=2)
    for _ in range(2):
        runner.ready()
    runner.task("slow")
    assert runner.process is not None
    one = psutil.Process(runner.process.pid)
    before = one.cpu_times()
    time.sleep(2)
    after = one.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.2


def test_thousand_small_mini_batches_pass(runner: FakeRunner) -> None:
    """In any order of ends, each answered once."""
    runner.script("def run(m): return [1]")
    runner.start()
    runner.setup(workers=2)
    tasks = [runner.task("a") for _ in range(1000)]
    assert {"Succeeded"} == {runner.result(task)["outcome"] for task in tasks[-1:] + tasks[:-1]}
    assert 1000 == sum(1 for head in runner.seen if head["type"] == "result")
