"""The operator's log lines: constant messages, facts as fields with names from one list."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator

import pytest

from batchpoint import logs
from support import repository

OURS = {
    name: path
    for name, path in repository.modules().items()
    if name.startswith(("batchpoint.cluster", "batchpoint.handlers", "batchpoint.main"))
}


@pytest.fixture(autouse=True)
def _the_logs_of_pytest_stay() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", *logs.LEVELS_OF_LIBRARIES)]
    before = [(logger, list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, handlers, level in before:
        logger.handlers[:] = handlers
        logger.setLevel(level)


def line_of(capsys: pytest.CaptureFixture[str], log_format: str, *, exc_info: bool = False) -> str:
    """Log one record with facts; return what stands on stderr."""
    logs.set_up(log_format, "INFO")
    logger = logging.getLogger("somewhere")
    logger.debug("Not shown")
    facts = {"object": "scoring/first", "seconds": 2}
    logger.warning("Reconcile failed", extra=facts, exc_info=exc_info)
    return capsys.readouterr().err


@pytest.mark.parametrize("log_format", ["json", "auto"])
def test_json_has_one_object_a_line(capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    """Facts stand beside time, level and message; what is no terminal gets JSON."""
    found = json.loads(line_of(capsys, log_format))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", found.pop("time"))
    expected = {"level": "warning", "message": "Reconcile failed"}
    assert expected | {"object": "scoring/first", "seconds": 2} == found


def test_text_reads_from_left_to_right(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, message, then facts."""
    found = line_of(capsys, "text")
    assert re.fullmatch(r"\S+ warning Reconcile failed object=scoring/first seconds=2\n", found)


def test_a_traceback_stays_on_the_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A record is one line, whatever is in it; in text it follows below."""
    try:
        int("broken")
    except ValueError:
        found, text = (
            line_of(capsys, "json", exc_info=True),
            line_of(capsys, "text", exc_info=True),
        )
    assert 1 == found.count("\n")
    assert "ValueError: invalid literal" in json.loads(found)["traceback"]
    assert "ValueError: invalid literal" in text.splitlines()[-1]


@pytest.mark.parametrize("name", ["kopf.objects", "kopf.activities.startup", "aiohttp.access"])
def test_libraries_speak_only_when_somebody_may_act(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A line for each event, request or probe would bury ours."""
    logs.set_up("json", "DEBUG")
    logging.getLogger(name).info("Handler 'job' succeeded.")
    assert "" == capsys.readouterr().err


@pytest.mark.parametrize("module", OURS)
def test_facts_have_names_of_the_list(module: str) -> None:
    """A fact of another name would silently be left out of the line."""
    used = {
        key.value
        for node in ast.walk(ast.parse(OURS[module].read_text()))
        if isinstance(node, ast.keyword)
        and node.arg == "extra"
        and isinstance(node.value, ast.Dict)
        for key in node.value.keys
        if isinstance(key, ast.Constant)
    }
    assert set() == used - set(logs.FIELDS)
