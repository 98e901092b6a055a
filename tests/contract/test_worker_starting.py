"""How workers start: forks or new processes, tries, time-outs, and what is said when none can."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import pool
from support import worker_host
from support.worker_host import FakeRunner


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[FakeRunner]:
    """A runner whose host is ended after the test."""
    with worker_host.runner(tmp_path) as one:
        yield one


def unusable(runner: FakeRunner, source: str, **setup: Any) -> dict[str, Any]:
    """Return the frame that says that no worker can start."""
    runner.script(source)
    runner.start()
    runner.setup(**setup)
    return runner.until("unusable")


def tries(runner: FakeRunner) -> int:
    """Return how often the script was loaded; it appends to a file beside itself."""
    return (runner.code / "tries").read_text().count("x")


COUNT = "import os\nopen(os.path.dirname(__file__) + '/tries', 'a').write('x')\n"
RUN = "\ndef run(mini_batch): return [len(mini_batch)]\n"


@pytest.mark.parametrize("init_mode", ["Auto", "Spawn"])
def test_three_failed_inits_are_the_end(runner: FakeRunner, init_mode: str) -> None:
    """With the user's own traceback."""
    source = COUNT + "def init():\n    import json\n    json.loads('{')\n" + RUN
    head = unusable(runner, source, init_mode=init_mode)
    assert (10, "ScriptUnusable") == (head["code"], head["reason"])
    assert head["error"]["message"].startswith("The script's init() failed with JSONDecodeError: ")
    assert head["error"]["traceback"].startswith("Raised at score.py, line 5, in init")
    assert 3 == tries(runner)


def test_failing_import_says_so(runner: FakeRunner) -> None:
    """A library that the image lacks is the commonest fault of all."""
    head = unusable(runner, "import not_installed\n" + RUN)
    assert 10 == head["code"]
    assert "No module named 'not_installed'" in head["error"]["message"]


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os._exit(5)", "exit code 5"),
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("raise SystemExit(3)", "SystemExit"),
        ("while True: pass", "import and init() took longer than the 1 seconds"),
    ],
)
def test_process_that_ends_or_hangs_in_init_is_a_failed_try(
    runner: FakeRunner, end: str, words: str, init_mode: str
) -> None:
    """Three tries, then the reason in words."""
    source = COUNT + "def init():\n    " + end + RUN
    timeout = 1 if "while" in end else 30
    head = unusable(runner, source, init_mode=init_mode, init_timeout_seconds=timeout)
    assert 10 == head["code"]
    assert words in head["error"]["message"]
    assert 3 == tries(runner)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("def init(): pass", "defines no function run(mini_batch)"),
        ("def run(mini_batch:\n    pass", "cannot be parsed"),
    ],
)
@pytest.mark.parametrize("init_mode", ["Auto", "Spawn"])
def test_wrong_script_is_told_at_once(
    runner: FakeRunner, script: str, words: str, init_mode: str
) -> None:
    """No second try mends it."""
    head = unusable(runner, script, init_mode=init_mode)
    assert (14, "WrongConfiguration") == (head["code"], head["reason"])
    assert words in head["error"]["message"]


def test_missing_script_names_what_is_there(runner: FakeRunner) -> None:
    """A misspelt name is found at a glance."""
    head = unusable(runner, RUN, script=str(runner.code / "skore.py"))
    assert 14 == head["code"]
    assert (
        "skore.py does not exist in the code folder (there: score.py)" in head["error"]["message"]
    )


def test_host_waits_for_its_code_after_unusable(runner: FakeRunner) -> None:
    """The runner decides how the container leaves."""
    unusable(runner, "def init(): pass")
    assert 14 == runner.leave(14)


def test_init_that_fails_once_is_tried_again(runner: FakeRunner) -> None:
    """A hiccup while loading costs nothing but time."""
    runner.script(
        COUNT + "def init():\n"
        "    if os.path.getsize(os.path.dirname(__file__) + '/tries') < 2: raise OSError('hiccup')\n"
        + RUN
    )
    runner.start()
    runner.setup()
    assert "Succeeded" == runner.score("a")["outcome"]


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_replacements_that_cannot_start_are_the_end(runner: FakeRunner, init_mode: str) -> None:
    """Also when workers were ready before."""
    runner.script(
        "import os\nflag = os.path.dirname(__file__) + '/broken'\n"
        "def init():\n    if os.path.exists(flag): raise OSError('now it is broken')\n"
        "def run(mini_batch):\n    open(flag, 'w').close()\n    os.kill(os.getppid(), 9) if"
        f" {init_mode == 'Fork'} else os._exit(1)\n    import time; time.sleep(60)"
    )
    runner.start()
    runner.setup(init_mode=init_mode)
    runner.ready()
    runner.task("a")
    assert "now it is broken" in runner.until("unusable")["error"]["message"]


