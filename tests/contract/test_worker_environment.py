"""What user code finds when it wakes up in a worker: variables, folders, arguments, modules, logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import worker_host
from support.worker_host import FakeRunner

TELL = """
import json, logging, os, sys

def run(mini_batch):
    return [json.dumps(TOLD)]
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[FakeRunner]:
    """A runner whose host is ended after the test."""
    with worker_host.runner(tmp_path) as one:
        yield one


def told(runner: FakeRunner, expression: str, at: str = "run", **setup: Any) -> Any:
    """Return what an expression is worth inside a worker, when imported, in init or in run."""
    source = TELL.replace("TOLD", expression if at == "run" else "told")
    if at == "import":
        source += f"\ntold = {expression}\n"
    if at == "init":
        source += f"\ndef init():\n    global told\n    told = {expression}\n"
    runner.script(source)
    environment = setup.pop("host_environment", {})
    runner.start(environment=environment)
    runner.setup(output_format="AzureRows", **setup)
    result = runner.score("a")
    assert "Succeeded" == result["outcome"], result["error"]
    return json.loads(runner.body(result["task"]))


THREADS = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS"]


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_thread_limits_are_there_before_the_first_import(
    runner: FakeRunner, init_mode: str
) -> None:
    """Libraries read them while they load; the deployment's own values win."""
    found = told(
        runner,
        f"[os.environ.get(name) for name in {THREADS}]",
        at="import",
        threads_per_worker=3,
        environment={"MKL_NUM_THREADS": "7"},
        init_mode=init_mode,
    )
    assert ["3", "3", "7", "3"] == found


def test_variables_of_the_deployment_are_set(runner: FakeRunner) -> None:
    """And the model's folder."""
    found = told(
        runner,
        "[os.environ['MINE'], os.environ['AZUREML_MODEL_DIR']]",
        at="init",
        environment={"MINE": "yes"},
        model_directory="/model/here",
    )
    assert ["yes", "/model/here"] == found


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_variables_of_batchpoint_are_not_seen(runner: FakeRunner, init_mode: str) -> None:
    """Neither those of the host's container nor any that the host makes."""
    found = told(
        runner,
        "[name for name in os.environ if 'BATCHPOINT' in name]",
        host_environment={"BATCHPOINT_CONFIG": "x"},
        init_mode=init_mode,
    )
    assert [] == found


def test_arguments_are_those_of_azures_engine(runner: FakeRunner) -> None:
    """Scripts parse them."""
    found = told(runner, "sys.argv", logging_level="Debug")
    assert [str(runner.code / "score.py"), "--logging_level", "DEBUG"] == found


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_current_folder_is_private_and_writable(runner: FakeRunner, init_mode: str) -> None:
    """Each worker has its own."""
    found = told(runner, "[os.getcwd(), os.access('.', os.W_OK)]", init_mode=init_mode)
    assert [str(runner.scratch / "workers" / "0-1" / "cwd"), True] == found


def test_log_level_is_that_of_the_root_logger(runner: FakeRunner) -> None:
    """AZURE.md §6: it sets both."""
    assert 30 == told(runner, "logging.getLogger().level", logging_level="Warning")


def test_descriptors_of_the_host_are_not_inherited(runner: FakeRunner) -> None:
    """A worker holds its standard streams and its own connection, nothing of the runner's."""
    expression = "sorted(os.listdir('/proc/self/fd'))[:-1]"
    assert 4 >= len(told(runner, expression, init_mode="Spawn"))


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_standard_input_is_empty(runner: FakeRunner, init_mode: str) -> None:
    """A script that reads it does not wait for ever."""
    assert "" == told(runner, "sys.stdin.read()", init_mode=init_mode)


def test_code_folder_comes_first_and_ours_is_not_there(runner: FakeRunner) -> None:
    """User code imports its own modules, before all others."""
    found = told(runner, "sys.path")
    assert str(runner.code) == found[0]
    assert str(runner.archive) not in found


