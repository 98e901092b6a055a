"""What becomes of each error."""

from __future__ import annotations

import logging

import pytest

from batchpoint import errors
from batchpoint.handlers import failures

WHERE = {"verb": "patch", "kind": "BatchJob", "name": "scoring/first"}

NOT_READY = errors.NotReady("Soon.", after_seconds=7)
SPEC = errors.SpecError("SpecInvalid", "spec.input", "is wrong")
CONFLICT = errors.Conflict("Changed.", **WHERE)
AWAY = errors.Unavailable("No answer.", **WHERE)
BUSY = errors.Unavailable("Too many requests.", **WHERE, after_seconds=30)
FORBIDDEN = errors.Forbidden("No right.", **WHERE)
INVALID = errors.Invalid("Refused.", **WHERE)
GONE = errors.NotFound("Gone.", **WHERE)
BUG = KeyError("oops")


@pytest.mark.parametrize(
    ("error", "count", "expected"),
    [
        pytest.param(SPEC, 1, None, id="only-an-edit-helps"),
        pytest.param(NOT_READY, 5, 7, id="when-it-said"),
        pytest.param(CONFLICT, 1, 0, id="at-once"),
        pytest.param(CONFLICT, 3, 2, id="but-not-for-ever"),
        pytest.param(AWAY, 1, 1, id="later"),
        pytest.param(AWAY, 4, 8, id="ever-later"),
        pytest.param(BUSY, 1, 30, id="not-before-it-said"),
        pytest.param(BUSY, 10, 60, id="nor-before-our-own-time"),
        pytest.param(FORBIDDEN, 1, 60, id="a-right-is-missing"),
        pytest.param(INVALID, 1, 60, id="a-policy-refuses"),
        pytest.param(GONE, 2, 2, id="somebody-deleted-it"),
        pytest.param(BUG, 3, 4, id="a-bug"),
    ],
)
def test_each_error_has_its_time(error: Exception, count: int, expected: float | None) -> None:
    """With an even chance, the times are the round ones."""
    assert expected == failures.answer(error, count, 0.5).after_seconds


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (SPEC, logging.INFO),
        (CONFLICT, logging.DEBUG),
        (AWAY, logging.WARNING),
        (FORBIDDEN, logging.ERROR),
        (BUG, logging.ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_who_must_act_is_told_loudly(error: Exception, level: int) -> None:
    """Conflicts are everyday; a missing right is an error that somebody must end."""
    assert level == failures.answer(error, 1, 0.5).level


def test_only_the_unexpected_has_a_traceback() -> None:
    """Whatever we raise on purpose says all in its message."""
    known = (SPEC, NOT_READY, CONFLICT, AWAY, FORBIDDEN, INVALID, GONE)
    assert [False] * len(known) == [
        failures.answer(error, 1, 0.5).is_fault_of_ours for error in known
    ]
    assert failures.answer(BUG, 1, 0.5).is_fault_of_ours


def test_waits_double_up_to_a_minute() -> None:
    """1, 2, 4, … 60 seconds, however often it failed."""
    waits = [failures.back_off_seconds(count, 0.5) for count in (1, 2, 3, 4, 5, 6, 7, 8, 9999)]
    assert [1, 2, 4, 8, 16, 32, 60, 60, 60] == waits


def test_waits_vary_by_a_fifth() -> None:
    """So that a thousand objects that failed together come back one by one."""
    assert (8, 12) == pytest.approx(
        (failures.back_off_seconds(4, 0) * 1.25, failures.back_off_seconds(4, 1) * 1.25)
    )
