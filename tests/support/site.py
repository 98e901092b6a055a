"""One namespace of a cluster as a test's own place: manifests, files, and what becomes of its jobs.

The same manifests run on this machine by `batchpoint run`, with a folder in place of the object store: what
that leaves is what the cluster must leave, byte for byte.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from batchpoint.api.conditions import SUCCEEDED, find
from batchpoint.api.job import FINAL_PHASES, BatchJobStatus, Phase
from batchpoint.api.meta import JOB_LABEL, datastore_secret_name
from batchpoint_runner.contract import FAILURES
from batchpoint_runner.storage.urls import Location, locate
from cluster import object_store
from support import local_jobs
from support.evidence import Recorder
from support.kube import Kube, Manifest
from support.resources import manifest

ENDPOINT = "shout"
DEPLOYMENT = "shout-words"

WORDS = '''
import os
import time


def init():
    """Load the model; it says how to shout, and how long that takes."""
    global suffix, pace
    folder = os.path.join(os.environ["AZUREML_MODEL_DIR"], "words")
    suffix = read(os.path.join(folder, "suffix.txt"))
    pace = float(read(os.path.join(folder, "pace.txt")))
    print("the model is loaded", flush=True)


def read(path):
    with open(path) as file:
        return file.read()


def run(mini_batch):
    """Shout each text; the text `bad` cannot be shouted."""
    results = {}
    for path in mini_batch:
        time.sleep(pace)
        text = read(path)
        if text == "bad":
            raise ValueError("this file is bad")
        results[path] = {"said": text.upper() + suffix, "length": len(text)}
    return results
'''
"""The script of most tests: no library, rows that depend on model and file, and a pace."""

DATASTORES = ("mine", "demo")
"""Two names of the same place: the tests' own, and that of the examples."""

PACE = "models/words/pace.txt"
"""Seconds per file. Not part of the result, so that a run on this machine need not wait."""

LOCAL_SECONDS = 90
UPLOADS_AT_ONCE = 16

Condition = Callable[[BatchJobStatus], bool]


