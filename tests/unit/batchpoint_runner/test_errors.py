"""The tree of errors and the codes with which they end a run."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from batchpoint_runner import errors
from batchpoint_runner.contract import ExitCode
from batchpoint_runner.errors import RunnerError


def all_errors(of: type[RunnerError] = RunnerError) -> Iterator[type[RunnerError]]:
    """Yield every class of the tree; other modules may have private ones."""
    yield of
    for child in of.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from all_errors(child)


PLACE = {"store": "s3://b", "path": "p", "operation": "read"}


@pytest.mark.parametrize("kind", list(all_errors()), ids=lambda kind: kind.__name__)
def test_an_error_has_a_code_a_reason_and_a_sentence(kind: type[RunnerError]) -> None:
    """The reason is a CamelCase constant unless a more exact one is given."""
    place = PLACE if issubclass(kind, errors.StorageError) else {}
    error = kind("What, why, what to do.", **place)
    assert ("What, why, what to do.",) * 2 == (error.message, str(error))
    assert error.code in ExitCode
    assert re.fullmatch(r"([A-Z][a-z]+)+", error.reason)


def test_a_more_exact_reason_may_be_given() -> None:
    """It goes into the verdict instead of the class's own."""
    error = errors.ContractError("No.", reason="ScriptNotFound")
    assert ("ScriptNotFound", 14) == (error.reason, error.code)


def test_the_drawing_shows_the_tree_with_its_codes() -> None:
    """The module's docstring names every class, and the code of each that has one of its own."""
    drawn = dict(re.findall(r"[├└]─ (\w+) *(\d*)", errors.__doc__ or ""))
    assert {kind.__name__ for kind in all_errors()} - {"RunnerError"} == set(drawn)
    codes = {name: int(code) for name, code in drawn.items() if code}
    assert codes == {
        kind.__name__: int(kind.code) for kind in all_errors() if kind.__name__ in codes
    }


def test_only_what_the_store_did_not_do_is_worth_retrying() -> None:
    """A storage error says where and what was tried."""
    error = errors.StorageUnavailable("Later.", store="s3://b", path="p", operation="create")
    assert ("s3://b", "p", "create", ExitCode.CRASHED) == (
        error.store,
        error.path,
        error.operation,
        error.code,
    )
