"""Log lines: constant messages, facts as fields with names from one list."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator

import pytest

from batchpoint_runner import logs
from support import repository

OURS = {
    name: path
    for name, path in repository.modules().items()
    if name.startswith("batchpoint_runner")
}


@pytest.fixture(autouse=True)
def _the_logs_of_pytest_stay() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def line_of(capsys: pytest.CaptureFixture[str], log_format: str, *, exc_info: bool = False) -> str:
    """Log one record with facts; return what stands on stderr."""
    logs.set_up(log_format, logging.INFO)
    logger = logging.getLogger("somewhere")
    logger.debug("Not shown")
    logger.warning("Attempt failed", extra={"worker": 2, "cause": "Timeout"}, exc_info=exc_info)
    return capsys.readouterr().err


def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Facts are fields beside time, level and message."""
    found = json.loads(line_of(capsys, "json"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found.pop("time"))
    assert {
        "level": "warning",
        "message": "Attempt failed",
        "worker": 2,
        "cause": "Timeout",
    } == found


def test_text_reads_from_left_to_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, message, then facts."""
    found = line_of(capsys, "text")
    assert re.fullmatch(r"\S+ warning +Attempt failed worker=2 cause=Timeout\n", found)


def test_what_is_no_terminal_gets_json(capsys: pytest.CaptureFixture[str]) -> None:
    """As stderr of a container."""
    assert "Attempt failed" == json.loads(line_of(capsys, "auto"))["message"]


def test_a_traceback_stays_on_the_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A record is one line, whatever is in it."""
    try:
        int("broken")
    except ValueError:
        found = line_of(capsys, "json", exc_info=True)
    assert 1 == found.count("\n")
    assert "ValueError: invalid literal" in json.loads(found)["traceback"]


@pytest.mark.parametrize("module", OURS)
def test_facts_have_names_of_the_list(module: str) -> None:
    """A fact of another name would silently be left out of the line."""
    used = {
        key.value
        for facts in _facts_of(ast.parse(OURS[module].read_text()))
        for key in facts.keys
        if isinstance(key, ast.Constant)
    }
    assert set() == used - set(logs.FIELDS)


def _facts_of(tree: ast.Module) -> Iterator[ast.Dict]:
    """Yield what is passed as ``extra``, at once or by the name ``facts``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "extra":
            found: ast.expr = node.value
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "facts":
            found = node.value
        else:
            continue
        if isinstance(found, ast.Dict):
            yield found
