"""Cron expressions."""

from __future__ import annotations

import pytest

from batchpoint.api import cron


def test_a_field_is_the_set_of_its_values() -> None:
    """Lists, ranges, steps and names together."""
    parsed = cron.parse("*/20 8-10,22 1,15 JAN-MAR *")
    assert {0, 20, 40} == parsed.minutes
    assert {8, 9, 10, 22} == parsed.hours
    assert {1, 15} == parsed.days
    assert {1, 2, 3} == parsed.months
    assert set(range(7)) == parsed.weekdays
    assert (False, True) == (parsed.any_day, parsed.any_weekday)


@pytest.mark.parametrize(
    ("text", "weekdays"),
    [
        ("0", {0}),
        ("7", {0}),
        ("sun", {0}),
        ("MON-FRI", {1, 2, 3, 4, 5}),
        ("5-7", {5, 6, 0}),
        ("1/2", {1, 3, 5}),
        ("*/3", {0, 3, 6}),
    ],
)
def test_sunday_is_zero_and_seven(text: str, weekdays: set[int]) -> None:
    """Open steps end on Saturday, so that Sunday is not met twice."""
    assert weekdays == cron.parse(f"0 0 * * {text}").weekdays


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*-5 * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "1, * * * *",
        "a * * * *",
        "* * * * XYZ",
        "-1 * * * *",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
        "@hourly",
        "@reboot",
    ],
)
def test_what_never_fires_or_cannot_be_read_is_refused(text: str) -> None:
    """The message says what would be right."""
    with pytest.raises(ValueError, match=r"^must "):
        cron.parse(text)


def test_a_rare_day_is_right() -> None:
    """29 February comes every few years; and a weekday makes an impossible date possible."""
    assert {29} == cron.parse("0 0 29 2 *").days
    assert {1} == cron.parse("0 0 30 2 MON").weekdays
