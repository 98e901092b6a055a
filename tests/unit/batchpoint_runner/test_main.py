"""The start of a runner process."""

from __future__ import annotations

import pytest

from batchpoint_runner.contract import ExitCode
from batchpoint_runner.main import main


def test_unusable_environment_ends_with_its_code(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing can be served then; the exit code and one line say why."""
    monkeypatch.setenv("BATCHPOINT_HTTP_PORT", "eighty")
    assert ExitCode.WRONG_CONFIGURATION == main()
    assert "BATCHPOINT_HTTP_PORT='eighty'" in caplog.text
