"""The places for workers: which is filled, which failed to fill, and how its process is started."""

from __future__ import annotations

import os
import selectors
import sys
from typing import Any, Dict, List, Mapping, Optional

from batchpoint_worker import environment, faults, journal, loader, member

TRIES = 3
"""Failed starts in a row, with none that succeeded between them, after which no worker can start."""

TOLD = "Told"
"""Outcome of a worker that was killed after its failed start was counted."""

FORK_SECONDS = 30.0
"""For a fork of a loaded process to report ready."""

LOADER = "loader-%d"
"""Private folder of a process that loads and forks, by the number of its generation from 1."""

PAUSE_SECONDS = 1.0
"""Before a worker that ended while it had nothing to do is replaced."""


class Slot:
    """One of the instance's workers, through all its replacements."""

    def __init__(self, number: int, log: journal.Journal) -> None:
        self.number = number
        self.log = log
        self.generation = 0
        self.member: Optional[member.Member] = None
        self.not_before = 0.0
        self.failures = 0
        self.reserved: Optional[Dict[str, Any]] = None
        """The mini-batch that a spawned worker shall have first, to find out about forks."""


def begin_early(early: loader.Early, hint: Mapping[str, Any], inherited: Mapping[str, str]) -> None:
    """Begin the process that loads, as the first one of a set-up will be begun.

    Args:
        early: Where it waits then.
        hint: Of `wire.SETUP_KEYS`: those of `loader.BEGIN_KEYS`, and threads_per_worker, environment,
            model_directory and scratch_directory.
        inherited: The host's own variables.
    """
    folder = _private_folder(hint, LOADER % 1)
    early.begin(hint, folder, _variables(inherited, hint, None, folder))


def _private_folder(setup: Mapping[str, Any], name: str) -> str:
    return os.path.join(setup["scratch_directory"], "workers", name)


def _variables(
    inherited: Mapping[str, str], setup: Mapping[str, Any], number: Optional[int], folder: str
) -> Dict[str, str]:
    return environment.of_process(inherited, setup, number, os.path.join(folder, "output"))


class Makeup:
    """What processes of user code are made with; the same for all of one setup."""

    def __init__(
        self,
        setup: Dict[str, Any],
        inherited: Mapping[str, str],
        selector: selectors.BaseSelector,
        events: member.Events,
    ) -> None:
        self.setup = setup
        self.init_seconds = float(setup["init_timeout_seconds"])
        self._inherited = inherited
        self._selector = selector
        self._events = events

    def workers_folder(self, name: str) -> str:
        """Return the path of a private folder; it is not made."""
        return _private_folder(self.setup, name)

    def all_variables(self, number: Optional[int], folder: str) -> Dict[str, str]:
        """Return the whole environment of a process that loads user code."""
        return _variables(self._inherited, self.setup, number, folder)

    def new_member(self, slot: Slot, is_fork: bool) -> member.Member:
        """Make the host's side of a worker; the process is started by the caller."""
        slot.generation += 1
        folder = self.workers_folder("%d-%d" % (slot.number, slot.generation))
        slot.log.begin("init")
        return member.Member(slot.number, folder, is_fork, slot.log, self._selector, self._events)

    def variables_of_fork(self, one: member.Member) -> Dict[str, str]:
        """Return the variables in which a fork differs from the process that loaded."""
        found = environment.gpus(self._inherited)
        deployment = self.setup["environment"] or {}
        return environment.of_worker(found, deployment, one.number, one.output)

    def forbids_forks(self) -> List[str]:
        """Return why forks are out of the question before anything is loaded; empty: they are not."""
        if self.setup["init_mode"] == "Spawn":
            return [""]
        if sys.platform != "linux":
            return ["this system is not Linux"]
        if self.setup["init_mode"] == "Auto" and environment.gpus(self._inherited):
            return ["the machine has GPUs, and each worker must see its own before it loads"]
        return []


def start_failed(what: str, stderr: str) -> faults.Unusable:
    """Return the error of a process that ended, or was ended, before it was ready."""
    message = "Loading the script or model failed: %s" % what
    error = faults.error("WorkerDied", message, stderr)
    return faults.Unusable(faults.CANNOT_START, "ScriptUnusable", message, error)


def init_took_too_long(seconds: float) -> str:
    """Return what is said of user code that hangs while it loads."""
    return (
        "import and init() took longer than the %g seconds that settings.initTimeoutSeconds allows,"
        " and were stopped; raise it, or load less" % seconds
    )
