"""Patterns choose files as the module's table says."""

from __future__ import annotations

import pytest

from batchpoint_runner import globbing


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("**/*.png", "a.png", True),
        ("**/*.png", "x/y/a.png", True),
        ("**/*.png", "a.jpg", False),
        ("*.png", "a.png", True),
        ("*.png", "x/a.png", False),
        ("2026/**", "2026/11/a", True),
        ("2026/**", "20266/a", False),
        ("raw/", "raw/x/y", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "axb", False),
        ("**", "any/thing", True),
        ("a?.csv", "ab.csv", True),
        ("a?.csv", "a/.csv", False),
        ("[ab].csv", "b.csv", True),
        ("[!ab].csv", "c.csv", True),
        ("[!ab].csv", "a.csv", False),
        ("x[!a]y", "x/y", False),
        ("a.c", "abc", False),
        ("[.csv", "[.csv", True),
        ("*.PNG", "a.png", False),
        ("./x.csv", "x.csv", True),
        ("*", ".hidden", True),
        ("**/*.csv", "line\nbreak.csv", True),
        ("größe/*", "größe/☃", True),
    ],
)
def test_a_pattern_describes_the_whole_path(pattern: str, path: str, expected: bool) -> None:
    """One row per rule."""
    assert expected == globbing.matcher([pattern])(path)


def test_any_of_several_patterns_is_enough() -> None:
    """And none matches nothing."""
    matches = globbing.matcher(["*.csv", "*.json"])
    assert [True, True, False] == [matches(name) for name in ("a.csv", "a.json", "a.txt")]
    assert not globbing.matcher([])("a.csv")
