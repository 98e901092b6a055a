"""What can be wrong with one file. Messages name columns, types and rows, never values.

::

    BadFile
    ├─ UnsupportedFile       an extension that nobody reads
    ├─ UnreadableFile        broken, empty, or not what its extension says
    ├─ SignatureMismatch     read well, but not what the model expects
    └─ PredictionMismatch    the model gave results that belong to no rows
"""

from __future__ import annotations


class BadFile(Exception):
    """One file cannot be scored; its neighbours can."""

    says_all = True
    """The message explains the failure; a traceback of ours would only hide it."""


class UnsupportedFile(BadFile):
    """The extension is none of those that the driver reads."""


class UnreadableFile(BadFile):
    """The content is broken, empty, or not what the extension says."""


class SignatureMismatch(BadFile):
    """The content is not what the model's signature asks for."""


class PredictionMismatch(BadFile):
    """The results of `predict` cannot be laid beside the rows that it was given."""
