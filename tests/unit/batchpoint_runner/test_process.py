"""The runner process as a whole: a contract that cannot be used is a verdict, never a crash."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from batchpoint_runner.errors import ContractError
from batchpoint_runner.process import await_config, read_config
from support.builders import a_config


def write(folder: Path, value: object) -> Path:
    """Write a contract file."""
    path = folder / "config.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def a_contract(**changes: object) -> dict[str, object]:
    """Return a good contract, changed."""
    return {**a_config().model_dump(mode="json", by_alias=True), **changes}


def test_contract_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Operator and command line write what the runner reads."""
    assert a_config() == read_config(write(tmp_path, a_contract()))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        pytest.param("{", "cannot be read", id="no-json"),
        pytest.param([], "has version None", id="no-object"),
        pytest.param({"version": 2}, "has version 2; this runner reads version 1", id="version"),
        pytest.param(
            a_contract(miniBatchSize=0, errorThreshold=-2),
            "miniBatchSize: Input should be greater than or equal to 1; errorThreshold:",
            id="all-faults-at-once",
        ),
        pytest.param(
            a_contract(colour="red"), "colour: Extra inputs are not permitted", id="unknown"
        ),
    ],
)
def test_unusable_contract_is_named(value: object, words: str, tmp_path: Path) -> None:
    """Which file, which field, what is allowed."""
    path = write(tmp_path, value)
    with pytest.raises(ContractError) as caught:
        read_config(path)
    assert words in caught.value.message
    assert str(path) in caught.value.message


def test_absent_contract_is_named(tmp_path: Path) -> None:
    """A mount that is missing is found out by its path."""
    with pytest.raises(ContractError, match=r"absent\.json cannot be read"):
        read_config(tmp_path / "absent.json")


def test_a_contract_that_is_still_to_come_is_waited_for(tmp_path: Path) -> None:
    """`batchpoint run` starts the runner before it has read the manifests."""
    path = tmp_path / "config.json"
    timer = threading.Timer(0.05, path.touch)
    timer.start()
    await_config(path, 10.0, threading.Event())
    assert path.exists()


@pytest.mark.parametrize("is_told_to_stop", [False, True])
def test_waiting_for_a_contract_ends(is_told_to_stop: bool, tmp_path: Path) -> None:
    """When its time is over, or at once when the runner is told to stop."""
    told, began = threading.Event(), time.monotonic()
    if is_told_to_stop:
        told.set()
    await_config(tmp_path / "absent.json", 60.0 if is_told_to_stop else 0.01, told)
    assert time.monotonic() - began < 1
