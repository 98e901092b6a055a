"""Outputs that are there already, done or taken, are left alone: the real command."""

from __future__ import annotations

import json

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


def _taken(at: Desk) -> dict[str, Ended]:
    at.texts(3)
    at.deploy("fine", FINE)
    at.job("first", "fine")
    at.job("second", "fine", output={"uri": "datastore://mine/out/first"})
    at.job("there", "fine")
    at.write("out/there/predictions.csv", "mine")
    done = {"first": at.run("first")}
    (at.folder / "stamps").write_text(_stamps(at, "first"))
    done["taken"] = at.run("second", "there")
    done["again"] = at.run("first")
    (at.folder / "stamps-again").write_text(_stamps(at, "first"))
    at.deploy("fine", FINE, miniBatchSize=2)
    done["changed"] = at.run("first")
    at.deploy("fine", FINE)
    done["back"] = at.run("first")
    return done


def _stamps(at: Desk, job: str) -> str:
    folder = at.output(job)
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return json.dumps({name: p.stat().st_mtime_ns for name, p in sorted(files.items())})


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A job that succeeds, and others that want its folder or find a file in theirs."""
    return scripted_jobs.once(tmp_path_factory, "taken", _taken)


def test_the_same_job_again_changes_nothing(taken: Done) -> None:
    """Not one file of output and ledger is written anew."""
    at, commands = taken
    answer = commands["again"].answer("first")
    assert (0, True) == (commands["again"].code, answer["alreadyDone"])
    assert (at.folder / "stamps").read_text() == (at.folder / "stamps-again").read_text()


def test_a_changed_specification_is_refused(taken: Done) -> None:
    """With code 12 and what to do; taking the change back makes the job good again."""
    _, commands = taken
    answer = commands["changed"].answer("first")
    assert (12, "OutputTaken") == (answer["code"], answer["reason"])
    assert "another specification" in answer["message"]
    assert 0 == commands["back"].code


def test_the_folder_of_another_job_is_refused(taken: Done) -> None:
    """The sentence names the job that owns it."""
    answer = taken[1]["taken"].answer("second")
    assert (12, "OutputTaken") == (answer["code"], answer["reason"])
    assert "default/first" in answer["message"]


def test_an_output_that_exists_is_refused_before_any_compute(taken: Done) -> None:
    """It keeps its content, nothing is written beside it, and user code has not run for it."""
    at, commands = taken
    answer = commands["taken"].answer("there")
    assert (12, "OutputTaken") == (answer["code"], answer["reason"])
    assert ["mine"] == at.lines("there")
    assert {"predictions.csv"} == at.published("there")
    assert 3 == at.calls("calls-of-fine")  # of the first job alone
