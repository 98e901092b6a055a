"""Failed tries are counted, and three in a row are the end."""

from __future__ import annotations

import os
import selectors
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import faults, journal, member, slots, starting


class Bench:
    """A starter that has started nothing, and whom it tells."""

    def __init__(self, folder: Path, *, may_load: bool = True, init_mode: str = "Auto") -> None:
        self.selector = selectors.DefaultSelector()
        self.log = journal.Journal(str(folder / "log.txt"), 1000)
        self.unusable: list[faults.Unusable] = []
        self.failed: list[int] = []
        setup: dict[str, Any] = {
            "init_timeout_seconds": 5,
            "scratch_directory": str(folder),
            "init_mode": init_mode,
            "driver": "Script",
            "script": str(folder / "score.py"),
            "model_directory": None,
            "threads_per_worker": 1,
            "environment": {},
            "logging_level": "Info",
        }
        events = member.Events(lambda *_: None, lambda *_: None)
        self.makeup = slots.Makeup(setup, {"CUDA_VISIBLE_DEVICES": ""}, self.selector, events)
        self.slots = [slots.Slot(number, self.log) for number in range(2)]
        told = starting.Told(
            starting=lambda _: None,
            ready=lambda _: None,
            ended=lambda *_: None,
            fork_lost=lambda _: None,
            failed_slot=lambda slot: self.failed.append(slot.number),
            unusable=self.unusable.append,
        )
        self.starter = starting.Starter(
            self.makeup, self.slots, self.log, self.selector, told, may_load
        )

    def end(self) -> None:
        """End what was started and close the files."""
        pid = self.starter.loader_pid
        self.starter.drop_loader()
        if pid is not None:
            os.waitpid(pid, 0)
        self.log.close()
        self.selector.close()

    def fail(self, number: int, code: int = faults.CANNOT_START) -> None:
        """Let one try of one slot fail."""
        slot = self.slots[number]
        one = slot.member = self.makeup.new_member(slot, is_fork=True)
        one.ends.close_theirs()
        self.starter.failed(one, faults.Unusable(code, "X", "why"))
        one.dispose()
        slot.member = None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A starter whose files are closed after the test."""
    one = Bench(tmp_path)
    yield one
    one.end()


def test_three_failed_tries_of_a_slot_are_the_end(bench: Bench) -> None:
    """Two are not, and those of its neighbour do not count."""
    for number in (0, 1, 0, 1):
        bench.fail(number)
    assert [] == bench.unusable
    bench.fail(0)
    assert (["why."], [0, 1, 0, 1, 0]) == ([exc.message for exc in bench.unusable], bench.failed)


def test_success_starts_the_count_anew(bench: Bench) -> None:
    """Of any worker."""
    for _ in range(2):
        bench.fail(0)
    bench.starter.succeeded()
    for _ in range(2):
        bench.fail(0)
    assert [] == bench.unusable


def test_wrong_configuration_is_the_end_at_once(bench: Bench) -> None:
    """No second try mends it; nothing is started afterwards."""
    bench.fail(0, faults.WRONG_CONFIGURATION)
    assert 1 == len(bench.unusable)
    bench.slots[0].reserved = {"task": "x"}
    bench.starter.fill(0.0)
    assert [None, None] == [slot.member for slot in bench.slots]


def test_giving_up_forks_is_noted(bench: Bench) -> None:
    """In a sentence for the report."""
    assert "Fork" == bench.starter.init_mode
    bench.starter.spawn_from_now_on("of something")
    assert ("Spawn", ["Each worker loads the model by itself, because of something."]) == (
        bench.starter.init_mode,
        bench.starter.notes,
    )


def test_nothing_is_loaded_before_model_and_code_are_there(tmp_path: Path) -> None:
    """The process that loads may start, and the time for it counts from when it may load."""
    bench = Bench(tmp_path, may_load=False)
    bench.starter.fill(0.0)
    assert bench.starter.loader_pid is not None
    assert ([], [None, None]) == (
        bench.starter.deadlines(0.0),
        [slot.member for slot in bench.slots],
    )
    bench.starter.load(100.0)
    assert [105.0] == bench.starter.deadlines(100.0)
    bench.end()


def test_workers_that_load_by_themselves_wait_for_model_and_code(tmp_path: Path) -> None:
    """They would not find them."""
    bench = Bench(tmp_path, may_load=False, init_mode="Spawn")
    bench.starter.fill(0.0)
    assert (None, [None, None]) == (
        bench.starter.loader_pid,
        [slot.member for slot in bench.slots],
    )
    bench.end()


def test_pauses_are_deadlines(bench: Bench) -> None:
    """Only those that lie ahead."""
    bench.slots[0].not_before = 5.0
    assert [5.0] == bench.starter.deadlines(4.0)
    assert [] == bench.starter.deadlines(5.0)


def test_frame_of_a_failed_load_becomes_an_error() -> None:
    """One that is incomplete is not believed."""
    error = faults.error("X", "y")
    head = {"code": 10, "reason": "R", "message": "m", "error": error}
    assert (10, error) == (starting.unusable(head).code, starting.unusable(head).as_error())
    with pytest.raises(KeyError):
        starting.unusable({"code": 10})
