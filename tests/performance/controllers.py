"""The two controllers that are measured, as processes of this machine against one API server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from control_plane import ControlPlane
from measuring import pss_mb
from prometheus_client.parser import text_string_to_metric_families

from cluster import binaries

START_SECONDS = 60
STOP_SECONDS = 20
CERTIFICATE = "kube-apiserver"
"""Any one will do for a server that nobody calls."""


@dataclass(frozen=True, slots=True)
class Controller:
    """A running controller."""

    pid: int
    address: str
    """Where it serves its probes."""

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def requests(self) -> dict[tuple[str, str], int]:
        """Return our operator's own count of requests by verb and resource, those of its watches left out."""
        counted: dict[tuple[str, str], int] = {}
        text = asked(self.address.replace("/readyz", "/metrics"))
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == "batchpoint_operator_api_request_seconds_count":
                    key = sample.labels["verb"], sample.labels["resource"]
                    counted[key] = counted.get(key, 0) + int(sample.value)
        return counted

    def memory_mb(self) -> dict[str, float]:
        """Return what it holds now, and the most that it ever held, in MB of 10^6 bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert peak is not None
        return {
            "pss": pss_mb(self.pid),
            "rss": psutil.Process(self.pid).memory_info().rss / 1e6,
            "peak_rss": int(peak[1]) * 1024 / 1e6,
        }


@contextmanager
def operator(plane: ControlPlane, **settings: str) -> Iterator[Controller]:
    """Have our operator while the block runs; it leads when the block begins.

    Args:
        plane: What it looks after.
        settings: ``BATCHPOINT_*`` variables, in lower case and without the prefix.
    """
    given = {
        "runner_image": "localhost/runner:1",
        "scorer_image": "localhost/scorer:1",
        "operator_namespace": "default",
        "identity": "bench",
        "http_address": "127.0.0.1",
        "http_port": "18080",
        **settings,
    }
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("BATCHPOINT_")},
        **{f"BATCHPOINT_{name.upper()}": value for name, value in given.items()},
        "KUBECONFIG": str(plane.kubeconfig),
        "PYTHONPATH": os.pathsep.join(("operator", "runner-image")),
    }
    address = f"http://127.0.0.1:{given['http_port']}/readyz"
    command = [sys.executable, "-m", "batchpoint.main"]
    with _running(command, environment, plane.logs / "operator.log", address, "Leading") as found:
        yield found


@contextmanager
def jobset(plane: ControlPlane, folder: Path) -> Iterator[Controller]:
    """Have JobSet's controller while the block runs, with the limits that it has by default.

    Its webhooks are served, as it does not start otherwise, and registered nowhere: none is called.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in ("crt", "key"):
        target = folder / f"tls.{suffix}"
        target.unlink(missing_ok=True)
        target.symlink_to(plane.kubeconfig.parent / "pki" / f"{CERTIFICATE}.{suffix}")
    configuration = folder / "config.yaml"
    configuration.write_text(
        json.dumps(
            {
                "apiVersion": "config.jobset.x-k8s.io/v1alpha1",
                "kind": "Configuration",
                "internalCertManagement": {"enable": False},
                "leaderElection": {"leaderElect": False},
                "webhook": {"host": "127.0.0.1", "port": 19443, "certDir": str(folder)},
                "health": {"healthProbeBindAddress": "127.0.0.1:18081"},
                "metrics": {"bindAddress": "0"},
            }
        )
    )
    environment = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
    command = [str(binaries.JOBSET.path), f"--config={configuration}"]
    log, address = plane.logs / "jobset.log", "http://127.0.0.1:18081/readyz"
    with _running(command, environment, log, address, "ok") as found:
        yield found


@contextmanager
def _running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, address: str, word: str
) -> Iterator[Controller]:
    """Have a process while the block runs, which begins when its probe answers with a word."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while asked(address) != word:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start; see {log}")
            time.sleep(0.05)
        yield Controller(process.pid, address)
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def asked(address: str) -> str:
    """Return what an address answers; empty if it does not."""
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:
            text: bytes = answer.read()
    except OSError:
        return ""
    return text.decode().strip()
