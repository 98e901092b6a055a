"""A small job for `batchpoint run`: text files, a script without heavy imports, manifests, and its command.

The script's pace is a file that it reads, so that a job can be slow while something is done to it and
quick afterwards, with the same manifests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, time

def init():
    global suffix
    folder = os.path.join(os.environ["AZUREML_MODEL_DIR"], "words")
    with open(os.path.join(folder, "suffix.txt")) as file:
        suffix = file.read().strip()

def run(mini_batch):
    results = {}
    for path in mini_batch:
        with open(path) as file:
            text = file.read().strip()
        if text == "bad":
            raise ValueError("this file is bad")
        with open(PACE) as file:
            time.sleep(float(file.read()))
        secrets = [name for name in os.environ if name.startswith(("AWS_", "BATCHPOINT_"))]
        results[path] = {"shouted": text.upper() + suffix, "secrets": len(secrets)}
    return results
"""

MANIFESTS = """
apiVersion: batchpoint.dev/v1alpha1
kind: BatchEndpoint
metadata: {name: shout}
spec: {defaultDeployment: shout-words}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchDeployment
metadata: {name: shout-words}
spec:
  endpoint: shout
  model: {uri: datastore://mine/models/words, type: Custom}
  codeConfiguration: {code: {uri: datastore://mine/code}, scoringScript: score.py}
  output: {uri: datastore://mine/predictions}
  settings:
    maxConcurrencyPerInstance: 2
    miniBatchSize: 2
    errorThreshold: %(error_threshold)d
    retrySettings: {maxRetries: 0, timeoutSeconds: 30}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: shout-first}
spec:
  endpoint: shout
  input: {uri: datastore://mine/texts, include: [%(include)s]}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalJob:
    """Files of one job below one folder."""

    folder: Path
    work: Path
    """Scratch of the commands; short, because sockets lie below it."""

    @property
    def predictions(self) -> Path:
        """The output folder."""
        return self.folder / "datastore" / "predictions" / "shout-first"

    @property
    def ledger(self) -> Path:
        """Where chunks are committed."""
        return self.predictions / ".batchpoint"

    def set_pace(self, seconds_per_file: float) -> None:
        """Say how long each file takes from now on."""
        (self.folder / "pace").write_text(str(seconds_per_file))

    def write_text(self, name: str, text: str) -> None:
        """Add an input file."""
        (self.folder / "datastore" / "texts" / name).write_text(text)

    def command(self, *options: str) -> list[str]:
        """Return the command line that runs the job."""
        return [
            *(sys.executable, "-m", "batchpoint.cli.main", "run"),
            *("-f", str(self.folder / "manifests.yaml")),
            *("--datastore", f"mine={self.folder / 'datastore'}"),
            *("--work-directory", str(self.work)),
            *options,
        ]

    def start(self, *options: str, **variables: str) -> subprocess.Popen[str]:
        """Start the command and return at once."""
        return subprocess.Popen(
            self.command(*options),
            env=environment(variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            self.command(*options),
            env=environment(variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def rows(self, folder: Path | None = None) -> list[str]:
        """Return the lines of the predictions file."""
        return ((folder or self.predictions) / "predictions.csv").read_text().splitlines()


def make(
    folder: Path,
    work: Path,
    *,
    files: int = 12,
    error_threshold: int = -1,
    include: str = '"**/*.txt"',
) -> LocalJob:
    """Write a job of ``files`` texts, no seconds each."""
    datastore = folder / "datastore"
    for name in ("texts", "code", "models/words"):
        (datastore / name).mkdir(parents=True)
    for number in range(files):
        (datastore / "texts" / f"{number:03}.txt").write_text(f"text {number}\n")
    (datastore / "models" / "words" / "suffix.txt").write_text("!")
    script = SCRIPT.replace("PACE", repr(str(folder / "pace")))
    (datastore / "code" / "score.py").write_text(script)
    manifests = MANIFESTS % {"error_threshold": error_threshold, "include": include}
    (folder / "manifests.yaml").write_text(manifests)
    job = LocalJob(folder=folder, work=work)
    job.set_pace(0)
    return job


def expected_rows(files: int = 12) -> list[str]:
    """Return the lines that a job of `make` leaves."""
    rows = [f"{number:03}.txt,TEXT {number}!,0" for number in range(files)]
    return ["file,shouted,secrets", *rows]


def answers(command: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    """Return the JSON objects on stdout; anything else there is an error."""
    return [json.loads(line) for line in command.stdout.splitlines()]


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait for something to become true, or fail with its name."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} seconds still not: {what}")
        time.sleep(0.02)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return this environment with our sources on the path and some more variables."""
    sources = [str(ROOT / "operator"), str(ROOT / "runner-image")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sources), **variables}
