"""Exceptions of user code as text."""

from __future__ import annotations

from pathlib import Path

from batchpoint_worker import faults, script, tracebacks


def raised(tmp_path: Path, body: str) -> faults.Error:
    """Return what is told of the exception that a script's run raises."""
    path = tmp_path / "score.py"
    path.write_text(f"def run(mini_batch):\n    {body}\n")
    setup = {"script": str(path), "code_directory": str(tmp_path)}
    scorer = script.load(setup)
    try:
        scorer.run(["a"], 0)
    except Exception as exc:  # noqa: BLE001  that is what is told
        return tracebacks.describe(exc, str(tmp_path))
    raise AssertionError("it raises")


def test_first_line_is_the_innermost_user_frame(tmp_path: Path) -> None:
    """Even when the exception comes from deep inside a library."""
    error = raised(tmp_path, "import json; json.loads('{')")
    assert error["traceback"].startswith("Raised at score.py, line 2, in run\nTraceback")
    assert "JSONDecodeError" == error["type"]


def test_frames_of_this_package_are_left_out(tmp_path: Path) -> None:
    """They tell nothing about the script."""
    assert "script.py" not in raised(tmp_path, "1 / 0")["traceback"]


def test_causes_are_told(tmp_path: Path) -> None:
    """The whole chain."""
    body = "\n    ".join(
        ["try: 1 / 0", "except ZeroDivisionError as exc: raise KeyError('x') from exc"]
    )
    text = raised(tmp_path, body)["traceback"]
    assert "ZeroDivisionError" in text
    assert "direct cause" in text


def test_exception_that_cannot_be_shown_is_named() -> None:
    """Its own code may be broken."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    error = tracebacks.describe(Broken())
    assert ("Broken", "(its message cannot be shown: RuntimeError)") == (
        error["type"],
        error["message"],
    )
