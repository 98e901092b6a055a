"""The pinned `RunConfig` as the text that a pod carries in an annotation."""

from __future__ import annotations

import json

from batchpoint.api.reasons import Reason
from batchpoint.errors import SpecError
from batchpoint_runner.contract import RunConfig

MAX_BYTES = 200 * 1024
"""All annotations of an object may hold 256 KiB together."""


def as_text(config: RunConfig) -> str:
    """Return JSON with every field, so that another default of a later runner changes nothing.

    Raises:
        SpecError: It is larger than `MAX_BYTES`.
    """
    text = config.model_dump_json(by_alias=True, exclude_none=True)
    size_bytes = len(text.encode())
    if size_bytes > MAX_BYTES:
        raise SpecError(
            Reason.SPEC_INVALID,
            "",
            f"The job with its deployment's settings takes {size_bytes:,} bytes, and at most "
            f"{MAX_BYTES:,} fit into a pod. Shorten settings.environmentVariables, or move their "
            "content to files beside the scoring script.",
        )
    return text


def with_attempt(text: str, attempt: int) -> str:
    """Return the same configuration for a further attempt; nothing else changes, known to us or not."""
    changed = json.loads(text) | {"attempt": attempt}
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