@dataclass(kw_only=True)
class Site:
    """Manifests and files of a test, and the namespace in which they become jobs."""

    kube: Kube
    namespace: str
    folder: Path
    """Of this test alone: the files that go into the object store."""
    truths: Path
    """Shared by all tests: what jobs leave on this machine."""
    recorder: Recorder
    documents: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    """By kind and name."""

    # -- what users write --------------------------------------------------------------------------

    def write(self, path: str, content: str | bytes) -> None:
        """Write a file of the datastore; `start` or `upload` brings it to the cluster."""
        target = self.files / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())

    def texts(self, count: int, folder: str = "texts", *, bad: tuple[int, ...] = ()) -> None:
        """Write files ``000.txt``, ``001.txt``, … of which the script refuses the ``bad`` ones."""
        for number in range(count):
            text = "bad" if number in bad else f"text {number}"
            self.write(f"{folder}/{number:03}.txt", text)

    def words(self, *, pace: float = 0, suffix: str = "!") -> None:
        """Write the usual script and its model, which takes ``pace`` seconds for each file."""
        self.write("code/score.py", WORDS)
        self.write("models/words/suffix.txt", suffix)
        self.write(PACE, str(pace))

    def read(self, folder: Path) -> None:
        """Add the manifests of an example."""
        for document in yaml.safe_load_all((folder / "manifests.yaml").read_text()):
            self.include(document)

    def add(self, kind: str, name: str, spec: Mapping[str, Any]) -> Manifest:
        """Add an object of ours, in place of one of the same name."""
        return self.include(manifest(kind, name, dict(spec)))

    def include(self, document: Manifest) -> Manifest:
        """Add any object."""
        self.documents[document["kind"], document["metadata"]["name"]] = document
        return document

    def endpoint(self, name: str = ENDPOINT, **spec: Any) -> Manifest:
        """Add an endpoint whose default is the usual deployment."""
        return self.add("BatchEndpoint", name, {"defaultDeployment": DEPLOYMENT, **spec})

    def deployment(
        self,
        name: str = DEPLOYMENT,
        *,
        instances: int = 1,
        spec: Mapping[str, Any] = {},
        **settings: Any,
    ) -> Manifest:
        """Add a deployment of the usual script; each mini-batch is one file unless settings say otherwise.

        Args:
            name: Of the deployment.
            instances: Pods per job.
            spec: Fields beside the settings; None takes one away.
            settings: Fields of ``spec.settings``.
        """
        usual = {
            "endpoint": ENDPOINT,
            "model": {"uri": "datastore://mine/models/words", "type": "Custom"},
            "codeConfiguration": {
                "code": {"uri": "datastore://mine/code"},
                "scoringScript": "score.py",
            },
            "output": {"uri": "datastore://mine/out"},
            "resources": {"instanceCount": instances},
            "settings": {
                "miniBatchSize": 1,
                "retrySettings": {"maxRetries": 0, "timeoutSeconds": 30},
                **settings,
            },
        }
        return self.add("BatchDeployment", name, {**usual, **spec})

    def job(self, name: str = "first", **spec: Any) -> Manifest:
        """Add a job over the usual texts; None takes a field away."""
        usual: dict[str, Any] = {"endpoint": ENDPOINT, "input": {"uri": "datastore://mine/texts"}}
        return self.add("BatchJob", name, {**usual, **spec})

    def usual(
        self, *, files: int = 12, bad: tuple[int, ...] = (), pace: float = 0, **deployment: Any
    ) -> None:
        """Write texts, script and model, and add endpoint, deployment and the job ``first``."""
        self.texts(files, bad=bad)
        self.words(pace=pace)
        self.endpoint()
        self.deployment(**deployment)
        self.job()

    # -- what users do -----------------------------------------------------------------------------

    def start(self) -> None:
        """Bring files and manifests to the cluster."""
        self.upload()
        self.kube.apply(*self.documents.values(), namespace=self.namespace)

    def apply(self, *documents: Manifest) -> str:
        """Apply some manifests and return what kubectl says."""
        return self.kube.apply(*documents, namespace=self.namespace)

    def upload(self, folder: str = "") -> None:
        """Bring the files of the datastore, or of one folder of it, to the object store."""
        place = self.locate("datastore://mine")
        paths = [path for path in (self.files / folder).rglob("*") if path.is_file()]

        def send(path: Path) -> None:
            name = f"{place.path}/{path.relative_to(self.files)}"
            place.store.replace(name, path.read_bytes())

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as executor:
            list(executor.map(send, paths))

    def change(self, job: str, **spec: Any) -> None:
        """Change fields of a job's spec, as `kubectl patch` does."""
        self.kube.patch("batchjobs", job, {"spec": spec}, self.namespace)

    def delete(self, kind: str, name: str) -> None:
        """Delete an object and do not wait."""
        self.kube.delete(kind, name, self.namespace)

    def kubectl(self, *arguments: str | Path, text: str | None = None) -> str:
        """Run kubectl in the namespace and return what it prints."""
        return self.kube.kubectl(*arguments, namespace=self.namespace, text=text)

    # -- what becomes of it ------------------------------------------------------------------------

    def status(self, job: str = "first") -> BatchJobStatus:
        """Return a job's status, empty while there is none."""
        found = self.kube.get("batchjobs", job, self.namespace).get("status", {})
        return BatchJobStatus.model_validate(found)

    def wait_for(self, job: str, *phases: Phase, within_seconds: float) -> BatchJobStatus:
        """Wait until a job is in one of these phases and return its status.

        Raises:
            AssertionError: It was not, in time, or never will be; the message says how it is.
        """
        what = f"is {' or '.join(phases)}"
        return self.wait_until(job, lambda status: status.phase in phases, what, within_seconds)

    def wait_until(
        self, job: str, condition: Condition, what: str, within_seconds: float
    ) -> BatchJobStatus:
        """Wait until the status of a job satisfies a condition and return it.

        Raises:
            AssertionError: It did not, in time, or never will, because the job is final.
        """
        deadline = time.monotonic() + within_seconds
        while True:
            status = self.status(job)
            if condition(status):
                return status
            if is_final(status):
                raise AssertionError(f"{job} ended before it {what}: {in_words(status)}")
            if time.monotonic() > deadline:
                late = f"after {within_seconds:.0f} s it is not so that {job} {what}"
                raise AssertionError(f"{late}: {in_words(status)}")
            time.sleep(0.2)

    def wait_for_progress(self, job: str, done: int, within_seconds: float) -> None:
        """Wait until ``done`` mini-batches of a job are published: more than the status knows yet."""
        self.wait_until(
            job,
            lambda status: status.phase is Phase.RUNNING and len(self.chunks(job)) >= done,
            f"has published {done} chunks",
            within_seconds,
        )

    def wait(self, condition: Callable[[], object], what: str, within_seconds: float) -> None:
        """Wait for anything else; the name of it is told when it does not happen."""
        local_jobs.wait_until(condition, what, within_seconds)

    def pause(self, seconds: float) -> None:
        """Let time pass; for what is told by a clock and by nothing else."""
        time.sleep(seconds)

    def pods(self, job: str = "first") -> list[Manifest]:
        """Return the pods of a job that exist now."""
        return self.kube.list("pods", self.namespace, labelSelector=f"{JOB_LABEL}={job}")

    def running_pods(self, job: str = "first") -> list[Manifest]:
        """Return the pods of a job whose scorer runs and that nobody has deleted."""
        return [
            pod
            for pod in self.pods(job)
            if "running" in container(pod, "scorer").get("state", {})
            and "deletionTimestamp" not in pod["metadata"]
        ]

    def runner_jobs(self, job: str = "first") -> list[Manifest]:
        """Return the Jobs of Kubernetes that were made for a job."""
        return self.kube.list("jobs", self.namespace, labelSelector=f"{JOB_LABEL}={job}")

    def events(self, job: str = "first") -> list[Manifest]:
        """Return the events of a BatchJob in the order of their making."""
        chosen = f"involvedObject.kind=BatchJob,involvedObject.name={job}"
        found = self.kube.list("events", self.namespace, fieldSelector=chosen)
        return sorted(found, key=lambda event: event["metadata"]["creationTimestamp"])

    def locate(self, uri: str) -> Location:
        """Return a place of the object store by the URI that users write."""
        return locate(uri, self._datastores)

    def output(self, job: str = "first", name: str | None = None) -> bytes:
        """Return a file of a job's results: its rows unless named, found where the status says."""
        places = self.status(job).output
        assert places is not None, f"the status of {job} says nothing of its output"
        place = self.locate(places.file if name is None else f"{places.uri.rstrip('/')}/{name}")
        return place.store.read(place.path)

    def failures(self, job: str = "first") -> dict[str, dict[str, Any]]:
        """Return the list of failures of a job by item."""
        lines = self.output(job, FAILURES).splitlines()
        return {value["item"]: value for value in map(json.loads, lines)}

    def chunks(self, job: str = "first") -> list[str]:
        """Return the chunks that a job has published, under the deployment's output."""
        place = self.locate(f"datastore://mine/out/{job}/.batchpoint")
        return [one.path for one in place.store.list(place.path) if "/chunks/" in one.path]

    # -- the truth ---------------------------------------------------------------------------------

    def expected(
        self,
        job: str = "first",
        name: str = "predictions.csv",
        *,
        instead: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return what the same manifests and files leave on this machine, with one instance.

        Args:
            job: Which job.
            name: A file beside its output.
            instead: What stands in place of addresses that mean something in a cluster only.
        """
        return (self.scored_locally(job, instead or {}) / name).read_bytes()

    def scored_locally(self, job: str, instead: Mapping[str, str]) -> Path:
        """Return the output folder of a run on this machine; the same run is made once for all tests.

        Raises:
            AssertionError: The command failed; the message is what it said.
        """
        documents = [
            one for (kind, name), one in self.documents.items() if kind != "BatchJob" or name == job
        ]
        manifests = "\n---\n".join(map(json.dumps, documents))
        for address, replacement in instead.items():
            manifests = manifests.replace(address, replacement)
        target = self.truths / self._digest(manifests)
        self.truths.mkdir(parents=True, exist_ok=True)
        with target.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (target / "out").exists():
                _run_locally(target, self.files, manifests, job)
        return target / "out"

    @property
    def files(self) -> Path:
        """The folder of what goes into the object store."""
        return self.folder / "files"

    @property
    def bucket(self) -> str:
        """The URI of this namespace's own folder of the object store, without a datastore's name."""
        return f"{object_store.datastore_files()['uri']}/{self.namespace}"

    def secret(self, name: str = "mine") -> Manifest:
        """Return the Secret of a datastore that is this namespace's own folder of the object store."""
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": datastore_secret_name(name)},
            "stringData": {**object_store.datastore_files(), "uri": self.bucket},
        }

    @cached_property
    def _datastores(self) -> Path:
        """The datastore as this machine sees it: the same server at another address."""
        folder = self.folder / "datastores"
        files = {**self.secret()["stringData"], "endpoint": object_store.HOST_ENDPOINT}
        for datastore in DATASTORES:
            (folder / datastore).mkdir(parents=True)
            for name, text in files.items():
                (folder / datastore / name).write_text(text)
        return folder

    def _digest(self, manifests: str) -> str:
        digest = hashlib.sha256(manifests.encode())
        for path in sorted(self.files.rglob("*")):
            name = str(path.relative_to(self.files))
            if path.is_file() and name != PACE:
                digest.update(f"\n{name}\n".encode() + path.read_bytes())
        return digest.hexdigest()[:16]