def test_neighbouring_modules_import_by_plain_name(runner: FakeRunner) -> None:
    """Also when the script lies in a sub-folder."""
    (runner.code / "inner").mkdir()
    runner.script("beside = 1", "inner/beside.py")
    runner.script("above = 2", "above.py")
    runner.script(
        "import above, beside, os\n"
        "def run(mini_batch): return [[above.above, beside.beside, os.path.basename(__file__)]]",
        "inner/score.py",
    )
    runner.start()
    runner.setup(script=str(runner.code / "inner" / "score.py"), output_format="AzureRows")
    assert b"[2, 1, 'score.py']\n" == runner.body(runner.score("a")["task"])


def test_context_is_passed_where_it_is_wanted(runner: FakeRunner) -> None:
    """The two-argument form of run."""
    runner.script(
        "def run(mini_batch, mini_batch_context):\n"
        "    return [mini_batch_context.minibatch_index, mini_batch_context.partition_key_value]"
    )
    runner.start()
    runner.setup(output_format="AzureRows")
    assert b"1\n{}\n" == runner.body(runner.score("a")["task"])


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_azures_helper_module_is_offered(runner: FakeRunner, init_mode: str) -> None:
    """Scripts written for it run unchanged."""
    runner.script(
        """
        import os
        from azureml_user.parallel_run import EntryScript
        def init():
            EntryScript().logger.info("from init")
        def run(mini_batch):
            entry = EntryScript()
            entry.logger.info("from run")
            assert os.path.isdir(entry.log_dir) and os.path.isdir(entry.working_dir)
            return [entry.agent_name, entry.output_dir == os.environ["AZUREML_BI_OUTPUT_PATH"]]
        """
    )
    runner.start()
    runner.setup(output_format="AzureRows", init_mode=init_mode)
    assert b"process000\nTrue\n" == runner.body(runner.score("a")["task"])
    assert "stderr | from run" in runner.log()


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_workers_share_out_the_gpus(runner: FakeRunner, init_mode: str) -> None:
    """One index each, none beyond their number; a replacement has the index of its predecessor."""
    runner.script(
        """
        import os, time
        def run(mini_batch):
            if mini_batch[0].endswith("die"): os._exit(1)
            time.sleep(0.3)
            return [os.environ["CUDA_VISIBLE_DEVICES"] + "/" + os.environ["AZ_BATCHAI_GPU_COUNT_FOUND"]]
        """
    )
    runner.start(environment={"CUDA_VISIBLE_DEVICES": "4,5"})
    runner.setup(workers=3, init_mode=init_mode, output_format="AzureRows")
    for _ in range(3):
        runner.ready()
    died = runner.score("die")
    runner.ready()
    tasks = [runner.task("a") for _ in range(3)]
    bodies = {runner.result(task)["worker"]: runner.body(task) for task in tasks}
    assert {0: b"4/2\n", 1: b"5/2\n", 2: b"/2\n"} == bodies
    assert died["worker"] in bodies


def test_output_path_is_kept_for_the_life_of_a_worker(runner: FakeRunner) -> None:
    """Scripts read it once in init; what they write is published per mini-batch."""
    runner.script(
        """
        import os
        def init():
            global folder
            folder = os.environ["AZUREML_BI_OUTPUT_PATH"]
            os.makedirs(folder + "/sub")
            open(folder + "/from-init", "w").close()
        def run(mini_batch):
            name = os.path.basename(mini_batch[0])
            with open(folder + "/sub/" + name, "w") as file:
                file.write(name * 3)
            if name == "bad": raise ValueError("after writing")
            return [1]
        """
    )
    runner.start()
    runner.setup()
    first, bad, second = runner.score("one"), runner.score("bad"), runner.score("three")
    assert [{"path": "sub/one", "size": 9}] == first["files"]
    assert [[], "Failed"] == [bad["files"], bad["outcome"]]
    assert [{"path": "sub/three", "size": 15}] == second["files"]
    published = runner.scratch / "tasks" / first["task"] / "files" / "sub" / "one"
    assert "oneoneone" == published.read_text()


