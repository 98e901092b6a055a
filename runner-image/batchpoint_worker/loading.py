"""Loading user code once, in a process prepared for it, and what was seen while doing so.

Used by the process that loads and forks as well as by a worker that loads for itself. What is seen
(threads, connections, reads of the output path, CUDA) decides whether forks of the process are safe.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import Any, List, Mapping, NamedTuple, Set

from batchpoint_worker import environment, faults, script

_CONNECTIONS = ("socket:", "pipe:", "anon_inode:")


class Loaded(NamedTuple):
    """User code that is ready for `run`."""

    scorer: Any
    """Has ``init``, ``run``, ``shutdown`` and ``notes``; `init` has been called."""
    seconds: float
    """Import and `init` together."""
    unsafe: List[str]
    """Reasons why a fork of this process may not work as the script expects; empty: none seen."""


class Begun(NamedTuple):
    """What `begin` has found out for `load`."""

    seconds: float
    connections: Set[str]
    """Open before anything was imported."""
    notes: List[str]


def begin(setup: Mapping[str, Any]) -> Begun:
    """Do what needs neither model nor user code, in a process whose variables and folder are set already.

    Args:
        setup: Read are `loader.BEGIN_KEYS`.
    """
    started = time.monotonic()
    _prepare(setup)
    connections = _open_connections()
    notes: List[str] = []
    if setup["driver"] == "MLflow":
        from batchpoint_worker import mlflow_driver

        notes = mlflow_driver.begin()
    return Begun(time.monotonic() - started, connections, notes)


def load(setup: Mapping[str, Any], begun: Begun) -> Loaded:
    """Import user code and call its `init`.

    Raises:
        Unusable: As `script.load` says, and code 10 for whatever else goes wrong.
    """
    started = time.monotonic()
    with environment.OutputPathWatch() as watch:
        scorer = _scorer(setup, begun.notes)
        _init(scorer, setup)
    unsafe = []
    if watch.was_read:
        unsafe.append(
            "the script reads %s while it loads, and forks would share that folder"
            % environment.OUTPUT_VARIABLE
        )
    unsafe.extend(_seen(begun.connections))
    return Loaded(scorer, begun.seconds + time.monotonic() - started, unsafe)


def _prepare(setup: Mapping[str, Any]) -> None:
    sys.argv[:] = environment.arguments(setup)
    level = getattr(logging, str(setup["logging_level"]).upper(), logging.INFO)
    logging.getLogger().setLevel(level)
    # Shows what loggers without any handler say, and leaves logging.basicConfig to the script.
    if logging.lastResort is not None:
        logging.lastResort.setLevel(level)


def _scorer(setup: Mapping[str, Any], notes: List[str]) -> Any:
    if setup["driver"] != "MLflow":
        return script.load(setup)
    try:
        from batchpoint_worker import mlflow_driver

        return mlflow_driver.load(dict(setup), notes)
    except faults.Unusable:
        raise
    except BaseException as exc:
        raise script.failed_to_start("loading the model", exc, None) from exc


def _init(scorer: Any, setup: Mapping[str, Any]) -> None:
    try:
        scorer.init()
    except faults.Unusable:
        raise
    except BaseException as exc:
        raise script.failed_to_start("loading the model", exc, setup["code_directory"]) from exc


def _seen(before: Set[str]) -> List[str]:
    seen = []
    if threading.active_count() > 1:
        others = sorted(t.name for t in threading.enumerate() if t is not threading.main_thread())
        seen.append("it leaves threads running (%s), which forks lack" % ", ".join(others[:3]))
    opened = _open_connections() - before
    if opened:
        seen.append("it opens connections or pipes while it loads")
    torch = sys.modules.get("torch")
    try:
        if torch is not None and torch.cuda.is_initialized():
            seen.append("it initialises CUDA while it loads")
    except Exception:  # noqa: BLE001  whatever stands under that name in sys.modules
        seen.append("it is not known whether CUDA is initialised")
    return seen


def _open_connections() -> Set[str]:
    """Return the sockets, pipes and event files that this process holds; empty without /proc."""
    found: Set[str] = set()
    try:
        numbers = os.listdir("/proc/self/fd")
    except OSError:
        return found
    for number in numbers:
        try:
            target = os.readlink("/proc/self/fd/" + number)
        except OSError:
            continue
        if target.startswith(_CONNECTIONS):
            # Event files all have the same name, so the number tells them apart.
            found.add(number + " " + target if target.startswith("anon_inode:") else target)
    return found
