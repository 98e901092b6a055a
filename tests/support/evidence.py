"""What happened in a namespace while a test ran, written down as it happens.

Logs of a deleted pod are gone at once, so every container is followed from its start. A test that passed
leaves nothing; of one that failed, everything that one would ask for is in its folder.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from support.kube import Kube, Manifest, address

WATCH_SECONDS = 20
"""After which a watch begins anew, so that none outlives its test for long."""

KINDS = (
    "batchendpoints,batchdeployments,batchjobs,jobs,pods,configmaps,persistentvolumeclaims,"
    "resourcequotas,events"
)
"""Dumped as YAML. Secrets are not."""


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Follows BatchJobs, pods and logs of one namespace in the background."""

    kube: Kube
    namespace: str
    folder: Path
    _began: float = field(default_factory=time.monotonic)
    _ended: threading.Event = field(default_factory=threading.Event)
    _phases: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _said: dict[str, str] = field(default_factory=dict)
    _followed: set[tuple[str, str, int]] = field(default_factory=set)
    _pods: dict[str, Manifest] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin; returns at once."""
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "logs").mkdir(parents=True)
        for kind, note in (("batchjobs", self._note_job), ("pods", self._note_pod)):
            threading.Thread(target=self._watch, args=(kind, note), daemon=True).start()

    def phases(self, job: str) -> list[str]:
        """Return the phases that a BatchJob had so far, in order; very short ones may be left out."""
        return list(self._phases[job])

    def pods(self) -> list[Manifest]:
        """Return every pod that there was, as it was last seen."""
        return list(self._pods.values())

    def log(self, pod: str, container: str) -> str:
        """Return what a container has printed so far, over its restarts, also after its pod is gone."""
        path = self._log_path(pod, container)
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End soon."""
        self._ended.set()

    def discard(self) -> None:
        """Remove the folder: nobody needs it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def dump(self) -> None:
        """Write down how everything is now."""
        commands = {
            "overview.txt": ("get", "batchpoint,jobs,pods", "--output=wide"),
            "objects.yaml": ("get", KINDS, "--output=yaml"),
            "describe.txt": ("describe", "batchpoint,jobs,pods"),
            "events.txt": ("events",),
        }
        for name, arguments in commands.items():
            done = self.kube.try_kubectl(*arguments, namespace=self.namespace)
            (self.folder / name).write_text(done.stdout + done.stderr)

    def _watch(self, kind: str, note: Any) -> None:
        while not self._ended.is_set():
            try:
                for event in self._events(kind):
                    note(event)
            except (OSError, urllib3.exceptions.HTTPError):
                pass  # the API server is away; it may be what the test is about
            self._ended.wait(0.5)

    def _events(self, kind: str) -> Iterator[dict[str, Any]]:
        path = address(kind, self.namespace)
        for line in self.kube.stream(path, watch="1", timeoutSeconds=str(WATCH_SECONDS)):
            event = json.loads(line)
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                yield event

    def _note_job(self, event: dict[str, Any]) -> None:
        name, status = event["object"]["metadata"]["name"], event["object"].get("status", {})
        phase = status.get("phase")
        if phase and self._phases[name][-1:] != [phase]:
            self._phases[name].append(phase)
        progress = status.get("progress", {}).get("display", "")
        said = f"{phase} {status.get('reason', '')} {progress}: {status.get('message', '')}"
        if event["type"] == "DELETED":
            said = "deleted"
        if self._said.get(name) != said:
            self._said[name] = said
            with (self.folder / "story.txt").open("a") as file:
                file.write(f"+{time.monotonic() - self._began:6.1f} s  {name}: {said}\n")

    def _note_pod(self, event: dict[str, Any]) -> None:
        pod = event["object"]
        name = pod["metadata"]["name"]
        with self._lock:
            self._pods[name] = pod
        status = pod.get("status", {})
        for each in (
            *status.get("initContainerStatuses", ()),
            *status.get("containerStatuses", ()),
        ):
            begun = (name, each["name"], each["restartCount"])
            if "waiting" not in each["state"] and begun not in self._followed:
                self._followed.add(begun)
                threading.Thread(target=self._follow, args=begun[:2], daemon=True).start()

    def _follow(self, pod: str, container: str) -> None:
        path = f"{address('pods', self.namespace, pod)}/log"
        try:
            with self._log_path(pod, container).open("ab", buffering=0) as file:
                for line in self.kube.stream(path, container=container, follow="true"):
                    file.write(line + b"\n")
        except (OSError, urllib3.exceptions.HTTPError):
            pass  # cut off by the end of the pod, the API server or the test

    def _log_path(self, pod: str, container: str) -> Path:
        return self.folder / "logs" / f"{pod}.{container}.log"
