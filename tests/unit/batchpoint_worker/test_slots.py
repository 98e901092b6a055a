"""What processes of user code are made with."""

from __future__ import annotations

import selectors
import sys
from typing import Any

import pytest

from batchpoint_worker import member, slots


def makeup(inherited: dict[str, str], **changes: Any) -> slots.Makeup:
    """Return a make-up of a small setup."""
    setup: dict[str, Any] = {
        "init_timeout_seconds": 5,
        "scratch_directory": "/scratch",
        "environment": {"MINE": "1"},
        "threads_per_worker": 1,
        "model_directory": None,
        "init_mode": "Auto",
        **changes,
    }
    events = member.Events(lambda *_: None, lambda *_: None)
    return slots.Makeup(setup, inherited, selectors.DefaultSelector(), events)


def test_output_path_lies_in_the_private_folder() -> None:
    """For every process that loads."""
    one = makeup({})
    found = one.all_variables(0, one.workers_folder("0-1"))
    assert "/scratch/workers/0-1/output" == found["AZUREML_BI_OUTPUT_PATH"]


@pytest.mark.parametrize(
    ("init_mode", "gpus", "forbidden"),
    [
        ("Auto", "", False),
        ("Auto", "0", True),
        ("Fork", "0", False),
        ("Spawn", "", True),
    ],
)
def test_forks_are_forbidden_by_wish_or_by_gpus(init_mode: str, gpus: str, forbidden: bool) -> None:
    """Before anything is loaded."""
    found = makeup({"CUDA_VISIBLE_DEVICES": gpus}, init_mode=init_mode).forbids_forks()
    assert forbidden == bool(found)


def test_forks_are_for_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere system libraries do not survive them."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert ["this system is not Linux"] == makeup({}).forbids_forks()


def test_failed_start_keeps_what_was_last_said() -> None:
    """As its traceback."""
    found = slots.start_failed("the process ended with exit code 1", "Killed by me")
    assert (10, "Killed by me") == (found.code, found.as_error()["traceback"])
    expected = (
        "import and init() took longer than the 5 seconds that settings.initTimeoutSeconds allows, and were "
        "stopped; raise it, or load less"
    )
    assert expected == slots.init_took_too_long(5.0)
