"""What the worker host is given."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from batchpoint_runner import host
from batchpoint_runner.contract import CodeSpec, ModelSpec, ModelType, RetryPolicy, WorkerSpec
from batchpoint_worker import wire
from support import builders

CODE = CodeSpec(uri="memory://test/code", scoring_script="src/score.py")
MLFLOW = ModelSpec(uri="models:/credit/3", type=ModelType.MLFLOW)


def test_the_archive_holds_the_worker_host_and_nothing_else(tmp_path: Path) -> None:
    """Its modules, the start, their byte code, nothing of the runner; and no unfinished file beside it."""
    archive = host.write_archive(tmp_path)
    names = zipfile.ZipFile(archive).namelist()
    assert "__main__.py" in names
    assert {"batchpoint_worker/wire.py", "batchpoint_worker/__init__.py"} <= set(names)
    assert all(name == "__main__.py" or name.startswith("batchpoint_worker/") for name in names)
    sources = {name for name in names if name.endswith(".py")} - {"__main__.py"}
    assert {f"{name}c" for name in sources} == set(names) - sources - {"__main__.py"}
    assert [host.ARCHIVE] == [path.name for path in tmp_path.iterdir()]


def test_every_module_of_the_archive_is_python(tmp_path: Path) -> None:
    """Whole files, not what was cut off."""
    with zipfile.ZipFile(host.write_archive(tmp_path)) as archive:
        for name in archive.namelist():
            if name.endswith(".py"):
                ast.parse(archive.read(name), name)


def test_byte_code_of_the_archive_is_used_and_shows_the_archive(tmp_path: Path) -> None:
    """Not the runner's own files, which are in another image; tracebacks are cut by these names."""
    archive = host.write_archive(tmp_path)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from batchpoint_worker import wire; "
        "print(wire.__cached__ or wire.__file__, wire.encode.__code__.co_filename)"
    )
    command = [sys.executable, "-c", program, str(archive)]
    loaded, shown = subprocess.check_output(command, text=True, cwd=tmp_path).split()
    assert f"{archive}/batchpoint_worker/wire.pyc" == loaded
    assert f"{archive}/batchpoint_worker/wire.py" == shown


def test_the_archive_replaces_that_of_an_earlier_process(tmp_path: Path) -> None:
    """Whole or not at all."""
    (tmp_path / host.ARCHIVE).write_bytes(b"old")
    assert zipfile.is_zipfile(host.write_archive(tmp_path))


def test_the_archive_starts_without_anything_installed(tmp_path: Path) -> None:
    """In isolated mode, outside of the tree; wrong arguments are said in words."""
    archive = host.write_archive(tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(archive), "--help"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (0, True) == (done.returncode, "--socket" in done.stdout)


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


@pytest.mark.parametrize(("given", "workers", "expected"), [(3, 1, 3), (None, 10_000, 1)])
def test_threads_are_as_given_and_at_least_one(
    given: int | None, workers: int, expected: int
) -> None:
    """Otherwise processors divided by workers."""
    spec = WorkerSpec(count=workers, threads_each=given)
    config = builders.a_config().model_copy(update={"workers": spec})
    setup = host.setup(config, model_directory=None, code_directory=None, scratch=Path("/s"))
    assert expected == setup["threads_per_worker"]
