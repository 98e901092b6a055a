"""How values are shown."""

from __future__ import annotations

import pytest

from batchpoint.api import masking


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (2.5, "2.5"),
        ("a", '"a"'),
        ("", '""'),
        ('a "b"', '"a \\"b\\""'),
        ([1], "a list"),
        ({"a": 1}, "a map"),
        ("s3://key:geheim@b/x", '"s3://***@b/x"'),
        ("https://h/x?sig=geheim", '"https://h/x?***"'),
        ("grün", '"grün"'),
    ],
)
def test_values_are_shown_without_credentials(value: object, text: str) -> None:
    """Short and unmistakable."""
    assert text == masking.shown(value)


def test_long_text_is_cut() -> None:
    """A message stays one line that people can read."""
    assert masking.LONGEST_SHOWN + 2 == len(masking.shown("x" * 500))


@pytest.mark.parametrize("field", ["environmentVariables", "data", "stringData"])
def test_values_below_maps_of_secrets_are_never_shown(field: str) -> None:
    """Only what kind of value it is."""
    assert "text" == masking.shown("geheim", ("spec", field, "TOKEN"))
    assert "a number" == masking.shown(1234, ("spec", field, "PIN"))
