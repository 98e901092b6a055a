"""What user code and its surroundings can do wrong, as errors and as the dicts that travel in frames.

::

    Exception
    ├─ Unusable            no worker can start: code 14 (configuration) or 10 (import or init failed)
    └─ OutputRefused       something in the output folder cannot be published; a failed attempt
"""

from __future__ import annotations

from typing import Dict, Optional

CANNOT_START = 10
"""Exit code: importing the script or `init` failed (`contract.ExitCode` of the runner)."""
WRONG_CONFIGURATION = 14
"""Exit code: the script is missing, has a syntax error, or has no `run`."""

MESSAGE_CHARACTERS = 2000
"""Longest message of one error; the rest is cut."""
TRACEBACK_CHARACTERS = 16000
"""Longest traceback of one error; its middle is cut, both ends stay."""

Error = Dict[str, str]
"""``{"type", "message", "traceback"}``; the traceback is empty where there is none."""


def error(kind: str, message: str, traceback: str = "") -> Error:
    """Return an error for a frame, cut to :data:`MESSAGE_CHARACTERS` and :data:`TRACEBACK_CHARACTERS`."""
    return {
        "type": _clean(kind),
        "message": cut(_clean(message), MESSAGE_CHARACTERS),
        "traceback": cut_middle(_clean(traceback), TRACEBACK_CHARACTERS),
    }


def cut(text: str, characters: int) -> str:
    """Return ``text``, shortened at its end to at most ``characters`` where it is longer."""
    return text if len(text) <= characters else text[: characters - 2] + " …"


def cut_middle(text: str, characters: int) -> str:
    """Return ``text``, with its middle replaced by a line that says so where it is longer."""
    if len(text) <= characters:
        return text
    note = "\n… %d characters are left out here …\n" % (len(text) - characters)
    kept = max(0, characters - len(note))
    head = kept // 3
    return text[:head] + note + text[len(text) - (kept - head) :]


def _clean(text: str) -> str:
    """Replace lone surrogates, which no JSON reader takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Unusable(Exception):
    """No worker can start with this set-up.

    Attributes:
        code: 14 when the configuration is wrong, which no second try mends; 10 when user code failed.
        reason: CamelCase constant for the verdict.
        message: Sentences in one line: what failed, why, what to do. The last ends with a period, which is
            added where it is missing.
        error: The exception of user code, or None.
    """

    def __init__(self, code: int, reason: str, message: str, error: Optional[Error] = None) -> None:
        message = " ".join(message.split())
        message += "" if message.endswith((".", "!", "?", "…")) else "."
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.error = error

    def as_error(self) -> Error:
        """Return the error of user code, or one that is made of reason and message."""
        return self.error if self.error is not None else error(self.reason, self.message)


class OutputRefused(Exception):
    """A file in AZUREML_BI_OUTPUT_PATH is no regular file, or its name is no text."""
