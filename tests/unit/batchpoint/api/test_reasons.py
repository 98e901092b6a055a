"""Reasons."""

from __future__ import annotations

import re

from batchpoint.api.reasons import Reason
from batchpoint_runner import errors


def test_reasons_are_constants_with_a_sentence() -> None:
    """CamelCase for programs, one sentence for people."""
    for reason in Reason:
        assert re.fullmatch(r"([A-Z][a-z]+)+", reason)
        assert re.fullmatch(r"[A-Za-z].*\.", reason.explanation)


def test_the_runners_reasons_are_explained() -> None:
    """What a verdict may say is in the list, but for what only the platform is to blame for."""
    ours = {
        cls.default_reason
        for cls in vars(errors).values()
        if isinstance(cls, type)
        and issubclass(cls, errors.RunnerError)
        and cls.code not in {errors.ExitCode.CRASHED, errors.ExitCode.DRAINED}
    }
    assert ours <= set(Reason)
