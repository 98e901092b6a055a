"""The interpreter of user code, which stands for the deployment's image on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from batchpoint.cli.output import CommandFailed

OLDEST_PYTHON = (3, 8)
"""Of user code; the worker host is written for it."""

PYTHON_SECONDS = 20


def checked(given: Path | None) -> Path:
    """Return the interpreter of user code, checked.

    Args:
        given: A path; None means the one that runs this program.

    Raises:
        CommandFailed: It is missing, is no Python, or too old.
    """
    if given is None:
        return Path(sys.executable)
    path = given.expanduser().absolute()  # links stay: a virtual environment's python is one
    advice = f"Give a Python {'.'.join(map(str, OLDEST_PYTHON))} or later with --python."
    code = "import sys; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run(
            [path, "-c", code], capture_output=True, text=True, check=True, timeout=PYTHON_SECONDS
        ).stdout.split()
        version = (int(answer[0]), int(answer[1]))
    except FileNotFoundError as exc:
        raise _wrong(f"There is no interpreter {given}. {advice}") from exc
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as exc:
        raise _wrong(f"{given} does not run as Python. {advice}") from exc
    if version < OLDEST_PYTHON:
        raise _wrong(f"{given} is Python {version[0]}.{version[1]}, which is too old. {advice}")
    return path


def _wrong(message: str) -> CommandFailed:
    from batchpoint_runner.contract import ExitCode  # pydantic, before which a process is started

    return CommandFailed(message, exit_code=int(ExitCode.WRONG_CONFIGURATION))
