"""What people do wrong, as tables: each mistake with the one sentence that they should read.

A `Bench` puts the mistakes into a datastore and manifests, and runs the real command on them. Many
mistakes share a run, because processes take a second to start. Longer than other modules, because it
is a table.
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support import local_jobs

COMMAND_SECONDS = 240

ENDPOINT = """
apiVersion: batchpoint.dev/v1alpha1
kind: BatchEndpoint
metadata: {name: bad}
spec: {}
"""

DEPLOYMENT_AND_JOB = """---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchDeployment
metadata: {name: %(name)s}
spec:
  endpoint: bad
  model: {uri: datastore://mine/%(model)s}
  %(code)s
  output: {uri: datastore://mine/out}
  settings: {miniBatchSize: %(size)d, retrySettings: {maxRetries: 0, timeoutSeconds: %(seconds)d}}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: %(name)s}
spec: {endpoint: bad, deployment: %(name)s, input: {uri: datastore://mine/%(input)s}}
"""

CODE = "codeConfiguration: {code: {uri: datastore://mine/code}, scoringScript: %s}"
ROWS = "it must return a DataFrame, a list, a tuple, an array, or a dict from each file of mini_batch to its result."
KINDS = (
    ".csv .csv.gz .tsv .tsv.gz .parquet .pqt .jsonl .jsonl.gz .ndjson .ndjson.gz .json "
    ".png .jpg .jpeg .tiff .tif .bmp .gif"
)
LEAVE = "Leave the others out with input.include, or score them with a script."
NO_RUN = "add one that takes a list of file paths and returns rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A datastore, manifests that grow, and the command that runs them all."""

    folder: Path
    work: Path

    def write(self, path: str, content: str | bytes) -> None:
        """Put a file into the datastore."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    def add(
        self,
        name: str,
        *,
        script: str | None = None,
        model: str = "models/words, type: Custom",
        input: str = "in",
        size: int = 10,
        seconds: int = 30,
    ) -> None:
        """Add a deployment and its job; ``script`` is a name in the code folder, None the MLflow driver."""
        code = "" if script is None else CODE % script
        with (self.folder / "manifests.yaml").open("a") as manifests:
            values = {"name": name, "model": model, "code": code, "input": input}
            manifests.write(DEPLOYMENT_AND_JOB % (values | {"size": size, "seconds": seconds}))

    def run(self) -> list[dict[str, object]]:
        """Run all jobs; return the JSON object of each, without the names of scratch folders."""
        done = subprocess.run(
            [
                *(sys.executable, "-m", "batchpoint.cli.main", "run", "--json"),
                *("-f", str(self.folder / "manifests.yaml")),
                *("--datastore", f"mine={self.folder}", "--work-directory", str(self.work)),
            ],
            env=local_jobs.environment({}),
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return [json.loads(self._plain(line)) for line in done.stdout.splitlines()]

    def failures(self, job: str) -> dict[str, dict[str, str]]:
        """Return the failed files of a job by name."""
        lines = (self.folder / "out" / job / "failures.jsonl").read_text().splitlines()
        failures = [json.loads(self._plain(line)) for line in lines]
        return {failure["item"]: failure for failure in failures}

    def _plain(self, text: str) -> str:
        return re.sub(rf"{re.escape(str(self.work))}/work-\w+/\d+/shared", "SHARED", text)


def said(failures: Mapping[str, Mapping[str, str]]) -> dict[str, tuple[str, str]]:
    """Return type and message of each failed file."""
    return {name: (one["type"], one["message"]) for name, one in failures.items()}


# -- files that an MLflow model cannot score: name, content, type, message -----------------------------------

CSV = "a,b\n1.5,2\n2.5,3\n"
LONG = 'Column "b" must be long by the model\'s signature, but row {} holds {} (rows count from 0).'

BAD_FILES: Sequence[tuple[str, str | bytes, str, str]] = (
    ("empty.csv", "", "UnreadableFile", "The file is empty."),
    ("binary.csv", b"\x00\xff\xfe\x80" * 9, "UnreadableFile", "The file is not UTF-8 text."),
    ("latin1.csv", CSV.encode() + b"\xe9,1\n", "UnreadableFile", "The file is not UTF-8 text."),
    (
        "cut.csv.gz",
        gzip.compress(CSV.encode() * 99)[:-20],
        "UnreadableFile",
        "The compressed file ends too early; it was probably cut off.",
    ),
    ("plain.csv.gz", CSV, "UnreadableFile", "The file is not gzip data, though its name says so."),
    (
        "ragged.csv",
        CSV + "1,2,3\n",
        "UnreadableFile",
        "The file is not well-formed: Expected 2 fields in line 4, saw 3",
    ),
    (
        "quote.csv",
        CSV + '1,"2\n',
        "UnreadableFile",
        "The file is not well-formed: EOF inside string starting at row 3",
    ),
    (
        "other-columns.csv",
        "a,c\n1,2\n",
        "SignatureMismatch",
        'Column "b" (long) is missing, which the model\'s signature asks for; the file has the columns '
        "a, c.",
    ),
    ("text.csv", CSV + "1,old\n", "SignatureMismatch", LONG.format(2, "a string")),
    (
        "fraction.csv",
        CSV + "1,2.5\n",
        "SignatureMismatch",
        LONG.format(2, "a double that is not whole"),
    ),
    ("missing.csv", CSV + "1,\n", "SignatureMismatch", LONG.format(2, "a missing value")),
    ("words.jsonl", '{"a": 1, "b": "x"}\n', "SignatureMismatch", LONG.format(0, "a string")),
    (
        "line.jsonl",
        '{"a": 1, "b": 2}\n{"a":\n',
        "UnreadableFile",
        "Line 2 is not JSON (lines count from 1).",
    ),
    ("cut.json", '[{"a": 1', "UnreadableFile", "The file is not JSON."),
    (
        "number.json",
        "3",
        "UnreadableFile",
        'The JSON is in no known form. Known are {"columns": […], "data": [[…], …]}, '
        '{"dataframe_split": …}, [{…}, …] and {"dataframe_records": [{…}, …]}.',
    ),
    ("empty.parquet", "", "UnreadableFile", "The file is not Parquet, or is cut off."),
    ("text.parquet", "hello", "UnreadableFile", "The file is not Parquet, or is cut off."),
    (
        "photo.png",
        b"\x89PNG",
        "SignatureMismatch",
        "The model's signature has columns; an image fits only a single column of type binary.",
    ),
    (
        "notes.txt",
        "hello",
        "UnsupportedFile",
        f"Files of the kind .txt are not read for MLflow models. Supported are {KINDS}. {LEAVE}",
    ),
)


# -- calls of run() that fail: name of the file, what it makes the script do, type, message ----------------

INTERPRETER = """
def run(mini_batch):
    with open(mini_batch[0]) as file:
        program = file.read()
    names = {"files": mini_batch}
    exec(compile(program, "program", "exec"), names)
    return names["result"]
"""
"""Does what the file says."""

BAD_CALLS: Sequence[tuple[str, str, str, str]] = (
    ("key", "{}['amount']", "KeyError", "'amount'"),
    ("division", "1 / 0", "ZeroDivisionError", "division by zero"),
    ("silent", "raise ValueError", "ValueError", "ValueError without a message"),
    ("lines", "raise ValueError('one\\ntwo')", "ValueError", "one\ntwo"),
    ("none", "result = None", "UnusableResult", f"run returned None; {ROWS}"),
    ("number", "result = 3", "UnusableResult", f"run returned an int; {ROWS}"),
    (
        "generator",
        "result = (x for x in files)",
        "UnusableResult",
        f"run returned a generator; {ROWS}",
    ),
    (
        "exit",
        "import sys; sys.exit(3)",
        "SystemExit",
        "run() called sys.exit(3); raise an exception instead",
    ),
    (
        "hard-exit",
        "import os; os._exit(3)",
        "WorkerDied",
        "The worker ended with exit code 3 while run() worked on this mini-batch; user code must not end its "
        "process, raise an exception instead",
    ),
    (
        "segfault",
        "import ctypes; ctypes.string_at(0)",
        "WorkerDied",
        "The worker was killed by signal 11 (SIGSEGV) while run() worked on this mini-batch; native code "
        "crashed, or user code sent the signal",
    ),
    (
        "hang",
        "import time; time.sleep(60)",
        "TimedOut",
        "run() took longer than 2 seconds and was stopped. Use smaller mini-batches, or raise "
        "retrySettings.timeoutSeconds",
    ),
)


# -- scripts and models with which nothing starts, or nothing succeeds: …, code, message ---------------------

ANY = "def run(mini_batch):\n    return mini_batch\n"

BAD_SCRIPTS: Sequence[tuple[str, str | bytes, int, str]] = (
    (
        "empty",
        "",
        14,
        f"The scoring script empty.py defines no function run(mini_batch); {NO_RUN}.",
    ),
    (
        "no-run",
        "def score(b): pass",
        14,
        f"The scoring script no-run.py defines no function run(mini_batch); {NO_RUN}.",
    ),
    (
        "syntax",
        "def run(:\n",
        14,
        "The scoring script cannot be parsed: invalid syntax (syntax.py, line 1).",
    ),
    (
        "tabs",
        "def run(b):\n\tx = 1\n        return b\n",
        14,
        "The scoring script cannot be parsed: inconsistent use of tabs and spaces in indentation "
        "(tabs.py, line 3).",
    ),
    (
        "import",
        "import not_installed\n" + ANY,
        10,
        "Importing import.py failed with ModuleNotFoundError: No module named 'not_installed'.",
    ),
    (
        "init",
        "def init(): raise OSError('no licence')\n" + ANY,
        10,
        "The script's init() failed with OSError: no licence.",
    ),
    (
        "init-argument",
        "def init(model): pass\n" + ANY,
        10,
        "The script's init() failed with TypeError: init() missing 1 required positional argument: 'model'.",
    ),
    (
        "arguments",
        "import argparse\ndef init(): argparse.ArgumentParser().parse_args()\n" + ANY,
        10,
        "The script's init() failed with SystemExit: 2. Other arguments than its own are in sys.argv: call "
        "parse_known_args(), not parse_args().",
    ),
    (
        "model-folder",
        "import os\ndef init(): open(os.environ['AZUREML_MODEL_DIR'] + '/words.txt')\n" + ANY,
        10,
        "The script's init() failed with FileNotFoundError: [Errno 2] No such file or directory: "
        "'SHARED/model/words.txt'. AZUREML_MODEL_DIR holds the model below its own name: words/words.txt.",
    ),
    (
        "crash",
        "import ctypes\ndef init(): ctypes.string_at(0)\n" + ANY,
        10,
        "Loading the script or model failed: the process was killed by signal 11 (SIGSEGV).",
    ),
    (
        "no-parameter",
        "def run(): pass",
        14,
        "run() in no-parameter.py takes no mini-batch; write def run(mini_batch), which gets a list of file "
        "paths.",
    ),
    (
        "coroutine",
        "async def run(b): return b",
        14,
        "run() in coroutine.py is async, and nothing awaits it; write def run(mini_batch) without async.",
    ),
    (
        "yields",
        "def run(b): yield from b",
        14,
        "run() in yields.py yields its rows; return all rows of the mini-batch at once, such as a list.",
    ),
)

BAD_PLACES: Sequence[tuple[str, dict[str, str], int, str]] = (
    (
        "no-script",
        {"script": "scores.py"},
        14,
        "The scoring script 'scores.py' is not in the code datastore://mine/code; it holds: score.py. "
        "Correct `scoringScript`, which is relative to that folder.",
    ),
    (
        "no-model",
        {"script": "score.py", "model": "models/word, type: Custom"},
        14,
        "There is no model at datastore://mine/models/word. Beside it there is: words/, broken/. Correct "
        "its URI.",
    ),
    (
        "no-input",
        {"script": "score.py", "input": "inn"},
        13,
        "The input folder datastore://mine/inn does not exist. Beside it there is: in/, code/, "
        "manifests.yaml and others.",
    ),
    (
        "no-mlflow",
        {"model": "models/words, type: MLflow"},
        14,
        "The model is no MLflow model: it has no file MLmodel (there: words.txt). Point model.uri at the "
        "folder that holds it, or score the model with a script.",
    ),
    (
        "broken-mlflow",
        {"model": "models/broken, type: MLflow"},
        10,
        "The model cannot be loaded: ParserError: while parsing a flow node expected the node content, "
        "but found '<stream end>' in \"MLmodel\", line 1, column 11.",
    ),
    (
        "taken",
        {"script": "score.py"},
        12,
        "The output predictions.csv exists already in out/taken. Choose another output folder, or move "
        "the file away; nothing was overwritten.",
    ),
)


# -- commands: options, code, message ------------------------------------------------------------------------

BAD_COMMANDS: Sequence[tuple[list[str], int, str]] = (
    (
        [],
        14,
        'BatchJob "job" needs the datastore "mine" (datastore://mine/in), and nothing says where '
        "that is: add --datastore mine=PATH_OR_URI.",
    ),
    (
        ["--datastore", "mine"],
        2,
        "--datastore mine is not understood: write NAME=PATH_OR_URI, such as "
        "demo=data or lake=s3://lake.",
    ),
    (
        ["--datastore", "mine=/nowhere"],
        2,
        "--datastore mine=/nowhere: there is no folder /nowhere. Make it, or correct the path.",
    ),
    (
        ["--datastore", "mine=foo://bar"],
        2,
        "--datastore mine=foo://bar: the scheme foo:// is unknown. Known are s3://, gs://, az://, file://, "
        "pvc://, https://, http:// and paths.",
    ),
    (["--job", "jbo"], 2, 'There is no BatchJob "jbo" among the manifests; they hold: job.'),
    (
        ["--python", "/nowhere/python"],
        14,
        "There is no interpreter /nowhere/python. Give a Python 3.8 or later with --python.",
    ),
    (
        ["--python", "/bin/ls"],
        14,
        "/bin/ls does not run as Python. Give a Python 3.8 or later with --python.",
    ),
    (
        ["--instances", "0"],
        2,
        "Invalid value for '--instances': 0 is not in the range x>=1. See batchpoint run -h.",
    ),
    (
        ["-f", "nowhere.yaml"],
        2,
        "Invalid value for '-f' / '--file' / '--filename': Path 'nowhere.yaml' "
        "does not exist. See batchpoint run -h.",
    ),
)
