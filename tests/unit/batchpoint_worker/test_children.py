"""Starting processes of user code."""

from __future__ import annotations

import os
import select

import pytest

from batchpoint_worker import children, wire


def test_child_leads_its_own_session_and_talks(tmp_path: os.PathLike[str]) -> None:
    """It has our code, its connection, its pipes, its folder and its variables, nothing else."""
    ends = children.connect()
    variables = {"PATH": os.environ["PATH"], "ONLY": "this"}
    pid = children.start("worker", ends, variables, str(tmp_path))
    ends.close_theirs()
    try:
        assert pid == os.getsid(pid)
        with open(f"/proc/{pid}/environ", "rb") as file:
            assert b"ONLY=this" in file.read().split(b"\0")
        ends.connection.settimeout(30)
        setup = {
            "driver": "Script",
            "script": None,
            "code_directory": None,
            "logging_level": "Info",
        }
        wire.send(ends.connection, {"type": "s", "setup": setup, "number": 0, "output": "/x"})
        answer = wire.receive(ends.connection)
        assert answer is not None
        assert ("unusable", 14) == (answer.head["type"], answer.head["code"])
    finally:
        ends.connection.close()
        os.waitpid(pid, 0)
        for pipe in (ends.stdout, ends.stderr):
            os.close(pipe)


def test_pipes_do_not_block_the_host() -> None:
    """Reading an empty one returns at once."""
    ends = children.connect()
    with pytest.raises(BlockingIOError):
        os.read(ends.stdout, 1)
    os.write(ends.their_stderr, b"x")
    assert [ends.stderr] == select.select([ends.stderr], [], [], 1)[0]
    ends.close_theirs()
    ends.connection.close()
    os.close(ends.stdout)
    os.close(ends.stderr)
