"""A worker's side of the conversation, in this process, over a socket pair."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import wire, worker


class Scorer:
    """Returns what the test wants."""

    notes = ("a note",)

    def __init__(self) -> None:
        self.value: Any = None
        self.was_shut_down = False

    def run(self, paths: list[str], index: int) -> Any:
        """Return or raise the value."""
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value

    def shutdown(self) -> None:
        """Note that it happened."""
        self.was_shut_down = True


class Conversation:
    """The host's end, with a worker at the other in a thread."""

    def __init__(self, folder: Path) -> None:
        self.scorer = Scorer()
        self.folder = folder
        self.host, theirs = socket.socketpair()
        self.host.settimeout(10)
        setup = {
            "script": None,
            "code_directory": None,
            "output_format": "JSONLines",
            "output_action": "AppendRow",
        }
        place = worker.Place(0, str(folder / "output"), is_fork=False)
        self.theirs = theirs
        one = worker.Worker(theirs, setup, place, self.scorer)
        self.thread = threading.Thread(target=one.serve, args=(1.5,))
        self.thread.start()

    def receive(self) -> wire.Frame:
        """Return the worker's next frame."""
        frame = wire.receive(self.host)
        assert frame is not None
        return frame

    def score(self, value: Any) -> tuple[list[str], wire.Frame]:
        """Return the kinds of the frames of an attempt, and the result."""
        self.scorer.value = value
        item = {"path": "/in/a", "name": "a"}
        directory = str(self.folder / "task")
        wire.send(
            self.host,
            {"type": "task", "task": "t", "mini_batch": 1, "directory": directory, "items": [item]},
        )
        kinds = []
        while True:
            frame = self.receive()
            kinds.append(frame.head["type"])
            if kinds[-1] == "result":
                return kinds, frame


@pytest.fixture
def conversation(tmp_path: Path) -> Iterator[Conversation]:
    """A worker that has said that it is ready."""
    one = Conversation(tmp_path)
    ready = one.receive()
    assert {"type": "ready", "init_seconds": 1.5, "notes": ["a note"]} == ready.head
    yield one
    wire.send(one.host, {"type": "shutdown"})
    one.thread.join(10)
    one.host.close()
    one.theirs.close()
    assert one.scorer.was_shut_down


def test_clock_of_run_starts_and_stops(conversation: Conversation) -> None:
    """With a frame each, before the result."""
    kinds, result = conversation.score(["row"])
    assert ["running", "rendering", "result"] == kinds
    assert ("Succeeded", "Inline", b'{"value":"row"}\n') == (
        result.head["outcome"],
        result.head["body"],
        result.body,
    )


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (ValueError("bad"), "ValueError", "bad"),
        (KeyError(), "KeyError", "KeyError without a message"),
        (SystemExit(3), "SystemExit", "run() called sys.exit(3); raise an exception instead"),
        (KeyboardInterrupt(), "KeyboardInterrupt", "KeyboardInterrupt without a message"),
    ],
)
def test_whatever_run_raises_is_a_failed_attempt(
    conversation: Conversation, value: BaseException, kind: str, message: str
) -> None:
    """The worker lives on."""
    _, failed = conversation.score(value)
    assert (kind, message) == (failed.head["error"]["type"], failed.head["error"]["message"])
    assert "Succeeded" == conversation.score([1])[1].head["outcome"]


def test_value_that_is_no_rows_is_a_failed_attempt(conversation: Conversation) -> None:
    """Of a type of its own."""
    _, failed = conversation.score(5)
    assert ("Failed", "UnusableResult") == (
        failed.head["outcome"],
        failed.head["error"]["type"],
    )


def test_files_are_harvested_after_a_success(conversation: Conversation) -> None:
    """And removed after a failure."""
    output = conversation.folder / "output"
    (output / "lost").write_text("1")
    assert [] == conversation.score(ValueError())[1].head["files"]
    (output / "kept").write_text("22")
    assert [{"path": "kept", "size": 2}] == conversation.score([1])[1].head["files"]
    assert [] == list(output.iterdir())
