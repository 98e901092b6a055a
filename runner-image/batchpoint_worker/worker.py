"""A worker: one process that runs user code, one mini-batch after the other.

It talks to the host over one socket, blocking, with the frames of `wire`. From the host: ``task`` and
``shutdown``; to the host: ``ready`` or ``unusable`` once, then per mini-batch ``running`` (the clock of
`run` starts), ``rendering`` (it stops) and ``result``. This is the only module that catches whatever
user code raises.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
import sys
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from batchpoint_worker import (
    entry_script,
    faults,
    harvest,
    loading,
    processes,
    rows,
    tracebacks,
    wire,
)

DUMP_SIGNAL: Optional[int] = signal.SIGRTMAX - 3 if hasattr(signal, "SIGRTMAX") else None
"""Makes a worker write its Python stacks to stderr, even while C code holds the interpreter lock."""

ROWS_FILE = "rows"
FILES_FOLDER = "files"


class Place(NamedTuple):
    """What distinguishes one worker from its neighbours."""

    number: int
    """From 0; a replacement has the number of the worker that it replaces."""
    output: str
    """Value of AZUREML_BI_OUTPUT_PATH; the same for the worker's whole life."""
    is_fork: bool
    """Whether the process that loaded user code is another one."""


def main() -> None:
    """Run a worker that loads user code itself: ``-c BOOT <root> <descriptor> <parent pid>``."""
    connection = take_over(sys.argv)
    first = wire.receive(connection)
    if first is None:
        return
    setup = first.head["setup"]
    place = Place(first.head["number"], first.head["output"], False)
    prepare_streams()
    entry_script.set_worker(place.number)
    try:
        loaded = loading.load(setup, loading.begin(setup))
    except faults.Unusable as exc:
        wire.send(connection, unusable(exc))
        return
    finally:
        flush()
    Worker(connection, setup, place, loaded.scorer).serve(loaded.seconds)


def take_over(arguments: List[str]) -> socket.socket:
    """Make the arguments of a new process into its connection, and cover the traces of how it began."""
    root, descriptor, parent = arguments[1:4]
    processes.die_with_parent(int(parent))
    sys.path[:] = [folder for folder in sys.path if folder not in (root, "")]
    connection = socket.socket(fileno=int(descriptor))
    connection.set_inheritable(False)
    return connection


def unusable(exc: faults.Unusable) -> Dict[str, Any]:
    """Return the frame that tells the host why user code cannot be loaded."""
    return {
        "type": "unusable",
        "code": exc.code,
        "reason": exc.reason,
        "message": exc.message,
        "error": exc.as_error(),
    }


def prepare_streams() -> None:
    """Make what user code prints leave line by line, whatever characters it holds."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    faulthandler.enable(file=2)
    if DUMP_SIGNAL is not None:
        faulthandler.register(DUMP_SIGNAL, file=2, all_threads=True)


def flush() -> None:
    """Write out what Python and C code have printed so far."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110, BLE001  user code may have put anything there
            pass
    processes.flush_c_streams()


