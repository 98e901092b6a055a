"""The pinned `RunConfig` as the text that a pod carries in an annotation."""

from __future__ import annotations

import json

from batchpoint_runner.contract import RunConfig


def as_text(config: RunConfig) -> str:
    """Return JSON with every field, so that another default of a later runner changes nothing."""
    return config.model_dump_json(by_alias=True, exclude_none=True)


def with_attempt(text: str, attempt: int) -> str:
    """Return the same configuration for a further attempt; nothing else changes, known to us or not."""
    changed = json.loads(text) | {"attempt": attempt}
    return json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
