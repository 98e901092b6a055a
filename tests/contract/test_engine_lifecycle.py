"""An instance while it lives: told to stop, killed, asked how far it is; and what user code sees of it."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint.cluster import facts
from batchpoint.cluster.resources import PODS
from batchpoint.cluster.runners import Runners
from batchpoint_runner.contract import Progress
from support import local_jobs, manifests, scripted_jobs
from support.api_server import ApiServer
from support.scripted_jobs import Desk

pytestmark = pytest.mark.slow

PACED = """
def init():
    count("inits")

def run(mini_batch):
    for path in mini_batch:
        count("calls")
    time.sleep(0.1)
    return {path: text(path) for path in mini_batch}
"""

FILES = 60


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Sixty files, two in each mini-batch, a tenth of a second for each of those."""
    with scripted_jobs.desk(tmp_path / "desk") as at:
        at.texts(FILES)
        at.deploy("paced", PACED, miniBatchSize=2, maxConcurrencyPerInstance=2)
        at.job("paced", "paced")
        yield at


def _started(at: Desk, *options: str, **variables: str) -> subprocess.Popen[str]:
    """Start the job and wait for its first published chunk."""
    command = at.start("paced", options=options, **variables)
    commits = at.output("paced").glob
    local_jobs.wait_until(lambda: list(commits(".batchpoint/*/chunks/*")), "a chunk is published")
    return command


def _rows() -> list[str]:
    return ["file,value", *(f"{number:03}.txt,text {number}" for number in range(FILES))]


def _in_hand(workers: int = 2, mini_batch_size: int = 2) -> int:
    """Return how many files an instance may have at its workers and waiting in its host."""
    return 3 * workers * mini_batch_size


@pytest.mark.parametrize("parts", [("host",), ("runner",), ("host", "runner")], ids="+".join)
def test_sigterm_drains_an_instance_which_then_goes_on(desk: Desk, parts: tuple[str, ...]) -> None:
    """What is in hand is published, nothing is lost, and what was published is not scored again."""
    command = _started(desk)
    running = scripted_jobs.parts_of(command)
    for part in parts:
        (process,) = running[part]
        process.send_signal(signal.SIGTERM)
    done = scripted_jobs.ended(command)
    assert (0, _rows()) == (done.code, desk.lines("paced")), done.said
    assert FILES <= desk.calls("calls") <= FILES + _in_hand(), done.said
    # A runner that was told to stop has drained: the whole instance begins anew, model included.
    assert "started again" in done.said


def test_a_runner_that_is_killed_leaves_the_loaded_model(desk: Desk) -> None:
    """The host keeps its workers and what they have in hand, and `init` is not called again."""
    command = _started(desk)
    inits = desk.calls("inits")
    workers = {process.pid for process in scripted_jobs.parts_of(command)["worker"]}
    (runner,) = scripted_jobs.parts_of(command)["runner"]
    runner.kill()
    local_jobs.wait_until(
        lambda: {one.pid for one in scripted_jobs.parts_of(command)["runner"]} - {runner.pid},
        "a new runner",
    )
    assert workers == {process.pid for process in scripted_jobs.parts_of(command)["worker"]}
    done = scripted_jobs.ended(command)
    assert (0, _rows()) == (done.code, desk.lines("paced")), done.said
    assert inits == desk.calls("inits") > 0
    # A runner that dies loses the chunks in hand, whose files are scored again.
    assert desk.calls("calls") <= FILES + _in_hand()


