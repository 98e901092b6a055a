"""Loading user code, and the evidence for or against forks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import loading

PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
from batchpoint_worker import faults, loading
setup = json.loads(sys.argv[2])
try:
    found = loading.load(setup, loading.begin(setup))
except faults.Unusable as exc:
    print(json.dumps([exc.code, exc.message]))
else:
    print(json.dumps([found.unsafe, found.scorer.notes, sys.argv]))
"""


def load(folder: Path, source: str, **changes: Any) -> Any:
    """Load a script in a process of its own, because loading changes the process."""
    (folder / "score.py").write_text(source + "\ndef run(mini_batch): return []\n")
    setup: dict[str, Any] = {
        "driver": "Script",
        "script": str(folder / "score.py"),
        "code_directory": str(folder),
        "model_directory": None,
        "logging_level": "Info",
        **changes,
    }
    root = str(Path(loading.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, root, json.dumps(setup)],
        env={**os.environ, "AZUREML_BI_OUTPUT_PATH": "/out"},
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_plain_script_is_safe_to_fork(tmp_path: Path) -> None:
    """And finds its arguments."""
    unsafe, notes, arguments = load(tmp_path, "def init(): pass")
    assert ([], []) == (unsafe, notes)
    assert [str(tmp_path / "score.py"), "--logging_level", "INFO"] == arguments


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import os\nos.environ['AZUREML_BI_OUTPUT_PATH']", "reads AZUREML_BI_OUTPUT_PATH"),
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(9,), daemon=True, name='mine').start()",
            "leaves threads running (mine)",
        ),
        ("import os\npipe = os.pipe()", "opens connections or pipes"),
        ("import select\npoll = select.epoll()", "opens connections or pipes"),
    ],
    ids=["output path", "thread", "pipe", "event loop"],
)
def test_evidence_against_forks_is_found(tmp_path: Path, source: str, words: str) -> None:
    """Each with its own sentence."""
    (sentence,) = load(tmp_path, source)[0]
    assert words in sentence


def test_failing_init_is_unusable(tmp_path: Path) -> None:
    """Code 10, in words."""
    code, message = load(tmp_path, "def init(): raise OSError('no model')")
    assert (10, "The script's init() failed with OSError: no model.") == (code, message)


def test_failing_model_is_unusable(tmp_path: Path) -> None:
    """Whatever the MLflow driver stumbles over."""
    code, message = load(tmp_path, "", driver="MLflow", script=None, code_directory=None)
    assert code in (10, 14)
    assert message
