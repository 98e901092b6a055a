"""Logs: text on a terminal, one JSON object a line otherwise; messages are constant, facts are fields."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = (
    "instance",
    "chunk",
    "mini_batch",
    "item",
    "attempt",
    "worker",
    "cause",
    "files",
    "failed",
    "rows",
    "code",
    "reason",
    "seconds",
    "detail",
)
"""Names of facts that a log record may carry, through ``extra``."""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        line = (
            f"{_time(record)} {record.levelname.lower():7} {record.getMessage()} {facts}".rstrip()
        )
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        value: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            value["traceback"] = self.formatException(record.exc_info)
        return json.dumps(value, default=str)


def set_up(log_format: str, level: int) -> None:
    """Send all logs to stderr.

    Args:
        log_format: ``text``, ``json``, or ``auto``: text on a terminal, else JSON.
        level: Of the root logger.
    """
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_Text() if is_text else _Json())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _facts(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
