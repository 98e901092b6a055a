"""Variables of processes that run user code, and who reads the output path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import environment

SETUP: dict[str, Any] = {
    "threads_per_worker": 2,
    "environment": {"MINE": "1", "OMP_NUM_THREADS": "9"},
    "model_directory": "/model",
    "script": "/code/score.py",
    "logging_level": "Info",
}


def test_layers_win_in_their_order() -> None:
    """Inherited, thread limits, deployment, worker."""
    inherited = {"HOME": "/h", "OMP_NUM_THREADS": "64", "MKL_NUM_THREADS": "64", "MINE": "0"}
    found = environment.of_process(inherited, SETUP, 0, "/out")
    assert ("/h", "9", "2", "1", "/model", "/out") == tuple(
        found[name]
        for name in (
            "HOME",
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "MINE",
            "AZUREML_MODEL_DIR",
            "AZUREML_BI_OUTPUT_PATH",
        )
    )


def test_our_own_variables_are_not_handed_on() -> None:
    """Neither inherited nor through the deployment."""
    setup = {**SETUP, "environment": {"BATCHPOINT_A": "1"}}
    found = environment.of_process({"BATCHPOINT_B": "2"}, setup, 0, "/out")
    assert [] == [name for name in found if name.startswith("BATCHPOINT")]


@pytest.mark.parametrize(
    ("listed", "found"), [("0,1", ["0", "1"]), ("GPU-a, GPU-b", ["GPU-a", "GPU-b"]), ("", [])]
)
def test_gpus_are_those_that_the_container_lists(listed: str, found: list[str]) -> None:
    """By index or by name."""
    assert found == environment.gpus({"CUDA_VISIBLE_DEVICES": listed})


def test_gpus_are_counted_where_nobody_lists_them(tmp_path: Path) -> None:
    """By their devices."""
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert ["0", "1"] == environment.gpus({}, str(tmp_path))
    assert [] == environment.gpus({}, str(tmp_path / "missing"))


@pytest.mark.parametrize(("number", "index"), [(0, "4"), (1, "5"), (2, "")])
def test_each_worker_has_one_gpu(number: int, index: str) -> None:
    """Those beyond the number of GPUs have none."""
    found = environment.of_worker(["4", "5"], {}, number, "/out")
    assert (index, "2") == (found["CUDA_VISIBLE_DEVICES"], found["AZ_BATCHAI_GPU_COUNT_FOUND"])


def test_gpu_choice_of_the_deployment_is_left_alone() -> None:
    """And without GPUs nothing is set."""
    deployment = {"CUDA_VISIBLE_DEVICES": "0,1"}
    assert "CUDA_VISIBLE_DEVICES" not in environment.of_worker(["0"], deployment, 0, "/out")
    assert "CUDA_VISIBLE_DEVICES" not in environment.of_worker([], {}, 0, "/out")


def test_arguments_are_those_of_azures_engine() -> None:
    """Script and log level."""
    assert ["/code/score.py", "--logging_level", "INFO"] == environment.arguments(SETUP)


@pytest.fixture
def output_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable is set."""
    monkeypatch.setenv(environment.GPU_COUNT_VARIABLE, "0")
    monkeypatch.setenv(environment.OUTPUT_VARIABLE, "/out")


@pytest.mark.parametrize(
    "read",
    [
        lambda: os.environ["AZUREML_BI_OUTPUT_PATH"],
        lambda: os.environ.get("AZUREML_BI_OUTPUT_PATH"),
        lambda: os.getenv("AZUREML_BI_OUTPUT_PATH"),
        lambda: os.path.expandvars("$AZUREML_BI_OUTPUT_PATH/x"),
    ],
    ids=["index", "get", "getenv", "expandvars"],
)
def test_read_of_the_output_path_is_seen(output_path: None, read: Any) -> None:
    """However a script does it."""
    with environment.OutputPathWatch() as watch:
        assert "/out" in read()
    assert watch.was_read


@pytest.mark.parametrize(
    "read",
    [
        lambda: os.environ.get("HOME"),
        lambda: dict(os.environ),
        lambda: os.environ.copy(),
        lambda: {**os.environ},
        lambda: list(os.environ),
        lambda: "AZUREML_BI_OUTPUT" in os.environ,
    ],
    ids=["other name", "dict", "copy", "unpacked", "names", "membership"],
)
def test_copy_of_the_whole_environment_is_no_read(output_path: None, read: Any) -> None:
    """Libraries make such copies for their child processes."""
    with environment.OutputPathWatch() as watch:
        read()
    assert not watch.was_read


def test_environment_is_itself_again_afterwards(output_path: None) -> None:
    """Nothing of the watch stays."""
    before = type(os.environ)
    with environment.OutputPathWatch() as watch:
        pass
    os.environ["AZUREML_BI_OUTPUT_PATH"]
    assert (before, False) == (type(os.environ), watch.was_read)
