"""Starting a process that runs user code: its connection, its standard streams, its own session."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import List, Mapping, NamedTuple

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""What holds this package: the zip application, or a folder when run from source."""

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from batchpoint_worker import %s as part; part.main()"
)


class Ends(NamedTuple):
    """Both ends of what connects the host to a process of user code. The host keeps the first three."""

    connection: socket.socket
    stdout: int
    stderr: int
    their_connection: socket.socket
    their_stdout: int
    their_stderr: int

    def close_theirs(self) -> None:
        """Close what only the other process needs, so that its end shows as an end."""
        self.their_connection.close()
        os.close(self.their_stdout)
        os.close(self.their_stderr)

    def close(self) -> None:
        """Close what the host keeps."""
        self.connection.close()
        os.close(self.stdout)
        os.close(self.stderr)

    def theirs(self) -> List[int]:
        """Return the descriptors to hand over: connection, stdout, stderr."""
        return [self.their_connection.fileno(), self.their_stdout, self.their_stderr]


def connect() -> Ends:
    """Make a socket pair and two pipes; the host's ends of the pipes do not block."""
    mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    os.set_blocking(out_read, False)
    os.set_blocking(err_read, False)
    return Ends(mine, out_read, err_read, theirs, out_write, err_write)


def start(part: str, ends: Ends, environment: Mapping[str, str], directory: str) -> int:
    """Start ``batchpoint_worker.<part>`` as leader of a session of its own; return its pid.

    Args:
        part: A module with a `main` that takes what `worker.take_over` describes.
        ends: Theirs are handed over, and left open here.
        environment: All variables of the process.
        directory: Its current directory.

    Raises:
        OSError: The system refuses another process.
    """
    descriptor = ends.their_connection.fileno()
    process = subprocess.Popen(
        [sys.executable, "-c", _BOOT % part, ROOT, str(descriptor), str(os.getpid())],
        stdin=subprocess.DEVNULL,
        stdout=ends.their_stdout,
        stderr=ends.their_stderr,
        pass_fds=(descriptor,),
        env=dict(environment),
        cwd=directory,
        start_new_session=True,
    )
    # The host waits for all its children itself; this object shall neither wait nor warn.
    process.returncode = 0
    return process.pid
