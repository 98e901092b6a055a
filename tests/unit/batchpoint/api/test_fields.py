"""Kinds of values that several models share."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from batchpoint.api.base import Rule
from batchpoint.api.fields import FileName, Name, Quantity, ScriptPath, Text


def _allowed(kind: object, value: object) -> str:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(kind).validate_python(value)
    return str(raised.value.errors()[0]["ctx"]["allowed"])


def test_a_pattern_must_match_as_a_whole() -> None:
    """A line break at the end is a difference."""
    assert "must be lower-case letters" in _allowed(Name, "digits\n")


def test_bounds_are_inclusive() -> None:
    """63 characters are a name, 64 are not."""
    assert "a" * 63 == TypeAdapter(Name).validate_python("a" * 63)
    assert "must be at most 63 characters" == _allowed(Name, "a" * 64)


def test_the_schema_says_what_is_checked_here() -> None:
    """So the API server refuses the same."""
    kind = Annotated[
        str, Text(longest=9, pattern="[a-z]+", rules=(Rule(cel="self != 'x'", message="not x"),))
    ]
    assert {
        "type": "string",
        "minLength": 1,
        "maxLength": 9,
        "pattern": "^([a-z]+)$",
        "x-kubernetes-validations": [{"rule": "self != 'x'", "message": "not x"}],
    } == TypeAdapter(kind).json_schema()


def test_a_whole_number_is_a_quantity() -> None:
    """``cpu: 2`` is how people write it."""
    assert "2" == TypeAdapter(Quantity).validate_python(2)
    assert "500m" == TypeAdapter(Quantity).validate_python("500m")


@pytest.mark.parametrize("name", ["scores 2026.csv", "ergebnis-ü.csv", "a'b.csv"])
def test_file_names(name: str) -> None:
    """Anything but what Azure refuses."""
    assert name == TypeAdapter(FileName).validate_python(name)


@pytest.mark.parametrize("path", ["score.py", "src/score.py", ".hidden.py"])
def test_script_paths(path: str) -> None:
    """Relative, and below the folder."""
    assert path == TypeAdapter(ScriptPath).validate_python(path)
