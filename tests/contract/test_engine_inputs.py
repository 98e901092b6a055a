"""Inputs that hold nothing to score end in words: the real command."""

from __future__ import annotations

import pytest

from support import scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

Done = tuple[Desk, dict[str, Ended]]

FINE = """
def run(mini_batch):
    count("calls-of-fine")
    return [name(path) for path in mini_batch]
"""


def _inputs(at: Desk) -> dict[str, Ended]:
    at.deploy("fine", FINE)
    at.texts(2)
    (at.store / "empty").mkdir()
    at.job("empty", "fine", "empty")
    at.job("missing", "fine", "nowhere")
    at.job("no-match", "fine", input={"uri": "datastore://mine/texts", "include": ["*.png"]})
    single = {"uri": "datastore://mine/texts/absent.txt", "type": "UriFile"}
    at.job("no-file", "fine", input=single)
    at.job("folder-as-file", "fine", input={"uri": "datastore://mine/texts", "type": "UriFile"})
    at.job("one-file", "fine", input={"uri": "datastore://mine/texts/001.txt", "type": "UriFile"})
    return {"all": at.run()}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Inputs that hold nothing, and one single file."""
    return scripted_jobs.once(tmp_path_factory, "inputs", _inputs)


@pytest.mark.parametrize(
    ("job", "reason"),
    [
        ("empty", "InputEmpty"),
        ("missing", "InputNotFound"),
        ("no-match", "InputMatchesNothing"),
        ("no-file", "InputNotFound"),
        ("folder-as-file", "InputIsFolder"),
    ],
)
def test_an_input_without_files_ends_with_code_13(inputs: Done, job: str, reason: str) -> None:
    """Each with a reason of its own, and user code is not started."""
    at, commands = inputs
    answer = commands["all"].answer(job)
    assert (13, reason) == (answer["code"], answer["reason"])
    assert "predictions.csv" not in at.published(job)
    assert 1 == at.calls("calls-of-fine")  # of the one job that has a file


def test_a_single_file_is_an_input(inputs: Done) -> None:
    """Its name is the file's own."""
    at, commands = inputs
    assert (0, ["value", "001.txt"]) == (
        commands["all"].answer("one-file")["code"],
        at.lines("one-file"),
    )
