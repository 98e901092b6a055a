"""Asks at start whether the rights that the operator needs are there, and names those that are not."""

from __future__ import annotations

from collections.abc import Sequence

from batchpoint.cluster.client import Client


async def missing_rules(
    client: Client,
    *,
    namespaces: Sequence[str] = (),
    operator_namespace: str,
    check_secrets: bool = False,
) -> list[str]:
    """Return one line for each right that is missing: verb, resource and where. Empty: all are there."""
    raise NotImplementedError