class Worker:
    """Serves tasks with one scorer until the host closes the connection or says ``shutdown``."""

    def __init__(
        self, connection: socket.socket, setup: Mapping[str, Any], place: Place, scorer: Any
    ) -> None:
        self._connection = connection
        self._setup = setup
        self._place = place
        self._scorer = scorer
        self._pid = os.getpid()
        script = setup["script"]
        self._azure_options, notes = rows.load_options(os.path.dirname(script) if script else None)
        self._notes = list(scorer.notes) + notes

    def serve(self, init_seconds: float) -> None:
        """Say ``ready``, then work. Returns when the worker may end in good order."""
        harvest.empty(self._place.output)
        self._send({"type": "ready", "init_seconds": init_seconds, "notes": self._notes})
        while True:
            frame = wire.receive(self._connection)
            if frame is None:
                os._exit(0)
            if frame.head["type"] == "shutdown":
                self._shut_down()
                return
            head, body = self._attempt(frame.head)
            flush()
            self._send(head, body)

    def _send(self, head: Dict[str, Any], body: bytes = b"") -> None:
        if os.getpid() != self._pid:
            # User code forked inside run() and the child came back here instead of leaving.
            os._exit(0)
        try:
            wire.send(self._connection, head, body)
        except wire.WireError:
            os._exit(1)

    def _shut_down(self) -> None:
        try:
            self._scorer.shutdown()
        except BaseException as exc:  # noqa: BLE001  user code may raise anything, SystemExit included
            sys.stderr.write("shutdown() failed\n" + self._describe(exc)["traceback"])
        flush()
        if self._place.is_fork:
            # What was registered to run at exit belongs to the process that loaded, and to all its forks.
            os._exit(0)

    def _attempt(self, task: Mapping[str, Any]) -> Tuple[Dict[str, Any], bytes]:
        clock = [0.0, 0.0]
        try:
            head, body = self._score(task, clock)
        except rows.RowsError as exc:
            head, body = _failed(faults.error("UnusableResult", str(exc))), b""
        except faults.OutputRefused as exc:
            head, body = _failed(faults.error("UnusableOutput", str(exc))), b""
        except BaseException as exc:  # noqa: BLE001  user code may raise anything, SystemExit included
            head, body = _failed(self._describe(exc)), b""
        head["run_seconds"] = (clock[1] or time.monotonic()) - clock[0]
        if head["outcome"] != "Succeeded":
            try:
                harvest.empty(self._place.output)
            except OSError as exc:
                sys.stderr.write("the output folder cannot be emptied: %s\n" % exc)
                os._exit(1)
        return head, body

    def _score(self, task: Mapping[str, Any], clock: List[float]) -> Tuple[Dict[str, Any], bytes]:
        paths = [item["path"] for item in task["items"]]
        names = [item["name"] for item in task["items"]]
        os.makedirs(task["directory"], exist_ok=True)
        self._send({"type": "running"})
        clock[0] = time.monotonic()
        value = self._scorer.run(paths, task["mini_batch"])
        clock[1] = time.monotonic()
        self._send({"type": "rendering"})
        rendered = rows.render(
            value,
            paths,
            names,
            self._setup["output_format"],
            self._setup["output_action"],
            self._azure_options,
            self._setup["code_directory"],
        )
        files = harvest.take(self._place.output, os.path.join(task["directory"], FILES_FOLDER))
        where, body = _place_rows(rendered.parts, task["directory"])
        head = {
            "type": "result",
            "outcome": "Succeeded",
            "error": None,
            "segments": list(rendered.segments),
            "columns": rendered.columns,
            "failed": list(rendered.failed),
            "short": rendered.short,
            "files": files,
            "body": where,
            "warnings": list(rendered.warnings),
        }
        return head, body

    def _describe(self, exc: BaseException) -> faults.Error:
        found = tracebacks.describe(exc, self._setup["code_directory"])
        if isinstance(exc, SystemExit):
            found["message"] = "run() called sys.exit(%s); raise an exception instead" % exc.code
        elif not found["message"]:
            found["message"] = "%s without a message" % found["type"]
        return found


def _failed(error: faults.Error) -> Dict[str, Any]:
    return {
        "type": "result",
        "outcome": "Failed",
        "error": error,
        "segments": [],
        "columns": None,
        "failed": [],
        "short": 0,
        "files": [],
        "body": "None",
        "warnings": [],
    }


def _place_rows(parts: List[bytes], directory: str) -> Tuple[str, bytes]:
    """Put the rows where they go: into the frame, or beyond `wire.INLINE_BODY_BYTES` into a file."""
    total = sum(len(part) for part in parts)
    if total == 0:
        return "None", b""
    if total <= wire.INLINE_BODY_BYTES:
        return "Inline", b"".join(parts)
    with open(os.path.join(directory, ROWS_FILE), "wb") as file:
        for part in parts:
            file.write(part)
    return "File", b""
