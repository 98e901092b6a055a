"""Commands that read manifests are called alike."""

from __future__ import annotations

import pytest

from batchpoint.cli.run import run
from batchpoint.cli.validate import validate


@pytest.mark.parametrize("command", [run, validate])
def test_manifests_are_named_as_for_kubectl(command: object) -> None:
    """With the short and the two long forms that kubectl knows."""
    (option,) = [one for one in command.params if one.name == "files"]  # type: ignore[attr-defined]
    assert (["-f", "--file", "--filename"], True, True) == (
        option.opts,
        option.required,
        option.multiple,
    )