@pytest.mark.parametrize(
    ("make", "kind"),
    [("os.symlink('/etc/passwd', p)", "symbolic link"), ("os.mkfifo(p)", "named pipe")],
)
def test_only_regular_files_are_published(runner: FakeRunner, make: str, kind: str) -> None:
    """Anything else is a failed attempt that names it, and is gone afterwards."""
    runner.script(
        f"import os\ndef run(mini_batch):\n"
        f"    p = os.environ['AZUREML_BI_OUTPUT_PATH'] + '/odd'\n"
        f"    if mini_batch[0].endswith('bad'): {make}\n"
        f"    return [1]"
    )
    runner.start()
    runner.setup()
    bad, good = runner.score("bad"), runner.score("good")
    assert ("Failed", "UnusableOutput") == (bad["outcome"], bad["error"]["type"])
    assert f"odd in AZUREML_BI_OUTPUT_PATH, which is a {kind}" in bad["error"]["message"]
    assert ("Succeeded", []) == (good["outcome"], good["files"])


def test_large_rows_travel_as_a_file(runner: FakeRunner) -> None:
    """Small ones in the frame."""
    runner.script("def run(mini_batch): return ['x' * (9 << 20)]")
    runner.start()
    runner.setup(output_format="AzureRows")
    result = runner.score("a")
    rows = runner.scratch / "tasks" / result["task"] / "rows"
    assert ("File", (9 << 20) + 1) == (result["body"], rows.stat().st_size)
    assert b"" == runner.body(result["task"])


def test_summary_only_sends_counts(runner: FakeRunner) -> None:
    """No rows leave the worker."""
    runner.script("def run(mini_batch): return [1]")
    runner.start()
    runner.setup(output_action="SummaryOnly")
    result = runner.score("a", "b")
    assert ("None", 1) == (result["body"], result["short"])


@pytest.mark.parametrize("init_mode", ["Fork", "Spawn"])
def test_log_lines_name_their_mini_batch(runner: FakeRunner, init_mode: str) -> None:
    """Of Python, of C code and of children, with time, attempt and stream."""
    runner.script(
        """
        import ctypes, os, subprocess, sys
        def run(mini_batch):
            print("from Python")
            print("to stderr", file=sys.stderr)
            ctypes.CDLL(None).puts(b"from C")
            subprocess.run(["echo", "from a child"])
            return [1]
        """
    )
    runner.start("--echo-logs")
    runner.setup(init_mode=init_mode)
    runner.score("a")
    lines = [line.split(" ", 1)[1] for line in runner.log().splitlines()]
    where = "mini-batch 1 attempt 1 task t1"
    wanted = ["stdout | from Python", "stderr | to stderr", "stdout | from C"]
    for end in [*wanted, "stdout | from a child"]:
        assert f"{where} {end}" in lines
    assert "from Python" in (runner.folder / "stdout.txt").read_text()


def test_every_python_option_of_output_encoding_survives(runner: FakeRunner) -> None:
    """Any character can be printed, whatever locale the image has."""
    runner.script("def run(mini_batch):\n    print('\\u00e9 \\u4e2d \\udc80')\n    return [1]")
    runner.start(environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "LANG": "C"})
    runner.setup()
    assert "Succeeded" == runner.score("a")["outcome"]


def test_child_processes_of_user_code_work(runner: FakeRunner) -> None:
    """Multiprocessing with either start method, as scripts use it."""
    runner.script(
        """
        import multiprocessing
        import beside
        def run(mini_batch):
            found = []
            for method in ("fork", "spawn"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    found.append(sum(pool.map(beside.double, [1, 2, 3])))
            return found
        """
    )
    runner.script("def double(x): return 2 * x", "beside.py")
    runner.start()
    runner.setup(output_format="AzureRows")
    result = runner.score("a", timeout_seconds=60)
    assert "Succeeded" == result["outcome"], result["error"]
    assert b"12\n12\n" == runner.body(result["task"])


def test_host_reaches_a_socket_in_a_deep_folder(tmp_path: Path) -> None:
    """A Unix address holds 108 bytes; folders may be longer."""
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with worker_host.runner(deep) as one:
        one.script("def run(mini_batch): return [1]")
        one.start()
        one.setup()
        assert "Succeeded" == one.score("a")["outcome"]
