"""The fork server as the host sees it: begun, loading, ready to fork, lost."""

from __future__ import annotations

import os
import selectors
import shutil
from typing import Any, Callable, Dict, Mapping, Optional

from batchpoint_worker import channel, children, journal, member, processes, streams, wire

BEGIN_KEYS = ("driver", "script", "logging_level")
"""Of a set-up: what a process that will load must know before there are model and code."""


class Begun:
    """A process that imports what needs neither model nor code, and then waits. Nobody listens to it yet.

    Args:
        setup: See `BEGIN_KEYS`; other keys are left out.
        folder: Its private folder, made here.
        environment: All its variables; the output path is ``<folder>/output``.

    Raises:
        OSError: The system refuses another process.
    """

    def __init__(
        self, setup: Mapping[str, Any], folder: str, environment: Mapping[str, str]
    ) -> None:
        self.made_with = _made_with(setup, folder, environment)
        self.folder = folder
        directory = os.path.join(folder, "cwd")
        for made in (os.path.join(folder, "output"), directory):
            os.makedirs(made, exist_ok=True)
        self.ends = children.connect()
        try:
            self.pid = children.start("forkserver", self.ends, environment, directory)
        except OSError:
            self._close()
            raise
        finally:
            self.ends.close_theirs()
        wire.send(self.ends.connection, {"type": "begin", "setup": self.made_with[0]})

    def discard(self) -> None:
        """End it; nobody has listened to it."""
        processes.kill_family(self.pid)
        self._close()

    def _close(self) -> None:
        self.ends.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Early:
    """Where a process waits that was begun before it was known for certain that it is wanted."""

    def __init__(self) -> None:
        self._begun: Optional[Begun] = None

    @property
    def pid(self) -> Optional[int]:
        """Of the one that waits."""
        return self._begun.pid if self._begun is not None else None

    def begin(self, setup: Mapping[str, Any], folder: str, environment: Mapping[str, str]) -> None:
        """Begin one, as it will probably be asked for; if the system refuses, nobody needs to know."""
        try:
            self._begun = Begun(setup, folder, environment)
        except (OSError, wire.WireError):
            pass

    def take(self, setup: Mapping[str, Any], folder: str, environment: Mapping[str, str]) -> Begun:
        """Return the one that waits if it was begun with just this, else a new one.

        Raises:
            OSError: The system refuses another process.
        """
        begun = self._begun
        if begun is not None and begun.made_with == _made_with(setup, folder, environment):
            self._begun = None
            return begun
        self.discard()
        return Begun(setup, folder, environment)

    def ended(self, pid: int) -> None:
        """Take note of the end of a child of the host."""
        if self._begun is not None and self._begun.pid == pid:
            self.discard()

    def discard(self) -> None:
        """End the one that waits, if there is one."""
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.discard()


def _made_with(setup: Mapping[str, Any], folder: str, environment: Mapping[str, str]) -> Any:
    return {key: setup[key] for key in BEGIN_KEYS}, folder, dict(environment)


class Loader:
    """One process that loads user code, once told to, and forks workers.

    Args:
        begun: The process.
        log: Takes what user code prints while it loads.
        selector: The host's.
        on_frame: Takes its frames, see `forkserver`.
        on_lost: Called when its connection is gone.
    """

    def __init__(
        self,
        begun: Begun,
        log: journal.Journal,
        selector: selectors.BaseSelector,
        on_frame: Callable[[wire.Frame], None],
        on_lost: Callable[[str, bool], None],
    ) -> None:
        self.is_ready = False
        self.memory_bytes = 0
        self.pid = begun.pid
        self._folder = begun.folder
        self._log = log
        self._ends = begun.ends
        self._channel = channel.Channel(self._ends.connection, selector, on_frame, on_lost)
        self._streams = streams.Streams(self._ends.stdout, self._ends.stderr, log, selector)
        log.begin("init")

    def load(self, setup: Mapping[str, Any]) -> None:
        """Let it load: model and code are there.

        Args:
            setup: See `wire.SETUP_KEYS`.
        """
        self._channel.send({"type": "load", "setup": dict(setup)})

    def loaded(self, memory_bytes: int) -> None:
        """Note that it may be asked to fork."""
        self.is_ready = True
        self.memory_bytes = memory_bytes
        self._streams.drain()
        self._log.begin("-")

    def fork(self, one: member.Member, environment: Dict[str, str]) -> None:
        """Ask for a worker; ``forked`` with its pid follows.

        Raises:
            OSError: The fork server is gone.
        """
        member.fork(one, self._ends.connection, environment)

    def stderr(self) -> str:
        """Return the last of what it wrote to stderr."""
        self._streams.drain()
        return self._log.tail()

    def kill(self) -> None:
        """End it, the workers that it forked, and all that these have started."""
        processes.kill_family(self.pid)
        self._close()

    def _close(self) -> None:
        self._streams.close()
        self._log.end()
        self._channel.close()
        shutil.rmtree(self._folder, ignore_errors=True)