def test_the_operator_understands_an_instance(desk: Desk) -> None:
    """What a real one answers is what the operator reads, field by field."""
    command = _started(desk, "--instances", "1")
    (port_file,) = desk.work.glob("*/0/shared/http_port")
    port = int(port_file.read_text())
    server = ApiServer()
    server.put(PODS, manifests.pod(podIP="127.0.0.1"))
    runner_job = facts.runner_job(manifests.runner_job(status={"ready": 1}))

    async def ask() -> Progress:
        async with server.client() as api, asyncio.timeout(10):
            runners = Runners(api, port=port)
            while (told := runners.progress(runner_job)) is None:
                await asyncio.sleep(0.01)
            await runners.close()
            return told

    told = asyncio.run(ask())
    assert (FILES, FILES // 2) == (told.files.total, told.mini_batches.total)
    assert "Running" == told.phase
    assert 0 == scripted_jobs.ended(command).code


def test_progress_and_metrics_can_be_watched(desk: Desk) -> None:
    """They answer all the time, never fall, never exceed the total, and come to the end."""
    command = _started(desk, "--instances", "1")
    (port_file,) = desk.work.glob("*/0/shared/http_port")
    port = int(port_file.read_text())
    seen, metrics, health = [], "", set()
    while command.poll() is None:
        try:
            seen.append(json.loads(_get(port, "/progress")))
            metrics = _get(port, "/metrics")
            health.add(_get(port, "/healthz"))
        except OSError:
            break  # the runner has gone, as it should
        time.sleep(0.05)
    done = scripted_jobs.ended(command)
    assert 0 == done.code, done.said
    assert {"ok\n"} == health
    assert len(seen) > 5
    for part, total in (("files", FILES), ("miniBatches", FILES // 2)):
        counts = [one[part]["done"] for one in seen]
        assert sorted(counts) == counts
        assert {total} == {one[part]["total"] for one in seen}
        assert total // 2 < counts[-1] <= total
    rows = [one["rows"] for one in seen]
    assert sorted(rows) == rows
    assert rows[-1] <= FILES
    assert re.match(r"\d+/30", seen[-1]["display"])
    assert "batchpoint_" in metrics
    assert "000.txt" not in metrics


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert 200 == answer.status
        return answer.read().decode()
    except http.client.HTTPException as exc:
        raise OSError(str(exc)) from exc
    finally:
        connection.close()


SHOWS = """
import json, logging, sys

def init():
    global at_init
    at_init = {
        "variables": {key: value for key, value in os.environ.items() if key != "LS_COLORS"},
        "argv": sys.argv,
        "cwd": os.getcwd(),
        "empty": os.listdir("."),
        "level": logging.getLogger().getEffectiveLevel(),
        "model": os.listdir(os.environ["AZUREML_MODEL_DIR"]),
        "path": sys.path,
        "output": os.environ["AZUREML_BI_OUTPUT_PATH"],
        "modules": sorted(one for one in sys.modules if one.startswith("batchpoint_runner")),
    }

def run(mini_batch):
    now = {"cwd": os.getcwd(), "output": os.environ["AZUREML_BI_OUTPUT_PATH"], "pid": os.getpid()}
    with open("mine-%d" % os.getpid(), "a"):
        now["files"] = os.listdir(".")
    (STATE / ("seen-%d" % os.getpid())).touch()
    limit = time.monotonic() + 10
    while len(list(STATE.glob("seen-*"))) < 2 and time.monotonic() < limit:
        time.sleep(0.02)
    return {path: json.dumps([at_init, now, path]) for path in mini_batch}
"""


def test_user_code_sees_its_own_world_alone(desk: Desk) -> None:
    """No setting and no credential of ours, Azure's arguments and variables, a private folder."""
    desk.write("models/words/weights.txt", "1")
    model = {"model": {"uri": "datastore://mine/models/words", "type": "Custom"}}
    settings = {
        "outputFormat": "JSONLines",
        "loggingLevel": "Debug",
        "maxConcurrencyPerInstance": 2,
        "environmentVariables": {"MY_SETTING": "42", "OMP_NUM_THREADS": "3"},
    }
    desk.deploy("shows", SHOWS, spec=model, **settings)
    desk.job("shows", "shows", input={"uri": "datastore://mine/texts", "include": ["00*.txt"]})
    secrets = {
        "AWS_SECRET_ACCESS_KEY": "hidden-1",
        "AZURE_STORAGE_ACCOUNT_KEY": "hidden-2",
        "BATCHPOINT_DRAIN_SECONDS": "15",
        "GOOGLE_APPLICATION_CREDENTIALS": "hidden-3",
    }
    done = desk.run("shows", **secrets)
    assert 0 == done.code, done.said
    values = [json.loads(line)["value"] for line in desk.lines("shows", "predictions.jsonl")]
    told = [json.loads(value) for value in values]
    at_init, _, path = told[0]
    variables = at_init["variables"]
    assert [] == [name for name in variables if name.startswith("BATCHPOINT_")]
    assert [] == [name for name, value in variables.items() if "hidden-" in value]
    assert ("42", "3") == (variables["MY_SETTING"], variables["OMP_NUM_THREADS"])
    assert "1" == variables["OPENBLAS_NUM_THREADS"]
    assert ["--logging_level", "DEBUG"] == at_init["argv"][1:]
    assert at_init["argv"][0].endswith("/score.py")
    assert (["words"], [], 10) == (at_init["model"], at_init["empty"], at_init["level"])
    assert [] == at_init["modules"]
    assert [] == [one for one in at_init["path"] if "host.pyz" in one]
    assert path.endswith("/000.txt")
    by_process = {one["pid"]: one for _, one, _ in told}
    assert 2 == len(by_process)
    for pid, one in by_process.items():
        assert [f"mine-{pid}"] == one["files"]
    for key in ("cwd", "output"):
        assert 2 == len({one[key] for one in by_process.values()})
        assert {str(desk.work)} == {one[key][: len(str(desk.work))] for one in by_process.values()}
