"""What the worker host is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint_runner import host
from batchpoint_runner.contract import CodeSpec, ModelSpec, ModelType, RetryPolicy, WorkerSpec
from batchpoint_worker import wire
from support import builders

CODE = CodeSpec(uri="memory://test/code", scoring_script="src/score.py")
MLFLOW = ModelSpec(uri="models:/credit/3", type=ModelType.MLFLOW)


def test_the_setup_has_all_keys_of_the_protocol_and_no_other() -> None:
    """Host and runner are changed together."""
    setup = host.setup(
        builders.a_config(), model_directory=None, code_directory=None, scratch=Path("/s")
    )
    assert set(wire.SETUP_KEYS) == set(setup)


def test_a_script_scores_even_an_mlflow_model() -> None:
    """The built-in driver is for models without a script."""
    config = builders.a_config(model=MLFLOW, code=CODE)
    setup = host.setup(
        config, model_directory=Path("/m"), code_directory=Path("/c"), scratch=Path("/s")
    )
    assert ("Script", "/c/src/score.py", "/c", "/m", "/s") == (
        setup["driver"],
        setup["script"],
        setup["code_directory"],
        setup["model_directory"],
        setup["scratch_directory"],
    )


def test_an_mlflow_model_without_a_script_is_scored_by_the_driver() -> None:
    """No script and no code."""
    config = builders.a_config(model=MLFLOW)
    setup = host.setup(config, model_directory=Path("/m"), code_directory=None, scratch=Path("/s"))
    assert ("MLflow", None, None) == (setup["driver"], setup["script"], setup["code_directory"])


@pytest.mark.parametrize(
    ("given", "timeout", "expected"), [(None, 30, 210), (None, 600, 1920), (5, 30, 5)]
)
def test_init_may_take_three_timeouts_and_two_minutes(
    given: int | None, timeout: int, expected: int
) -> None:
    """Unless the deployment says how long."""
    spec, retry = WorkerSpec(init_timeout_seconds=given), RetryPolicy(timeout_seconds=timeout)
    config = builders.a_config(retry=retry).model_copy(update={"workers": spec})
    setup = host.setup(config, model_directory=None, code_directory=None, scratch=Path("/s"))
    assert expected == setup["init_timeout_seconds"]


def test_processors_are_shared_by_the_workers() -> None:
    """Those that the container may use, not those of its node."""
    config = builders.a_config(workers=2)
    setup = host.setup(
        config, model_directory=None, code_directory=None, scratch=Path("/s"), processors=9
    )
    assert 4 == setup["threads_per_worker"]


@pytest.mark.parametrize(("given", "workers", "expected"), [(3, 1, 3), (None, 10_000, 1)])
def test_threads_are_as_given_and_at_least_one(
    given: int | None, workers: int, expected: int
) -> None:
    """Otherwise processors divided by workers."""
    spec = WorkerSpec(count=workers, threads_each=given)
    config = builders.a_config().model_copy(update={"workers": spec})
    setup = host.setup(config, model_directory=None, code_directory=None, scratch=Path("/s"))
    assert expected == setup["threads_per_worker"]
