"""The first line of a CSV output, written as workers write their rows."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SPECIAL = re.compile('[,"\r\n]')


def line(columns: Sequence[str]) -> bytes:
    """Return the header line of these columns.

    A line that would be empty is ``""``, as in the rows, since an empty line is no row to most readers.
    """
    cells = ",".join(map(_quoted, columns)) or '""'
    return f"{cells}\n".encode("utf-8", "backslashreplace")


def _quoted(name: str) -> str:
    if _SPECIAL.search(name) is None:
        return name
    return '"' + name.replace('"', '""') + '"'
