"""Plain data → YAML text, for generated files: deterministic, and without a YAML library in this layer.

Keys keep their order. Long prose is folded at 96 columns; any string that could be read as something
else is quoted as JSON, which is YAML as well.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9./-]*")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))
_FOLD_AT = 96
_LONGEST_ON_ONE_LINE = 60


def dump(value: object) -> str:
    """Return the YAML of plain data: maps, lists, strings, numbers, booleans and None."""
    return "\n".join(_lines(value, 0)) + "\n"


def _lines(value: object, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(value, Mapping) and value:
        return [
            line
            for key, item in value.items()
            for line in _entry(f"{pad}{_scalar(key)}:", item, depth)
        ]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return [line for item in value for line in _item(pad, item, depth)]
    return [pad + _scalar(value)]


def _entry(head: str, value: object, depth: int) -> list[str]:
    if isinstance(value, str) and _is_prose(value):
        inner = "  " * (depth + 1)
        folded = textwrap.wrap(
            value, _FOLD_AT - len(inner), break_long_words=False, break_on_hyphens=False
        )
        return [f"{head} >-", *(inner + line for line in folded)]
    if isinstance(value, Mapping) and value:
        return [head, *_lines(value, depth + 1)]
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return [head, *_lines(value, depth)]
    return [f"{head} {_scalar(value)}"]


def _item(pad: str, value: object, depth: int) -> list[str]:
    lines = _lines(value, depth + 1)
    return [f"{pad}- {lines[0].lstrip()}", *lines[1:]]


def _is_prose(text: str) -> bool:
    simple = "\n" not in text and "  " not in text and text == text.strip()
    return simple and len(text) > _LONGEST_ON_ONE_LINE and " " in text


def _scalar(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
