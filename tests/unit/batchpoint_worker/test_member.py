"""One worker process as the host sees it."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint_worker import faults, journal, member, wire
from batchpoint_worker.member import End, Member, State


class Bench:
    """A member without a worker behind it, and what it tells."""

    def __init__(self, folder: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.log = journal.Journal(str(folder / "log.txt"), 1000)
        self.frames: list[wire.Frame] = []
        self.lost: list[bool] = []
        events = member.Events(
            lambda _, frame: self.frames.append(frame),
            lambda _one, _why, is_nonsense: self.lost.append(is_nonsense),
        )
        self.member = Member(2, str(folder / "2-1"), False, self.log, self.selector, events)

    def turn(self) -> None:
        """One turn of the loop."""
        for key, mask in self.selector.select(0):
            key.data(mask)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A member that is disposed of after the test."""
    one = Bench(tmp_path)
    yield one
    one.member.dispose()
    one.member.ends.their_connection.close()
    for pipe in (one.member.ends.their_stdout, one.member.ends.their_stderr):
        os.close(pipe)
    one.log.close()
    one.selector.close()


def test_member_makes_its_folders_and_removes_them(bench: Bench, tmp_path: Path) -> None:
    """Output and current directory, private to it."""
    assert {"output", "cwd"} == set(os.listdir(tmp_path / "2-1"))
    bench.member.dispose()
    assert not (tmp_path / "2-1").exists()


def test_mini_batch_is_handed_over_and_taken_back(bench: Bench, tmp_path: Path) -> None:
    """What was printed until then is the attempt's own."""
    task = {"type": "task", "task": "t9", "mini_batch": 4, "attempt": 2}
    bench.member.give(task, 100.0)
    sent = wire.receive(bench.member.ends.their_connection)
    assert sent is not None
    assert (task, State.SENT) == (sent.head, bench.member.state)
    os.write(bench.member.ends.their_stdout, b"printed\n")
    assert task == bench.member.take_back()
    assert (State.IDLE, None) == (bench.member.state, bench.member.deadline)
    text = (tmp_path / "log.txt").read_text()
    assert text.endswith("mini-batch 4 attempt 2 task t9 stdout | printed\n")


def test_frames_and_loss_are_told(bench: Bench) -> None:
    """As the channel finds them."""
    wire.send(bench.member.ends.their_connection, {"type": "ready"})
    bench.turn()
    bench.member.ends.their_connection.sendall(b"\xff" * 50)
    bench.turn()
    assert (["ready"], [True]) == ([frame.head["type"] for frame in bench.frames], bench.lost)


def test_kill_waits_for_the_end(bench: Bench) -> None:
    """And keeps why."""
    process = subprocess.Popen(["sleep", "60"], start_new_session=True)
    bench.member.pid = process.pid
    end = End("Died", faults.error("X", "y"))
    bench.member.kill(time.monotonic(), end)
    assert (State.ENDING, end, False) == (
        bench.member.state,
        bench.member.end,
        bench.member.is_alive,
    )
    assert -signal.SIGKILL == process.wait(10)


def test_dump_comes_before_the_kill(bench: Bench) -> None:
    """The process is asked, and killed at the deadline."""
    program = "trap 'echo here >&2' 61; while :; do sleep 0.01; done"
    process = subprocess.Popen(["sh", "-c", program], start_new_session=True)
    bench.member.pid = process.pid
    bench.member.dump(100.0, End("TimedOut", faults.error("X", "y")))
    assert (State.DUMPING, 100.0 + member.DUMP_SECONDS) == (
        bench.member.state,
        bench.member.deadline,
    )
    bench.member.kill(100.2)
    process.wait(10)
    assert bench.member.end is not None
    assert "TimedOut" == bench.member.end.outcome


def test_vanished_worker_has_a_moment_to_be_seen_dead(bench: Bench) -> None:
    """Its own end explains more than a kill would."""
    bench.member.vanish(100.0, End("Died", faults.error("X", "y")))
    assert (None, 100.0 + member.VANISH_SECONDS) == (bench.member.end, bench.member.deadline)


def test_leaving_is_asked_for(bench: Bench) -> None:
    """With a frame."""
    bench.member.leave(5.0)
    frame = wire.receive(bench.member.ends.their_connection)
    assert frame is not None
    assert ("shutdown", State.LEAVING) == (frame.head["type"], bench.member.state)
