import time
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpoint.cli.instances import Instance
from batchpoint_runner.contract import ExitCode
from support import runner_stand_in


def poll_until(instance: Instance, condition: Callable[[], bool]) -> None:
    """Look after an instance in real time, with the pauses between restarts left out."""
    deadline, skipped = time.monotonic() + 20, 0.0
    while not condition():
        assert time.monotonic() < deadline, "the instance does not come to an end"
        instance.poll(time.monotonic() + skipped)
        if instance.is_pausing:
            skipped += 1
        time.sleep(0.005)


def lived(folder: Path, *lives: str) -> tuple[ExitCode | None, list[str]]:
    """Return how an instance ends whose runner and host live as told, and what is noted on the way."""
    notes: list[str] = []
    instance = Instance(runner_stand_in.started(folder, lives), notes.append)
    poll_until(instance, lambda: instance.has_ended)
    return instance.code, notes


@pytest.mark.parametrize("code", [0, 11, 14])
def test_the_code_of_the_host_is_that_of_the_instance(tmp_path: Path, code: int) -> None:
    """The runner is told to end after it."""
    assert (ExitCode(code), []) == lived(tmp_path, f"host {code}")


def test_a_crashed_pair_is_started_anew(tmp_path: Path) -> None:
    """With a note for people."""
    expected = ["Instance 0 is started again: it left with code 3."]
    assert (ExitCode.SUCCEEDED, expected) == lived(tmp_path, "host 3", "host 0")


def test_a_pair_that_crashes_on_and_on_has_crashed(tmp_path: Path) -> None:
    """After three restarts."""
    code, notes = lived(tmp_path, *["host 3"] * 4)
    assert (ExitCode.CRASHED, 3) == (code, len(notes))


def test_a_runner_that_dies_before_its_host_is_started_again(tmp_path: Path) -> None:
    """In place."""
    expected = ["The runner of instance 0 is started again: it left with code 1."]
    assert (ExitCode.SUCCEEDED, expected) == lived(tmp_path, "die", "host 0")


def test_a_runner_that_never_listens_is_tried_twice(tmp_path: Path) -> None:
    """What the last one wrote is told once."""
    notes: list[str] = []
    instance = Instance(runner_stand_in.started(tmp_path, ["die"] * 9), notes.append)
    poll_until(instance, lambda: instance.has_ended)
    expected = (ExitCode.CRASHED, 1, "runner: I die.")
    assert expected == (instance.code, len(notes), instance.log_tail(lines=15))


def test_early_deaths_count_only_in_a_row(tmp_path: Path) -> None:
    """A pair that worked in between shows that runners can start."""
    code, notes = lived(tmp_path, "die", "host 3", "die", "host 0")
    assert (ExitCode.SUCCEEDED, 3) == (code, len(notes))


def test_a_verdict_without_a_host_counts(tmp_path: Path) -> None:
    """And is kept for the summary."""
    instance = Instance(runner_stand_in.started(tmp_path, ["verdict 14"]), lambda _: None)
    poll_until(instance, lambda: instance.has_ended)
    assert instance.verdict is not None
    assert (ExitCode.WRONG_CONFIGURATION, "As told.") == (instance.code, instance.verdict.message)


def test_draining_tells_the_host(tmp_path: Path) -> None:
    """Its code 20 is no reason to start it again."""
    instance = Instance(runner_stand_in.started(tmp_path, ["host wait"]), lambda _: None)
    poll_until(instance, (tmp_path / "shared" / "host-waits").exists)
    instance.drain(time.monotonic())
    poll_until(instance, lambda: instance.has_ended)
    assert ExitCode.DRAINED is instance.code


def test_killing_ends_everything_at_once(tmp_path: Path) -> None:
    """No process is left to poll."""
    instance = Instance(runner_stand_in.started(tmp_path, ["host wait"]), lambda _: None)
    poll_until(instance, (tmp_path / "shared" / "host-waits").exists)
    instance.kill()
    assert (True, set(), ExitCode.DRAINED) == (instance.has_ended, instance.pids, instance.code)
