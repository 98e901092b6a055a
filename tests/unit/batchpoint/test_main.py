"""The process: what it says when it cannot work, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.repository import ROOT

IMAGES = {"BATCHPOINT_RUNNER_IMAGE": "runner:1", "BATCHPOINT_SCORER_IMAGE": "scorer:1"}
NOBODY_LISTENS = "http://127.0.0.1:9"


@contextmanager
def operator(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start the operator with this environment and nothing else of ours."""
    bare = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("operator", "runner-image"))
    process = subprocess.Popen(
        [sys.executable, "-m", "batchpoint.main"],
        env=bare | {"PYTHONPATH": paths, "BATCHPOINT_HTTP_ADDRESS": "127.0.0.1"} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_wrong_environment_is_told_in_one_sentence() -> None:
    """Without a traceback, and with code 1."""
    with operator({"BATCHPOINT_HTTP_PORT": "none"}) as process:
        _, told = process.communicate(timeout=60)
    assert 1 == process.returncode
    assert told.startswith(
        "The operator's environment is wrong. BATCHPOINT_RUNNER_IMAGE is missing"
    )
    assert "Traceback" not in told


def test_without_a_cluster_it_says_what_to_set(tmp_path: Path) -> None:
    """In the last line; a library may have said something before."""
    with operator(IMAGES | {"KUBECONFIG": str(tmp_path / "none")}) as process:
        _, told = process.communicate(timeout=60)
    line = json.loads(told.splitlines()[-1])
    assert (1, "Operator cannot work") == (process.returncode, line["message"])
    assert "KUBECONFIG" in line["detail"]


@pytest.mark.slow
def test_an_api_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """To end would only make Kubernetes wait ever longer; SIGTERM still ends it with 0."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        json.dumps(
            {
                "current-context": "c",
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": {"server": NOBODY_LISTENS}}],
                "users": [{"name": "u", "user": {"token": "t"}}],
            }
        )
    )
    told = IMAGES | {"KUBECONFIG": str(kubeconfig), "BATCHPOINT_HTTP_PORT": "0"}
    with operator(told) as process:
        assert process.stderr is not None
        messages = (json.loads(line)["message"] for line in process.stderr)
        assert ["Probes and metrics served", "API server not reached"] == [
            next(messages),
            next(messages),
        ]
        process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(timeout=30)
