import pytest

from batchpoint.cli import output
from batchpoint.cli.output import CommandFailed


def test_results_and_words_go_different_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """A pipe gets results alone."""
    output.answer("a result")
    output.tell("a word")
    assert ("a result\n", "a word\n") == tuple(capsys.readouterr())


def test_a_failure_carries_its_exit_code() -> None:
    """1 unless it says otherwise."""
    assert (1, 14) == (CommandFailed("x").exit_code, CommandFailed("x", 14).exit_code)
