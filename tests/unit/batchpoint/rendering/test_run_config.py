"""The pinned configuration as text."""

from __future__ import annotations

import json

from batchpoint.rendering import run_config
from batchpoint_runner.contract import RunConfig
from support.builders import a_config


def test_defaults_are_written_out() -> None:
    """A runner of another release may have others."""
    text = run_config.as_text(a_config())
    assert (1, 50_000) == (
        json.loads(text)["miniBatchSize"],
        json.loads(text)["workers"]["rowBatchRows"],
    )


def test_a_further_attempt_differs_in_its_number() -> None:
    """Fields that a later release has added stay."""
    config = a_config(environment={"A": "ä"})
    text = json.dumps(json.loads(run_config.as_text(config)) | {"later": 1})
    changed = json.loads(run_config.with_attempt(text, 3))
    assert 1 == changed.pop("later")
    assert config.model_copy(update={"attempt": 3}) == RunConfig.model_validate(changed)
