"""Data assets: named, versioned addresses, and how ``asset://name/version`` becomes one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from batchpoint_runner.contract import InputType

LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One version of a data asset."""

    name: str
    version: str
    uri: str
    type: InputType | None = None
    """Whether the address is a folder or a file; None: the asset does not say."""


Catalogue = Mapping[str, Mapping[str, Asset]]
"""Name → version → asset."""


def catalogue(assets: Iterable[Asset]) -> dict[str, dict[str, Asset]]:
    """Return the assets by name and version; of two with the same name and version the later wins."""
    result: dict[str, dict[str, Asset]] = {}
    for asset in assets:
        result.setdefault(asset.name, {})[asset.version] = asset
    return result


def find(uri: str, assets: Catalogue) -> Asset | str:
    """Return the asset that ``asset://name/version`` names, or a sentence that says what exists.

    ``latest`` is the highest version, where numbers inside a version count as numbers: 9, 10, 10.1.
    """
    name, version = uri.removeprefix("asset://").split("/", maxsplit=1)
    versions = assets.get(name)
    if not versions:
        known = ", ".join(sorted(assets)) or "none"
        return f'there is no data asset "{name}"; known are: {known}'
    if version == LATEST:
        version = max(versions, key=in_order)
    if version not in versions:
        known = ", ".join(sorted(versions, key=in_order))
        return f'data asset "{name}" has no version "{version}"; it has: {known}'
    return versions[version]


def in_order(version: str) -> list[tuple[int, int, str]]:
    """Return the key by which versions are sorted; words come before numbers: beta, 9, 10, 10.1."""
    parts = re.findall(r"\d+|[a-z]+", version)
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