UNSAFE = {
    "output path read in init": (
        "def init():\n    os.environ['AZUREML_BI_OUTPUT_PATH']",
        "reads AZUREML_BI_OUTPUT_PATH",
    ),
    "output path read with getenv": (
        "x = os.getenv('AZUREML_BI_OUTPUT_PATH')",
        "reads AZUREML_BI_OUTPUT_PATH",
    ),
    "thread": (
        "import threading, time\n"
        "def init():\n    threading.Thread(target=time.sleep, args=(99,), daemon=True).start()",
        "threads running",
    ),
    "connection": (
        "import socket\ndef init():\n    global s\n    s = socket.socketpair()",
        "opens connections or pipes",
    ),
    "CUDA": (
        "import sys, types\nsys.modules['torch'] = types.SimpleNamespace("
        "cuda=types.SimpleNamespace(is_initialized=lambda: True))",
        "CUDA",
    ),
}


@pytest.mark.parametrize("case", UNSAFE)
def test_what_forks_do_not_survive_is_seen_while_loading(runner: FakeRunner, case: str) -> None:
    """Then every worker loads for itself, and the report says why."""
    source, words = UNSAFE[case]
    runner.script("import os\n" + source + RUN)
    runner.start()
    runner.setup()
    ready = runner.ready()
    assert "Spawn" == ready["init_mode"]
    assert any(words in note for note in ready["notes"]), ready["notes"]
    assert "Succeeded" == runner.score("a")["outcome"]


SAFE = {
    "plain": "",
    "environment copied": "import subprocess\ncopy = dict(os.environ), os.environ.copy()",
    "output path read in run": "def run(m):\n    return [os.environ['AZUREML_BI_OUTPUT_PATH']]",
    "file held open": "held = open('/etc/hostname')",
}


@pytest.mark.parametrize("case", SAFE)
def test_forks_are_used_where_nothing_speaks_against_them(runner: FakeRunner, case: str) -> None:
    """The model is loaded once for all workers."""
    runner.script(COUNT + RUN + SAFE[case])
    runner.start()
    runner.setup(workers=3)
    modes = [runner.ready()["init_mode"] for _ in range(3)]
    assert ["Fork"] * 3 == modes
    assert 1 == tries(runner)


def test_gpus_mean_that_every_worker_loads(runner: FakeRunner) -> None:
    """Before anything is loaded: each must see its own first."""
    runner.script(COUNT + RUN)
    runner.start(environment={"CUDA_VISIBLE_DEVICES": "0"})
    runner.setup()
    ready = runner.ready()
    assert "Spawn" == ready["init_mode"]
    assert any("GPUs" in note for note in ready["notes"])
    assert 1 == tries(runner)


def test_fork_that_is_asked_for_is_used_with_a_warning(runner: FakeRunner) -> None:
    """The deployment knows better; the report still tells."""
    runner.script("import os\nx = os.environ['AZUREML_BI_OUTPUT_PATH']\n" + RUN)
    runner.start()
    runner.setup(init_mode="Fork")
    ready = runner.ready()
    assert "Fork" == ready["init_mode"]
    assert any("Forks may be unsafe" in note for note in ready["notes"])


HANGS_IN_FORKS = """
import os, time
loaded_in = os.getpid()
def run(mini_batch):
    if os.getpid() != loaded_in or mini_batch[0].endswith("slow"):
        time.sleep(600)
    return ["done"]
"""


