"""Kubernetes quantities as exact numbers: ``500m`` is 0.5, ``4Gi`` is 4294967296."""

from __future__ import annotations

import re
from decimal import Decimal

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_PARTS = re.compile(r"(?P<number>[0-9.]+(?:[eE][+-]?[0-9]+)?)(?P<suffix>[A-Za-z]*)")


def parse(text: str) -> Decimal:
    """Return the exact value of a quantity.

    Raises:
        ValueError: The text is no quantity.
    """
    parts = _PARTS.fullmatch(text)
    if parts is None or parts["number"].count(".") > 1:
        raise ValueError(f"{text!r} is not a quantity such as 500m, 2 or 4Gi")
    suffix = parts["suffix"]
    if suffix in _BINARY:
        return Decimal(parts["number"]) * Decimal(1 << _BINARY[suffix])
    if suffix in _DECIMAL:
        return Decimal(parts["number"]).scaleb(_DECIMAL[suffix])
    raise ValueError(f"{text!r} has an unknown suffix; use m, k, M, G, Ki, Mi or Gi")
