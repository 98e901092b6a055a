"""The driver in a process of its own, as a scorer starts it: quiet, alone, and ready to fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sklearn.linear_model import LinearRegression

import batchpoint_worker
from support.mlflow_models import Models, columns, setup_of

PROGRAM = r"""
import json, os, socket, sys, threading
def refuse(*_):
    raise AssertionError("the network was touched")
socket.socket.connect = socket.getaddrinfo = refuse
from batchpoint_worker import mlflow_driver
early = sorted({"mlflow", "pandas", "numpy"} & set(sys.modules))
def connections():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + number)
        except OSError:
            continue
        if target.startswith(("socket:", "pipe:", "anon_inode:")):
            found.append(number + target)
    return set(found)
before = connections()
scorer = mlflow_driver.load(json.loads(sys.argv[1]))
scorer.init()
opened = sorted(connections() - before)
threads = [thread.name for thread in threading.enumerate()]
child = os.fork()
if child == 0:
    value = scorer.run([sys.argv[2]], 0)
    os._exit(0 if isinstance(value[sys.argv[2]], list) else 1)
print(json.dumps([early, threads, opened, os.waitpid(child, 0)[1]]))
"""


@pytest.mark.slow
def test_loading_leaves_nothing_behind_that_a_fork_would_miss(tmp_path: Path) -> None:
    """No thread, no connection, no network even where a tracking server is named; a fork can score."""
    model = LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    directory = Models(tmp_path).sklearn("model", model, columns(a="double"))
    path = tmp_path / "a.csv"
    path.write_text("a\n1\n")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(batchpoint_worker.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", PROGRAM, json.dumps(setup_of(directory)), str(path)]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stderr
    assert [[], ["MainThread"], [], 0] == json.loads(done.stdout)
