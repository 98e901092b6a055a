import os
import sys
from pathlib import Path

import pytest

from batchpoint.cli import interpreter
from batchpoint.cli.output import CommandFailed
from batchpoint_runner.contract import ExitCode


def test_the_interpreter_is_this_one_by_default() -> None:
    """Not asked for its version: it runs this program."""
    assert Path(sys.executable) == interpreter.checked(None)


def test_an_interpreter_is_kept_as_a_link(tmp_path: Path) -> None:
    """Resolved, a virtual environment's python would lose its packages."""
    link = tmp_path / "python"
    link.symlink_to(sys.executable)
    assert link == interpreter.checked(link)


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo 2 7", "is Python 2.7, which is too old"), ("exit 3", "does not run as Python")],
    ids=["too old", "no Python"],
)
def test_an_unusable_interpreter_is_wrong_configuration(
    tmp_path: Path, script: str, said: str
) -> None:
    """In words, before anything is started."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    os.chmod(path, 0o755)
    with pytest.raises(CommandFailed, match=said) as caught:
        interpreter.checked(path)
    assert ExitCode.WRONG_CONFIGURATION == caught.value.exit_code


def test_a_missing_interpreter_is_wrong_configuration() -> None:
    """With the option to use."""
    with pytest.raises(CommandFailed, match=r"no interpreter /nowhere/python\. .*--python"):
        interpreter.checked(Path("/nowhere/python"))