@pytest.mark.parametrize("workers", [1, 3])
def test_library_that_hangs_in_forks_is_found_out(runner: FakeRunner, workers: int) -> None:
    """The time-outs on forks are no attempts: every mini-batch succeeds, in spawned workers."""
    runner.script(HANGS_IN_FORKS)
    runner.start()
    runner.setup(workers=workers)
    tasks = [runner.task(f"f{number}", timeout_seconds=1) for number in range(5)]
    assert ["Succeeded"] * 5 == [runner.result(task)["outcome"] for task in tasks]
    results = [head["task"] for head in runner.seen if head["type"] == "result"]
    assert sorted(tasks) == sorted(results)
    ready = [head for head in runner.seen if head["type"] == "worker" and head["notes"]]
    assert any("run() hangs in a fork" in note for note in ready[-1]["notes"])
    assert "Spawn" == ready[-1]["init_mode"]


def test_mini_batch_that_is_slow_everywhere_is_reported(runner: FakeRunner) -> None:
    """The probe's second try is told to nobody, and forks stay."""
    runner.script(
        "import time\ndef run(m):\n    time.sleep(600 if m[0].endswith('slow') else 0)\n    return [1]"
    )
    runner.start()
    runner.setup()
    slow = runner.score("slow", timeout_seconds=0.7)
    assert "TimedOut" == slow["outcome"]
    assert "Succeeded" == runner.score("quick")["outcome"]
    assert 2 == sum(1 for head in runner.seen if head["type"] == "result")
    assert "Fork" == [head for head in runner.seen if head["type"] == "worker"][-1]["init_mode"]


def test_time_out_after_a_fork_has_succeeded_is_no_probe(runner: FakeRunner) -> None:
    """Then it is the mini-batch that is slow."""
    runner.script(
        "import time\ndef run(m):\n    time.sleep(600 if m[0].endswith('slow') else 0)\n    return [1]"
    )
    runner.start()
    runner.setup()
    runner.score("quick")
    assert "TimedOut" == runner.score("slow", timeout_seconds=0.5)["outcome"]
    modes = {head["init_mode"] for head in runner.seen if head["type"] == "worker"}
    assert {"Fork"} == modes


def test_idle_worker_that_dies_is_replaced(runner: FakeRunner) -> None:
    """A background thread of user code may end its process at any time."""
    runner.script(
        """
        import os, threading, time
        def wait():
            while not os.path.exists(os.path.dirname(__file__) + "/go"): time.sleep(0.01)
            os._exit(1)
        def run(mini_batch):
            if mini_batch[0].endswith("bomb"): threading.Thread(target=wait, daemon=True).start()
            return [1]
        """
    )
    runner.start()
    runner.setup()
    assert "Succeeded" == runner.score("bomb")["outcome"]
    (runner.code / "go").touch()
    runner.until("worker", lambda head: head["state"] == "Lost")
    assert "Succeeded" == runner.score("good")["outcome"]


def test_workers_run_at_the_same_time(runner: FakeRunner) -> None:
    """As many mini-batches at once as there are workers; a barrier would hang otherwise."""
    runner.script(
        """
        import os, time
        def run(mini_batch):
            here = os.path.dirname(__file__) + "/here-%d" % os.getpid()
            open(here, "w").close()
            while len([n for n in os.listdir(os.path.dirname(__file__)) if n.startswith("here")]) < 3:
                time.sleep(0.01)
            return [1]
        """
    )
    runner.start()
    runner.setup(workers=3)
    tasks = [runner.task("a") for _ in range(3)]
    assert {0, 1, 2} == {runner.result(task)["worker"] for task in tasks}


@pytest.fixture
def imports(tmp_path: Path) -> Path:
    """A stand-in for mlflow that notes each import in a file beside it; returns the file."""
    package = tmp_path / "image" / "mlflow"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "pyfunc.py").write_text(
        "import os\nopen(os.path.dirname(os.path.dirname(__file__)) + '/imports', 'a').write('x')"
    )
    return package.parent / "imports"


MLFLOW = {"driver": "MLflow", "script": None, "code_directory": None}


def test_libraries_are_imported_before_the_model_is_there(
    runner: FakeRunner, imports: Path
) -> None:
    """Once, by the process that then finds the model, or here that there is none."""
    runner.start(environment={"PYTHONPATH": str(imports.parent)})
    setup = runner.setup("prepare", **MLFLOW)
    assert worker_host.wait_for(imports.exists)
    assert [] == runner.seen[1:]
    runner.send({"type": "setup", **setup})
    head = runner.until("unusable")
    assert (14, "ModelMissing") == (head["code"], head["reason"])
    assert "x" == imports.read_text()


