"""The real parts are what the engine asks for."""

from __future__ import annotations

import inspect

import pytest

from batchpoint_runner import parts
from batchpoint_runner.background import Background
from batchpoint_runner.metrics import Metrics
from batchpoint_runner.telling import LogObserver, WorkerTable
from batchpoint_runner.workers import HostLine


@pytest.mark.parametrize(
    ("part", "port"),
    [
        (Background, parts.Work),
        (HostLine, parts.Scorer),
        (LogObserver, parts.Observer),
        (Metrics, parts.Observer),
        (WorkerTable, parts.Observer),
    ],
)
def test_part_has_every_verb_of_its_port(part: type, port: type) -> None:
    """With the same parameters, so that a test's double cannot drift from the real one."""
    for name, verb in inspect.getmembers(port, inspect.isfunction):
        if not name.startswith("_"):
            expected = list(inspect.signature(verb).parameters)
            assert expected == list(inspect.signature(getattr(part, name)).parameters), name
