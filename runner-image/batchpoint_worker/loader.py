"""The fork server as the host sees it: started, loading, ready to fork, lost."""

from __future__ import annotations

import os
import selectors
import shutil
from typing import Any, Callable, Dict, Mapping

from batchpoint_worker import channel, children, journal, member, processes, streams, wire


class Loader:
    """One process that loads user code, once told to, and forks workers.

    Args:
        setup: See `wire.SETUP_KEYS`.
        folder: Its private folder, made here.
        environment: All its variables; the output path is ``<folder>/output``.
        log: Takes what user code prints while it loads.
        selector: The host's.
        on_frame: Takes its frames, see `forkserver`.
        on_lost: Called when its connection is gone.

    Raises:
        OSError: The system refuses another process.
    """

    def __init__(
        self,
        setup: Dict[str, Any],
        folder: str,
        environment: Mapping[str, str],
        log: journal.Journal,
        selector: selectors.BaseSelector,
        on_frame: Callable[[wire.Frame], None],
        on_lost: Callable[[str, bool], None],
    ) -> None:
        self.is_ready = False
        self.memory_bytes = 0
        self._folder = folder
        self._log = log
        directory = os.path.join(folder, "cwd")
        for made in (os.path.join(folder, "output"), directory):
            os.makedirs(made, exist_ok=True)
        self._ends = children.connect()
        self._channel = channel.Channel(self._ends.connection, selector, on_frame, on_lost)
        self._streams = streams.Streams(self._ends.stdout, self._ends.stderr, log, selector)
        log.begin("init")
        try:
            self.pid = children.start("forkserver", self._ends, environment, directory)
        except OSError:
            self._close()
            raise
        finally:
            self._ends.close_theirs()
        self._channel.send({"type": "setup", "setup": setup})

    def load(self) -> None:
        """Let it load: model and code are there."""
        self._channel.send({"type": "load"})

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
