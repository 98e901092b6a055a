"""Logs: text on a terminal, one JSON object a line otherwise; messages are constant, facts are fields.

The form is that of the runner's logs, which this package may not import: one reader serves both.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

FIELDS = (
    "kind",
    "object",
    "action",
    "reason",
    "cause",
    "seconds",
    "events",
    "lease",
    "identity",
    "address",
    "detail",
)
"""Names of facts that a log record may carry, through ``extra``. ``object`` is ``namespace/name``."""

LEVELS_OF_LIBRARIES = {
    "kopf": logging.WARNING,  # from info on it tells of every watch and every activity
    "kopf.objects": logging.ERROR,  # one line for every event of every object
    "kopf._core.reactor.running": logging.ERROR,
    "asyncio": logging.WARNING,
    "aiohttp.access": logging.WARNING,  # one line for every probe and every scrape
    "kubernetes": logging.WARNING,
}
"""The least level that is worth a line."""


class _Formatter(logging.Formatter):
    def __init__(self, *, is_json: bool) -> None:
        super().__init__()
        self._is_json = is_json

    def format(self, record: logging.LogRecord) -> str:
        head = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        facts = {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        traceback = self.formatException(record.exc_info) if record.exc_info else ""
        if self._is_json:
            whole = head | facts | ({"traceback": traceback} if traceback else {})
            return json.dumps(whole, default=str)
        told = " ".join(f"{name}={value}" for name, value in facts.items())
        line = f"{head['time']} {head['level']:7} {head['message']} {told}".rstrip()
        return f"{line}\n{traceback}" if traceback else line


def set_up(log_format: str, level: str) -> None:
    """Send all logs to stderr.

    Args:
        log_format: ``text``, ``json``, or ``auto``: text on a terminal, else JSON.
        level: Name of the least level of our own lines, such as ``INFO``. Libraries have their own.
    """
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(is_json=not is_text))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in LEVELS_OF_LIBRARIES.items():
        logging.getLogger(name).setLevel(least)
