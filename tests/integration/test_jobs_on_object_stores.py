"""Whole jobs whose input, model, code and output lie on S3 and Azure Blob Storage: the real command."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from batchpoint_runner.storage.base import Store
from batchpoint_runner.storage.urls import locate
from support import local_jobs, object_stores, scripted_jobs
from support.faulty_stores import Cutter, forgetful_s3
from support.object_stores import Server
from support.scripted_jobs import Desk

pytestmark = pytest.mark.timeout(300)

WORDS = """
def init():
    global suffix
    count("inits")
    folder = os.environ["AZUREML_MODEL_DIR"]
    suffix = (pathlib.Path(folder) / "words" / "suffix.txt").read_text()

def run(mini_batch):
    time.sleep(float((STATE / "pace").read_text()))
    results = {}
    for path in mini_batch:
        if text(path) == "text 7":
            raise ValueError("seven is bad")
        results[path] = {"said": text(path) + suffix}
        with open(os.path.join(os.environ["AZUREML_BI_OUTPUT_PATH"], name(path)), "w") as file:
            file.write(text(path).upper())
    return results
"""

FILES = 40


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An S3 gateway."""
    with object_stores.versitygw(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An emulator of Azure Blob Storage."""
    with object_stores.azurite(tmp_path_factory.mktemp("azure")) as server:
        yield server


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Forty texts, a model, and a script that writes files too; two instances."""
    with scripted_jobs.desk(tmp_path / "desk") as at:
        at.texts(FILES)
        at.write("models/words/suffix.txt", "!")
        (at.state / "pace").write_text("0")
        spec = {
            "model": {"uri": "datastore://mine/models/words", "type": "Custom"},
            "resources": {"instanceCount": 2},
        }
        at.deploy("words", WORDS, miniBatchSize=2, spec=spec)
        at.job("words", "words")
        yield at


def _move(at: Desk, server: Server, prefix: str, **changes: str) -> Store:
    """Bring the datastore of a desk to a bucket; return what reads there."""
    files = {**server.files, "uri": f"{server.scheme}://{server.bucket}/{prefix}"}
    server.write_datastore(at.folder / "there", "mine", files=files)
    location = locate("datastore://mine", at.folder / "there")
    for path in at.store.rglob("*"):
        if path.is_file() and path.relative_to(at.store).parts[0] != "out":
            name = f"{location.path}/{path.relative_to(at.store)}"
            location.store.replace(name, path.read_bytes())
    at.declare("mine", {**files, **changes})
    return location.store


def _local(at: Desk) -> tuple[bytes, list[dict[str, object]]]:
    """Run the job on local files; return its rows and its failures."""
    done = at.run("words")
    assert 0 == done.code, done.said
    failures = [json.loads(line) for line in at.lines("words", "failures.jsonl")]
    assert ["007.txt"] == [one["item"] for one in failures]
    return (at.output("words") / "predictions.csv").read_bytes(), failures


def _kill_one_of_two(at: Desk, store: Store, prefix: str) -> scripted_jobs.Ended:
    """Run slowly until something is published, kill a runner and a host, and go on quickly."""
    (at.state / "pace").write_text("0.2")
    command = at.start("words", BATCHPOINT_STALE_AFTER_SECONDS="5")

    def is_begun() -> bool:
        return any("/chunks/" in one.path for one in store.list(f"{prefix}/out/words/.batchpoint"))

    local_jobs.wait_until(is_begun, "a chunk is published", seconds=60)
    running = scripted_jobs.parts_of(command)
    for part in ("runner", "host"):
        assert 2 == len(running[part])
        running[part][0].kill()
    (at.state / "pace").write_text("0")
    return scripted_jobs.ended(command)


@pytest.mark.parametrize("kind", ["s3", "azure"])
def test_a_job_on_an_object_store_leaves_the_bytes_of_a_local_one(
    kind: str, desk: Desk, request: pytest.FixtureRequest
) -> None:
    """Although one of its two instances is killed; files of user code are there, too."""
    server: Server = request.getfixturevalue(kind)
    rows, failures = _local(desk)
    store = _move(desk, server, "whole")
    done = _kill_one_of_two(desk, store, "whole")
    assert 0 == done.code, done.said
    assert "started again" in done.said
    assert rows == store.read("whole/out/words/predictions.csv")
    found = store.read("whole/out/words/failures.jsonl").splitlines()
    assert [one["item"] for one in failures] == [json.loads(line)["item"] for line in found]
    assert b"TEXT 3" == store.read("whole/out/words/003.txt")
    assert b"succeeded with 1 failure" in store.read("whole/out/words/job_result.txt")
    assert [] == [one for one in server.files.values() if len(one) > 20 and one in done.said]


def test_a_store_that_loses_replies_gets_the_same_bytes(desk: Desk, s3: Server) -> None:
    """One reply of twelve never arrives, so that what is written seems to exist already."""
    rows, _ = _local(desk)
    with Cutter(s3.endpoint, share=1 / 12) as cutter:
        store = _move(desk, s3, "lossy", endpoint=cutter.endpoint)
        done = desk.run("words")
        assert 0 == done.code, done.said
        assert cutter.lost > 5
    assert rows == store.read("lossy/out/words/predictions.csv")


def test_a_store_that_ignores_conditions_is_refused(desk: Desk, s3: Server) -> None:
    """With code 14, before anything is computed."""
    with forgetful_s3() as endpoint:
        files = {**s3.files, "endpoint": endpoint, "uri": "s3://data/x"}
        desk.declare("careless", files)
        desk.job("words", "words", output={"uri": "datastore://careless/out"})
        done = desk.run("words")
    answer = done.answer("words")
    assert (14, 14, "StoreUnsafe") == (done.code, answer["code"], answer["reason"])
    assert 0 == desk.calls("inits")


LARGE = """
def run(mini_batch):
    return {path: [name(path) + "-" + "x" * 1000] * 1000 for path in mini_batch}
"""


def test_rows_beyond_one_request_are_uploaded_in_parts(desk: Desk, s3: Server) -> None:
    """80 MB of rows: on S3 an object made of parts has an etag that says so."""
    desk.texts(80, "many")
    desk.deploy("large", LARGE, maxConcurrencyPerInstance=2)
    desk.job("large", "large", "many")
    store = _move(desk, s3, "large")
    done = desk.run("large")
    assert (0, 80_000) == (done.code, done.answer("large")["counts"]["rows"]), done.said
    found = store.find("large/out/large/predictions.csv")
    assert found is not None
    assert found.size > 64 * 1024 * 1024
    assert "-" in str(found.etag)
    content = store.read("large/out/large/predictions.csv")
    files = [line.partition(b",")[0] for line in content.splitlines()[1:]]
    assert [b"%03d.txt" % number for number in range(80) for _ in range(1000)] == files


def test_one_file_from_the_web_is_an_input(desk: Desk) -> None:
    """By its address; its name is the last part."""
    folder = str(desk.store / "texts")
    handler = partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/005.txt"
        desk.job("words", "words", input={"uri": address, "type": "UriFile"})
        done = desk.run("words")
        server.shutdown()
        thread.join()
    assert 0 == done.code, done.said
    assert ["file,said", "005.txt,text 5!"] == desk.lines("words")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep quiet."""
