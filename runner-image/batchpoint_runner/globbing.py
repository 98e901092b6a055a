"""Patterns that choose input files by their path below the input folder. Pure.

==========  =========================================================================
``*``       any characters but ``/``, also none
``?``       one character but ``/``
``[a-z]``   one of these; ``[!a-z]`` one that is not
``**``      as a whole segment: any number of folders, also none
==========  =========================================================================

A pattern describes the whole path: ``*.png`` means files directly in the folder, ``**/*.png`` means
those and all below, ``2026/**`` everything below ``2026``. Capital letters matter. A leading dot is a
character like others. A trailing ``/`` means the folder's content: ``raw/`` is ``raw/**``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a predicate on paths: is it described by any of the patterns? Without patterns: never."""
    if not patterns:
        return lambda _: False
    match = re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns)).fullmatch
    return lambda path: match(path) is not None


def _expression(pattern: str) -> str:
    pattern = pattern.removeprefix("./").lstrip("/")
    if pattern.endswith("/"):
        pattern += "**"
    segments = [segment for segment in pattern.split("/") if segment]
    out = []
    for position, segment in enumerate(segments):
        is_last = position == len(segments) - 1
        if segment == "**":
            out.append(".*" if is_last else "(?:[^/]+/)*")
        else:
            out.append(_segment(segment) + ("" if is_last else "/"))
    return f"(?s:{''.join(out)})"


def _segment(segment: str) -> str:
    out, position = [], 0
    while position < len(segment):
        character = segment[position]
        position += 1
        if character == "*":
            out.append("[^/]*")
        elif character == "?":
            out.append("[^/]")
        elif character == "[" and (end := segment.find("]", position + 2)) > 0:
            chosen = segment[position:end].replace("\\", "\\\\").replace("[", "\\[")
            negated = chosen.startswith("!")
            out.append(f"[^/{chosen[1:]}]" if negated else f"[{chosen}]")
            position = end + 1
        else:
            out.append(re.escape(character))
    return "".join(out)
