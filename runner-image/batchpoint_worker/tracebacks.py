"""Exceptions of user code as text: whole, with the place in the user's own code on the first line.

The frames of this package and of the import machinery are left out, because they tell the reader
nothing about the script.
"""

from __future__ import annotations

import os
import sysconfig
import traceback
from typing import Iterator, List, Optional, Set

from batchpoint_worker import faults

_OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
_PATHS = sysconfig.get_paths()
_LIBRARIES = tuple(
    {_PATHS[name] + os.sep for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def describe(exception: BaseException, code_directory: Optional[str] = None) -> faults.Error:
    """Return type, message and traceback of an exception that user code raised.

    Args:
        exception: As caught.
        code_directory: Where the user's code lies; None: whatever is no installed library.

    Returns:
        The traceback starts with ``Raised at score.py, line 12, in run`` where a frame of the user's
        is in it, and goes on as Python prints it, causes included.
    """
    try:
        message = str(exception)
    except Exception as exc:  # noqa: BLE001  the exception's own code runs here
        message = "(its message cannot be shown: %s)" % type(exc).__name__
    return faults.error(type(exception).__name__, message, _render(exception, code_directory))


def _render(exception: BaseException, code_directory: Optional[str]) -> str:
    try:
        whole = traceback.TracebackException.from_exception(exception)
        for part in _chain(whole, set()):
            kept = [frame for frame in part.stack if not _is_hidden(frame.filename)]
            part.stack = traceback.StackSummary.from_list(kept)
        text = "".join(whole.format())
    except Exception as exc:  # noqa: BLE001  the exception's own code runs here
        return "(the traceback cannot be shown: %s)" % type(exc).__name__
    frame = _innermost(list(whole.stack), code_directory)
    if frame is None:
        return text
    name = _short(frame.filename, code_directory)
    return "Raised at %s, line %s, in %s\n%s" % (name, frame.lineno, frame.name, text)


def _chain(
    part: Optional[traceback.TracebackException], seen: Set[int]
) -> Iterator[traceback.TracebackException]:
    if part is None or id(part) in seen:
        return
    seen.add(id(part))
    yield part
    for other in (part.__cause__, part.__context__):
        yield from _chain(other, seen)


def _is_hidden(filename: str) -> bool:
    return filename.startswith((_OURS, "<frozen importlib", "<frozen runpy"))


def _innermost(
    frames: List[traceback.FrameSummary], code_directory: Optional[str]
) -> Optional[traceback.FrameSummary]:
    inside = os.path.join(code_directory, "") if code_directory else None
    for frame in reversed(frames):
        if inside is not None and frame.filename.startswith(inside):
            return frame
    for frame in reversed(frames):
        if not frame.filename.startswith(_LIBRARIES) and not frame.filename.startswith("<"):
            return frame
    return None


def _short(filename: str, code_directory: Optional[str]) -> str:
    if code_directory and filename.startswith(os.path.join(code_directory, "")):
        return os.path.relpath(filename, code_directory)
    return filename
