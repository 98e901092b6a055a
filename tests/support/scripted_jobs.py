"""Jobs for `batchpoint run` with any script, input and settings, and what their commands leave.

A `Desk` is a folder with a datastore, manifests and a scratch folder. Scripts keep what they have to
remember over attempts and processes in files below ``STATE``, a variable that is put before them.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from support import local_jobs

PRELUDE = '''
import os, pathlib, time
STATE = pathlib.Path(%r)

def count(name):
    """Return how often this was called for a name, this call included; safe among processes."""
    descriptor = os.open(STATE / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, b".")
    size = os.fstat(descriptor).st_size
    os.close(descriptor)
    return size

def text(path):
    with open(path) as file:
        return file.read()

def name(path):
    return os.path.basename(path)
'''

SECONDS = 90
"""After which a command that does not end has failed its test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a command left: its code, its answers by job, and what it said."""

    code: int
    answers: Mapping[str, dict[str, Any]]
    said: str

    def answer(self, job: str) -> dict[str, Any]:
        """Return the JSON object of one job."""
        return self.answers[job]


@dataclass(slots=True, kw_only=True)
class Desk:
    """Where the manifests of some jobs are, and the folders that they name."""

    folder: Path
    work: Path
    """Scratch of the commands; short, because sockets lie below it."""
    documents: list[dict[str, Any]] = field(default_factory=list)
    declared: set[str] = field(default_factory=set)
    """Names of datastores that lie elsewhere."""
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def store(self) -> Path:
        """The folder behind ``datastore://mine/``."""
        return self.folder / "store"

    @property
    def state(self) -> Path:
        """What scripts remember."""
        return self.folder / "state"

    def write(self, path: str, content: str | bytes = "") -> Path:
        """Write a file of the datastore."""
        target = self.store / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def texts(self, count: int, folder: str = "texts") -> None:
        """Write files ``000.txt``, ``001.txt``, … with the texts ``text 0``, ``text 1``, and so on."""
        for number in range(count):
            self.write(f"{folder}/{number:03}.txt", f"text {number}")

    def script(self, deployment: str, text: str) -> None:
        """Write, or mend, the script of a deployment."""
        self.write(f"code/{deployment}/score.py", PRELUDE % str(self.state) + text)

    def deploy(self, name: str, script: str | None, **settings: Any) -> None:
        """Add a deployment with its endpoint; ``spec`` in the settings adds to the deployment itself."""
        more = settings.pop("spec", {})
        if script is not None:
            self.script(name, script)
        retries = {
            "maxRetries": settings.pop("maxRetries", 0),
            "timeoutSeconds": settings.pop("timeoutSeconds", 30),
        }
        spec = {
            "endpoint": name,
            "codeConfiguration": {
                "code": {"uri": f"datastore://mine/code/{name}"},
                "scoringScript": "score.py",
            },
            "output": {"uri": "datastore://mine/out"},
            "settings": {
                "maxConcurrencyPerInstance": 1,
                "miniBatchSize": 1,
                "retrySettings": retries,
                **settings,
            },
            **more,
        }
        spec = {key: value for key, value in spec.items() if value is not None}
        self._add("BatchEndpoint", name, {"defaultDeployment": name})
        self._add("BatchDeployment", name, spec)

    def job(self, name: str, deployment: str, folder: str | None = "texts", **spec: Any) -> None:
        """Add a job over a folder of the datastore."""
        chosen = {} if folder is None else {"input": {"uri": f"datastore://mine/{folder}"}}
        self._add("BatchJob", name, {"endpoint": deployment, **chosen, **spec})

    def rerun(self, name: str, of: str, deployment: str, **spec: Any) -> None:
        """Add a job that scores again what failed in another."""
        self.job(name, deployment, None, rerun={"job": of, "only": "Failed"}, **spec)

    def declare(self, name: str, files: Mapping[str, str]) -> None:
        """Add a datastore with its credentials, in place of the folder if it is called `mine`."""
        identity = {"apiVersion": "v1", "kind": "Secret"}
        metadata = {
            "name": f"batchpoint-datastore-{name}",
            "labels": {"batchpoint.dev/datastore": name},
        }
        self.documents.append({**identity, "metadata": metadata, "stringData": dict(files)})
        self.declared.add(name)

    def _add(self, kind: str, name: str, spec: dict[str, Any]) -> None:
        identity = {"apiVersion": "batchpoint.dev/v1alpha1", "kind": kind}
        self.documents = [
            one
            for one in self.documents
            if (one["kind"], one["metadata"]["name"]) != (kind, name)  # a later one counts
        ]
        self.documents.append({**identity, "metadata": {"name": name}, "spec": spec})

    # -- running -----------------------------------------------------------------------------------

    def command(self, *jobs: str, options: Sequence[str] = ()) -> list[str]:
        """Write the manifests and return the command line that runs some of the jobs."""
        manifests = self.folder / "manifests.yaml"
        manifests.write_text("\n---\n".join(json.dumps(one) for one in self.documents))
        stores = {} if "mine" in self.declared else {"mine": str(self.store)}
        return [
            *(sys.executable, "-m", "batchpoint.cli.main", "run", "--json"),
            *("-f", str(manifests), "--work-directory", str(self.work)),
            *(word for name, uri in stores.items() for word in ("--datastore", f"{name}={uri}")),
            *(word for job in jobs for word in ("--job", job)),
            *options,
        ]

    def start(
        self, *jobs: str, options: Sequence[str] = (), **variables: str
    ) -> subprocess.Popen[str]:
        """Start the command and return at once."""
        command = subprocess.Popen(
            self.command(*jobs, options=options),
            env=local_jobs.environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(command)
        return command

    def run(self, *jobs: str, options: Sequence[str] = (), **variables: str) -> Ended:
        """Run some of the jobs, one after the other, to the end of the command."""
        return ended(self.start(*jobs, options=options, **variables))

    # -- what is left ------------------------------------------------------------------------------

    def output(self, job: str) -> Path:
        """Return a job's output folder."""
        return self.store / "out" / job

    def lines(self, job: str, name: str = "predictions.csv") -> list[str]:
        """Return the lines of an output file."""
        return (self.output(job) / name).read_text().splitlines()

    def failures(self, job: str) -> dict[str, dict[str, Any]]:
        """Return the failures of a job by item."""
        return {
            value["item"]: value for value in map(json.loads, self.lines(job, "failures.jsonl"))
        }

    def plan(self, job: str) -> dict[str, Any]:
        """Return the plan of a job as it lies in its ledger."""
        (path,) = self.output(job).glob(".batchpoint/*/plan.json")
        value: dict[str, Any] = json.loads(path.read_text())
        return value

    def published(self, job: str) -> set[str]:
        """Return the names of all files beside the output, the ledger left out."""
        folder = self.output(job)
        return {
            str(path.relative_to(folder))
            for path in folder.rglob("*")
            if path.is_file() and ".batchpoint" not in path.parts
        }

    def calls(self, name: str) -> int:
        """Return how often scripts called ``count(name)``."""
        path = self.state / name
        return path.stat().st_size if path.exists() else 0


def ended(command: subprocess.Popen[str]) -> Ended:
    """Wait for the end of a command that was started with `Desk.start`."""
    try:
        output, said = command.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        command.kill()
        output, said = command.communicate()
        raise AssertionError(f"the command did not end in {SECONDS} seconds: {said}") from None
    answers = [json.loads(line) for line in output.splitlines()]
    return Ended(code=command.returncode, answers={one["job"]: one for one in answers}, said=said)


def parts_of(command: subprocess.Popen[str]) -> dict[str, list[psutil.Process]]:
    """Return the running processes of a command: ``runner``, ``host`` and ``worker``."""
    found: dict[str, list[psutil.Process]] = {"runner": [], "host": [], "worker": []}
    try:
        children = psutil.Process(command.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return found
    for process in children:
        try:
            line = " ".join(process.cmdline())
            kind = "runner" if "batchpoint_runner" in line else "worker"
            found["host" if process.ppid() == command.pid and kind == "worker" else kind].append(
                process
            )
        except psutil.Error:
            continue
    return found


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """Lay out a desk, with a scratch folder of a short name that goes at the end."""
    work = Path(tempfile.mkdtemp(prefix="bp-"))
    for name in ("store", "state"):
        (folder / name).mkdir(parents=True)
    at = Desk(folder=folder, work=work)
    try:
        yield at
    finally:
        for command in at.started:
            if command.poll() is None:
                command.kill()
                print(command.communicate())  # shown by pytest when the test has failed
        shutil.rmtree(work, ignore_errors=True)


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Desk], dict[str, Ended]]
) -> tuple[Desk, dict[str, Ended]]:
    """Do something at one desk for all tests of this run, in whichever test process asks first.

    Args:
        factory: Of pytest; its processes share a parent folder.
        name: Unique among all tests.
        make: Runs commands; returns how they ended, by any name.
    """
    base = factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    folder, answers = shared / f"desk-{name}", shared / f"desk-{name}.json"
    with (shared / f"desk-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not answers.exists():
            shutil.rmtree(folder, ignore_errors=True)
            with desk(folder) as at:
                done = make(at)
            value = {
                key: {"code": one.code, "answers": one.answers, "said": one.said}
                for key, one in done.items()
            }
            answers.write_text(json.dumps(value))
        value = json.loads(answers.read_text())
    return Desk(folder=folder, work=folder), {key: Ended(**one) for key, one in value.items()}
