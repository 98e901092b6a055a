"""How children look: records of a plan → plain manifests. Pure: the same records give the same manifest."""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]
"""An object of Kubernetes, or a part of one, as plain data."""
