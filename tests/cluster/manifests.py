"""Sends manifests to the cluster."""

from __future__ import annotations

import json
from collections.abc import Sequence

from cluster import commands

Manifest = dict[str, object]


def apply(manifests: Sequence[Manifest]) -> None:
    """Create or change objects.

    Raises:
        Unavailable: The API server refused one, or does not answer.
    """
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    commands.kubectl("apply", "--server-side", "--filename=-", text=json.dumps(listed))
