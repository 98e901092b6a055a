"""Errors as they travel."""

from __future__ import annotations

import pytest

from batchpoint_worker import faults


def test_long_message_is_cut_at_its_end() -> None:
    """At the named constant, and it shows."""
    message = faults.error("X", "a" * 5000)["message"]
    assert (faults.MESSAGE_CHARACTERS, "a …") == (len(message), message[-3:])


def test_long_traceback_keeps_both_ends() -> None:
    """The first line names the place, the last the error."""
    text = "first\n" + "middle\n" * 10_000 + "last"
    cut = faults.error("X", "", text)["traceback"]
    assert len(cut) <= faults.TRACEBACK_CHARACTERS
    assert (True, True) == (cut.startswith("first\n"), cut.endswith("last"))
    assert "characters are left out here" in cut


@pytest.mark.parametrize("text", ["", "short", "a" * 100])
def test_short_text_is_left_alone(text: str) -> None:
    """Up to the limit itself."""
    assert (text, text) == (faults.cut(text, 100), faults.cut_middle(text, 100))


def test_lone_surrogates_are_replaced() -> None:
    """Names of files can hold them, JSON readers refuse them."""
    assert "?" == faults.error("X", "\udc80")["message"]


def test_unusable_without_an_exception_explains_itself() -> None:
    """Its reason and message are the error."""
    error = faults.Unusable(14, "WrongConfiguration", "no script").as_error()
    assert {"type": "WrongConfiguration", "message": "no script.", "traceback": ""} == error


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("It failed: why", "It failed: why."),
        ("It failed.", "It failed."),
        ("It failed: on\n  two lines\n", "It failed: on two lines."),
        ("It failed: cut …", "It failed: cut …"),
    ],
)
def test_unusable_speaks_in_sentences(given: str, expected: str) -> None:
    """Whatever a library has put into them."""
    assert expected == faults.Unusable(10, "X", given).message
