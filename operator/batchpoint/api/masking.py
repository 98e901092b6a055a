"""How a value may be shown in a message: short, quoted, and without what could be a credential."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

LONGEST_SHOWN = 80
"""Characters of a value in a message."""

_HIDDEN_BELOW = frozenset(("environmentVariables", "data", "stringData", "annotations"))
"""Values in these maps are never shown, whatever they are."""

_KINDS = ((bool, "true or false"), (int, "a number"), (float, "a number"), (str, "text"))


def shown(value: object, path: Sequence[str | int] = ()) -> str:
    """Return the value for people: text in double quotes, lists and maps by their kind alone.

    User names and passwords in URIs and everything behind a question mark become ``***``.

    Args:
        value: As it was read.
        path: Of the field; below maps that may hold secrets only the kind of the value is told.
    """
    if value is None:
        return "null"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a map"
    if not _HIDDEN_BELOW.isdisjoint(path[:-1]):
        return next(word for kind, word in _KINDS if isinstance(value, kind))
    if isinstance(value, str):
        return json.dumps(_cut(_masked(value)), ensure_ascii=False)
    return json.dumps(value)


def _masked(text: str) -> str:
    text = re.sub(r"(?<=://)[^/@\s]+(:[^/@\s]*)?@", "***@", text)
    return re.sub(r"(://[^?\s]*)\?.*", r"\1?***", text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
