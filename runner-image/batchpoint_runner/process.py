"""One runner process: reads its contract, wires the parts, runs, and leaves the verdict.

The runner never exits to report. In a pod it is a native sidecar, which would be started again; so it
writes the verdict as its termination message, tells the worker host with which code to leave, and
serves until it is told to stop.
"""

from __future__ import annotations

import json
import logging
import queue
import signal
import threading
import time
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

from batchpoint_runner import closing, host, logs, metrics, serving, telling
from batchpoint_runner.contract import VERSION, ExitCode, Progress, RunConfig, Verdict
from batchpoint_runner.engine import Left
from batchpoint_runner.errors import ContractError, RunnerError
from batchpoint_runner.events import Event, Terminate
from batchpoint_runner.instance import Instance
from batchpoint_runner.settings import Settings
from batchpoint_runner.workers import HostLine

CONFIG_LOOK_SECONDS = 0.005
"""How often to look for a configuration that is still to come."""

RELEASE_SECONDS = 10.0
"""How long a runner that was told to stop still waits for the worker host to leave."""

LEFT_EARLY = "Nothing is left to do for this instance; the others finish the job."
FAULT = (
    "The runner failed ({}). This is a fault of Batchpoint or of the machine; nothing that was "
    "published is lost, and the job goes on when it is run again. The log tells more."
)

logger = logging.getLogger(__name__)


class Runner:
    """The process: signals, socket, HTTP and the end; the work itself is `Instance`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Its `put` may be called from a signal handler, which that of queue.Queue may not.
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._told_to_stop = threading.Event()
        shared = settings.shared_directory
        self._line = HostLine(shared / host.SOCKET, shared / "scratch" / "tasks", self._events.put)
        self._instance: Instance | None = None
        self._metrics_of_events = metrics.Metrics()
        self._workers = telling.WorkerTable()

    def run(self) -> int:
        """Work, leave the verdict, let the host go, and wait to be stopped."""
        logs.set_up(self._settings.log_format, logging.INFO)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        for name in ("scratch/tasks", "input"):
            (self._settings.shared_directory / name).mkdir(parents=True, exist_ok=True)
        self._line.listen()
        routes = {"/healthz": self._health, "/progress": self._progress, "/metrics": self._metrics}
        address, port = self._settings.http_address, self._settings.http_port
        with serving.Server(address, port, routes) as server:
            (self._settings.shared_directory / "http_port").write_text(str(server.port))
            verdict = self._work()
            self._leave_message(verdict)
            self._line.release(verdict.code)
            self._told_to_stop.wait()
            self._line.wait_until_gone(RELEASE_SECONDS)
        return 0

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._told_to_stop.set()
        self._events.put(Terminate())

    def _work(self) -> Verdict:
        try:
            path = self._settings.config
            await_config(path, self._settings.config_wait_seconds, self._told_to_stop)
            config = read_config(path)
            self._instance = Instance(
                config,
                self._settings,
                events=self._events,
                line=self._line,
                observers=(telling.LogObserver(), self._metrics_of_events, self._workers),
            )
            verdict = self._instance.run()
        except Left:
            verdict = Verdict(code=ExitCode.SUCCEEDED, reason="LeftEarly", message=LEFT_EARLY)
        except RunnerError as exc:
            logger.error("Instance ended", extra={"reason": exc.reason, "detail": exc.message})  # noqa: TRY400
            verdict = self._close(exc)
        except Exception as exc:
            logger.exception("Instance failed")
            verdict = self._close(RunnerError(FAULT.format(exc)))
        facts = {"code": int(verdict.code), "reason": verdict.reason, "detail": verdict.message}
        logger.info("Instance finished", extra=facts)
        return verdict

    def _close(self, error: RunnerError) -> Verdict:
        return self._instance.close(error) if self._instance else closing.verdict_of(error)

    def _leave_message(self, verdict: Verdict) -> None:
        if self._settings.termination_message is not None:
            self._settings.termination_message.write_text(verdict.as_termination_message())

    def _health(self) -> serving.Answer:
        return "text/plain; charset=utf-8", b"ok\n"

    def _progress(self) -> serving.Answer:
        told = self._instance.progress() if self._instance else Progress()
        answer = told.model_dump(by_alias=True, mode="json") | {"workers": self._workers.rows()}
        return "application/json", json.dumps(answer).encode()

    def _metrics(self) -> serving.Answer:
        return self._metrics_of_events.exposition()


def await_config(path: Path, seconds: float, told_to_stop: threading.Event) -> None:
    """Return when the job's contract is there, ``seconds`` are over, or the runner is to stop."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not path.exists():
        if told_to_stop.wait(CONFIG_LOOK_SECONDS):
            return


def read_config(path: Path) -> RunConfig:
    """Read the job's contract.

    Raises:
        ContractError: It is not there, not JSON, of another version, or breaks a rule; names each.
    """
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise ContractError(f"The run configuration {path} cannot be read: {exc}.") from exc
    found = value.get("version") if isinstance(value, dict) else None
    if found != VERSION:
        raise ContractError(
            f"The run configuration {path} has version {found!r}; this runner reads version "
            f"{VERSION}. Use a runner image of the same release as the operator or command line."
        )
    try:
        return RunConfig.model_validate(value)
    except ValidationError as exc:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in exc.errors()
        )
        raise ContractError(f"The run configuration {path} is wrong. {faults}.") from exc
