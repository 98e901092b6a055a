"""The process that loads and forks, spoken to as the host does."""

from __future__ import annotations

import os
import selectors
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import journal, loader, member, wire


class Bench:
    """A fork server and everything it has said."""

    def __init__(self, folder: Path) -> None:
        self.selector = selectors.DefaultSelector()
        self.log = journal.Journal(str(folder / "log.txt"), 10_000)
        self.heads: list[dict[str, Any]] = []
        self.worker_frames: list[wire.Frame] = []
        (folder / "score.py").write_text(
            "import os\nloaded = os.getpid()\ndef run(m): return [loaded]"
        )
        setup = {
            "driver": "Script",
            "script": str(folder / "score.py"),
            "code_directory": str(folder),
            "logging_level": "Info",
            "output_format": "AzureRows",
            "output_action": "AppendRow",
        }
        self.server = loader.Loader(
            loader.Begun(setup, str(folder / "loader"), dict(os.environ)),
            self.log,
            self.selector,
            lambda frame: self.heads.append(frame.head),
            lambda *_: None,
        )
        self.server.load(setup)
        events = member.Events(lambda _, frame: self.worker_frames.append(frame), lambda *_: None)
        self.member = member.Member(0, str(folder / "0-1"), True, self.log, self.selector, events)

    def until(self, kind: str) -> dict[str, Any]:
        """Turn the loop until the server has said something of this kind."""
        return self._turn(lambda: [head for head in self.heads if head["type"] == kind])

    def worker_says(self, kind: str) -> wire.Frame:
        """Turn the loop until the worker has said something of this kind."""
        found: wire.Frame = self._turn(
            lambda: [frame for frame in self.worker_frames if frame.head["type"] == kind]
        )
        return found

    def _turn(self, found: Any) -> Any:
        for _ in range(1000):
            if found():
                return found()[0]
            for key, mask in self.selector.select(0.1):
                key.data(mask)
        raise AssertionError(f"nothing came; {self.heads} {self.worker_frames}")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A fork server that is ended after the test."""
    one = Bench(tmp_path)
    yield one
    one.server.kill()
    one.member.dispose()
    one.log.close()
    one.selector.close()
    os.waitpid(one.server.pid, 0)


def test_worker_is_forked_scores_and_its_end_is_reported(bench: Bench) -> None:
    """What was loaded is there, in another process that leads its own session."""
    loaded = bench.until("loaded")
    assert ([], True) == (loaded["unsafe"], loaded["memory_bytes"] > 0)
    bench.server.loaded(loaded["memory_bytes"])
    bench.server.fork(bench.member, {"AZUREML_BI_OUTPUT_PATH": bench.member.output})
    pid = bench.until("forked")["pid"]
    bench.worker_says("ready")
    assert (pid, True) == (os.getsid(pid), pid != bench.server.pid)
    item = {"path": "/a", "name": "a"}
    directory = os.path.join(bench.member.folder, "task")
    bench.member.send(
        {"type": "task", "task": "t", "mini_batch": 0, "directory": directory, "items": [item]}
    )
    assert b"%d\n" % bench.server.pid == bench.worker_says("result").body
    os.kill(pid, signal.SIGSEGV)
    ended = bench.until("exited")
    assert (pid, signal.SIGSEGV) == (ended["pid"], ended["status"] & 0x7F)
