"""Small parts of sentences: cut, counted, joined."""

from __future__ import annotations

LONGEST_FOREIGN = 300
"""Characters of text that others wrote (registries, schedulers, user code) in a sentence of ours."""


def cut(text: str, longest: int) -> str:
    """Return the text, its end replaced by ``…`` where it is longer than that many characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def foreign(text: str) -> str:
    """Return what somebody else wrote as part of a sentence: one line, short, without a full stop."""
    return cut(" ".join(text.split()), LONGEST_FOREIGN).rstrip(". ")


def counted(count: int, noun: str) -> str:
    """Return ``1 file``, ``2 files``, ``1,797 mini-batches``."""
    plural = f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