def test_preparation_for_another_setup_is_dropped(runner: FakeRunner, imports: Path) -> None:
    """Nothing of it is left, and workers start as the setup says."""
    runner.script("def init(): pass" + RUN)
    runner.start(environment={"PYTHONPATH": str(imports.parent)})
    runner.setup("prepare", **MLFLOW)
    assert worker_host.wait_for(imports.exists)
    (loader,) = runner.family()
    runner.setup()
    runner.ready()
    assert not worker_host.is_running(loader.pid)
    assert "Succeeded" == runner.score("a")["outcome"]


def test_host_that_has_only_prepared_leaves_nothing_behind(
    runner: FakeRunner, imports: Path
) -> None:
    """A job may be over before its model is there."""
    runner.start(environment={"PYTHONPATH": str(imports.parent)})
    runner.setup("prepare", **MLFLOW)
    assert worker_host.wait_for(imports.exists)
    (loader,) = runner.family()
    assert 13 == runner.leave(13)
    assert not worker_host.is_running(loader.pid)


def hint(runner: FakeRunner, **changes: Any) -> tuple[str, str]:
    """Return the options that let a host begin before the runner says anything."""
    told = {
        **MLFLOW,
        "threads_per_worker": 1,
        "environment": {},
        "model_directory": None,
        "scratch_directory": str(runner.scratch),
        "logging_level": "Info",
        **changes,
    }
    return "--begin-with", json.dumps(told)


def test_libraries_are_imported_before_the_runner_speaks(runner: FakeRunner, imports: Path) -> None:
    """Once: what was begun is what goes on, also after the sweeps for what nobody owns."""
    runner.start(*hint(runner), environment={"PYTHONPATH": str(imports.parent)})
    assert worker_host.wait_for(imports.exists)
    (begun,) = runner.family()
    setup = runner.setup("prepare", **MLFLOW)
    time.sleep(pool.SWEEP_SECONDS * 1.5)
    assert [begun] == runner.family()
    runner.send({"type": "setup", **setup})
    assert "ModelMissing" == runner.until("unusable")["reason"]
    assert "x" == imports.read_text()


def test_a_wrong_hint_costs_an_import(runner: FakeRunner, imports: Path) -> None:
    """Other threads, and everything is begun anew; what was begun is gone."""
    options = hint(runner, threads_per_worker=7)
    runner.start(*options, environment={"PYTHONPATH": str(imports.parent)})
    assert worker_host.wait_for(imports.exists)
    (begun,) = runner.family()
    runner.setup(**MLFLOW)
    assert "ModelMissing" == runner.until("unusable")["reason"]
    assert not worker_host.is_running(begun.pid)
    assert "xx" == imports.read_text()


def test_a_hint_is_dropped_where_each_worker_loads(runner: FakeRunner, imports: Path) -> None:
    """There is no process that loads for all."""
    runner.script("def init(): pass" + RUN)
    runner.start(*hint(runner), environment={"PYTHONPATH": str(imports.parent)})
    assert worker_host.wait_for(imports.exists)
    (begun,) = runner.family()
    runner.setup(init_mode="Spawn")
    runner.ready()
    assert not worker_host.is_running(begun.pid)
    assert "Succeeded" == runner.score("a")["outcome"]


def test_a_hint_leaves_nothing_behind(runner: FakeRunner, imports: Path) -> None:
    """A runner may let the host go before anything."""
    runner.start(*hint(runner), environment={"PYTHONPATH": str(imports.parent)})
    assert worker_host.wait_for(imports.exists)
    (begun,) = runner.family()
    assert 13 == runner.leave(13)
    assert not worker_host.is_running(begun.pid)


def test_what_was_begun_and_died_is_begun_anew(runner: FakeRunner, imports: Path) -> None:
    """A kill before the runner speaks costs nothing but time."""
    runner.start(*hint(runner), environment={"PYTHONPATH": str(imports.parent)})
    assert worker_host.wait_for(imports.exists)
    (begun,) = runner.family()
    begun.kill()
    assert worker_host.wait_for(lambda: not runner.family())
    runner.setup(**MLFLOW)
    assert "ModelMissing" == runner.until("unusable")["reason"]
    assert "xx" == imports.read_text()
