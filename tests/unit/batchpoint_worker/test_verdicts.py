"""Results that the host writes, and those that it lets through."""

from __future__ import annotations

from typing import Any

import pytest

from batchpoint_worker import faults, verdicts, wire

TASK: dict[str, Any] = {"task": "t1", "items": [{"path": "/a", "name": "a"}]}
GOOD: dict[str, Any] = {
    "type": "result",
    "outcome": "Succeeded",
    "run_seconds": 0.5,
    "error": None,
    "segments": [{"first": 0, "count": 1, "rows": 1, "length": 2}],
    "columns": None,
    "failed": [],
    "short": 0,
    "files": [],
    "body": "Inline",
    "warnings": [],
}


def test_result_goes_on_with_its_task_and_worker() -> None:
    """Whatever the worker claims these are, and nothing else that it says."""
    head = {**GOOD, "task": "other", "extra": 1}
    assert {**GOOD, "task": "t1", "worker": 3} == verdicts.relayed(head, b"1\n", TASK, 3)


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"outcome": "TimedOut"}, b"1\n"),
        ({"outcome": "Failed"}, b"1\n"),
        ({"error": {"type": "X"}}, b"1\n"),
        ({"run_seconds": "long"}, b"1\n"),
        ({"segments": None}, b"1\n"),
        ({"segments": [{"first": 0}]}, b"1\n"),
        ({"segments": [{"first": 0, "count": 2, "rows": 1, "length": 2}]}, b"1\n"),
        ({"segments": [{"first": -1, "count": 1, "rows": 1, "length": 2}]}, b"1\n"),
        ({}, b"longer\n"),
        ({}, b""),
        ({"body": "None"}, b"1\n"),
    ],
)
def test_nonsense_is_refused(change: dict[str, Any], body: bytes) -> None:
    """User code may have taken over the connection."""
    with pytest.raises((ValueError, TypeError)):
        verdicts.relayed({**GOOD, **change}, body, TASK, 0)


@pytest.mark.parametrize("key", wire.RESULT_KEYS[2:])
def test_missing_key_is_refused(key: str) -> None:
    """Each of them."""
    head = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(ValueError, match=key):
        verdicts.relayed(head, b"1\n", TASK, 0)


def test_failed_result_has_all_keys() -> None:
    """So that the runner reads one form."""
    result = verdicts.failed(TASK, 0, "Died", 1.0, faults.error("X", "y"))
    assert {"type", *wire.RESULT_KEYS} == result.keys()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (11, "was killed by signal 11 (SIGSEGV)"),
        (9, "often the kernel does that when memory is used up"),
        (3 << 8, "ended with exit code 3"),
    ],
)
def test_death_is_explained(status: int, words: str) -> None:
    """With what to do about it."""
    assert words in verdicts.died(status, "", kernel_killed=False)["message"]


def test_kill_by_the_kernel_is_told_apart() -> None:
    """It is memory that was missing."""
    assert "OutOfMemory" == verdicts.died(9, "", kernel_killed=True)["type"]


def test_limits_are_named_in_messages() -> None:
    """In units that people read."""
    assert (
        "used 3.0 MiB of memory, more than its 2.0 MiB"
        in (verdicts.out_of_memory(3 << 20, 2 << 20)["message"])
    )
    assert "wrote 3.0 MiB" in verdicts.disk_full(3 << 20, 2 << 20)["message"]
    assert "longer than 1.5 seconds" in verdicts.timed_out(1.5)["message"]
    assert "longer than 60 seconds" in verdicts.rendering_took_too_long(60)["message"]
    assert "(why)" in verdicts.garbage("why")["message"]


def test_our_frames_are_left_out_of_dumps() -> None:
    """Stacks that the worker wrote while it was stopped."""
    dump = (
        'Thread 0x1:\n  File "/code/score.py", line 3 in run\n'
        '  File "/x/host.pyz/batchpoint_worker/worker.py", line 9 in _score\n'
        '  File "<string>", line 1 in <module>\n'
    )
    assert 'Thread 0x1:\n  File "/code/score.py", line 3 in run\n' == (
        verdicts.without_our_frames(dump)
    )
