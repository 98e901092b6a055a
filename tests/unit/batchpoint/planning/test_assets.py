"""Data assets."""

from __future__ import annotations

import pytest

from batchpoint.planning import assets
from batchpoint.planning.assets import Asset


def _catalogue(*versions: str) -> assets.Catalogue:
    return assets.catalogue(
        Asset(name="new-data", version=version, uri=f"s3://lake/{version}") for version in versions
    )


@pytest.mark.parametrize(
    ("versions", "latest"),
    [
        (("9", "10", "2"), "10"),
        (("1.9", "1.10", "1.2"), "1.10"),
        (("2026-09-30", "2026-11-01"), "2026-11-01"),
        (("beta", "1"), "1"),
        (("1", "1.1"), "1.1"),
    ],
)
def test_latest_is_the_highest_number(versions: tuple[str, ...], latest: str) -> None:
    """Numbers inside a version count as numbers; words come before them."""
    found = assets.find("asset://new-data/latest", _catalogue(*versions))
    assert isinstance(found, Asset)
    assert latest == found.version


def test_a_version_is_taken_by_its_name() -> None:
    """Exactly the one."""
    found = assets.find("asset://new-data/2", _catalogue("1", "2"))
    assert isinstance(found, Asset)
    assert "s3://lake/2" == found.uri


def test_a_missing_asset_is_answered_with_those_that_exist() -> None:
    """By name, or by version of the name."""
    assert 'there is no data asset "x"; known are: new-data' == assets.find(
        "asset://x/1", _catalogue("1")
    )
    assert 'data asset "new-data" has no version "3"; it has: 2, 10' == assets.find(
        "asset://new-data/3", _catalogue("10", "2")
    )
    assert 'there is no data asset "x"; known are: none' == assets.find("asset://x/latest", {})
