"""Kubernetes quantities as numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from batchpoint.api import quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2", Decimal(2)),
        ("500m", Decimal("0.5")),
        ("1.5", Decimal("1.5")),
        (".5", Decimal("0.5")),
        ("4Gi", Decimal(4 * 1024**3)),
        ("4G", Decimal(4_000_000_000)),
        ("1e3", Decimal(1000)),
        ("100k", Decimal(100_000)),
        ("0.5Mi", Decimal(512 * 1024)),
    ],
)
def test_suffixes_are_powers(text: str, value: Decimal) -> None:
    """Of ten, or of two with an i, and exact."""
    assert value == quantity.parse(text)


@pytest.mark.parametrize("text", ["", "Gi", "8GB", "1.2.3", "-1", "1 Gi"])
def test_other_text_is_refused(text: str) -> None:
    """Whatever Kubernetes would refuse as well."""
    with pytest.raises(ValueError, match=r"quantity|suffix"):
        quantity.parse(text)
