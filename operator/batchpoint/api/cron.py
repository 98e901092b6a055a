"""Cron expressions of five fields, parsed into the sets of values on which they fire.

Minute, hour, day of the month, month, day of the week; with lists, ranges, steps, and English names of
months and weekdays. As in every cron: when both days are restricted, either one is enough.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    word: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    @property
    def open_end(self) -> int:
        """The last value of ``*`` and of ``n/step``: Saturday, not the second Sunday."""
        return 6 if self.highest == 7 else self.highest


_FIELDS = (
    _Field(word="minute", lowest=0, highest=59),
    _Field(word="hour", lowest=0, highest=23),
    _Field(word="day of the month", lowest=1, highest=31),
    _Field(word="month", lowest=1, highest=12, names=tuple(_MONTHS)),
    _Field(word="day of the week", lowest=0, highest=7, names=tuple(_WEEKDAYS)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """The values on which an expression fires."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    """Of the month, from 1."""
    months: frozenset[int]
    """From 1."""
    weekdays: frozenset[int]
    """0 is Sunday, 6 is Saturday; a written 7 is 0."""
    any_day: bool
    """The day of the month begins with ``*``."""
    any_weekday: bool
    """The day of the week begins with ``*``."""


def parse(expression: str) -> Cron:
    """Return the values on which the expression fires.

    Raises:
        ValueError: Says what would be right, beginning with "must".
    """
    if macro := _MACROS.get(expression.strip().lower()):
        raise ValueError(f'must be written as five fields; did you mean "{macro}"?')
    parts = expression.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(
            "must have five fields: minute, hour, day of the month, month, day of the week"
        )
    minutes, hours, days, months, weekdays = (
        _values(part, field) for part, field in zip(parts, _FIELDS, strict=True)
    )
    cron = Cron(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        any_day=parts[2].startswith("*"),
        any_weekday=parts[4].startswith("*"),
    )
    if cron.any_weekday and min(days) > max(_LONGEST_MONTH[month - 1] for month in months):
        raise ValueError("must name a day that one of its months has; this one never comes")
    return cron


def _values(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _span(part, field))


def _span(part: str, field: _Field) -> range:
    found = re.fullmatch(r"(\*|[A-Za-z0-9]+)(?:-([A-Za-z0-9]+))?(?:/([0-9]+))?", part)
    if found is None or (found[1] == "*" and found[2]):
        raise ValueError(_must(field))
    step = int(found[3] or 1)
    if found[1] == "*":
        first, last = field.lowest, field.open_end
    else:
        first = _number(found[1], field)
        last = _number(found[2], field) if found[2] else (field.open_end if found[3] else first)
    if first > last or step < 1:
        raise ValueError(_must(field))
    return range(first, last + 1, step)


def _number(text: str, field: _Field) -> int:
    if text.upper() in field.names:
        return field.names.index(text.upper()) + field.lowest
    if not text.isdigit() or not field.lowest <= int(text) <= field.highest:
        raise ValueError(_must(field))
    return int(text)


def _must(field: _Field) -> str:
    names = f" or {field.names[0]}-{field.names[-1]}" if field.names else ""
    return f"must have a {field.word} of {field.lowest}-{field.highest}{names}, *, or lists and steps of them"