def _run_locally(target: Path, files: Path, manifests: str, job: str) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(files, target / "files")
    if (target / "files" / PACE).exists():
        (target / "files" / PACE).write_text("0")
    (target / "manifests.yaml").write_text(manifests)
    with tempfile.TemporaryDirectory(prefix="bp-") as work:  # short, because sockets lie below it
        done = subprocess.run(
            [
                *(sys.executable, "-m", "batchpoint.cli.main", "run"),
                *("-f", str(target / "manifests.yaml"), "--job", job, "--instances", "1"),
                *(f"--datastore={name}={target / 'files'}" for name in DATASTORES),
                *("--work-directory", work, "--output", str(target / "out")),
            ],
            env=local_jobs.environment({}),
            capture_output=True,
            text=True,
            timeout=LOCAL_SECONDS,
            check=False,
        )
    assert done.returncode == 0, done.stderr


def is_final(status: BatchJobStatus) -> bool:
    """Say whether nothing more will become of a job."""
    return status.phase in FINAL_PHASES


def in_words(status: BatchJobStatus) -> str:
    """Return how a job is, for the message of a failed test."""
    outcome = find(status.conditions, SUCCEEDED)
    progress = status.progress.display if status.progress else "no progress"
    told = f"{status.phase} ({status.reason}), {progress}: {status.message}"
    return told if outcome is None else f"{told} [{outcome.status}, code {status.exit_code}]"


def container(pod: Manifest, name: str) -> dict[str, Any]:
    """Return the status of a container of a pod, empty while there is none."""
    status = pod.get("status", {})
    every = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return next((one for one in every if one["name"] == name), {})
