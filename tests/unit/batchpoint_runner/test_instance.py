"""What an instance settles before it works: which attempt this is, whose the output is, what the plan is."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

from batchpoint_runner.contract import (
    ExitCode,
    InputSpec,
    InputType,
    JobIdentity,
    OutputSpec,
    Progress,
    RerunSpec,
    RunConfig,
    Verdict,
)
from batchpoint_runner.errors import InputInvalid, OutputTaken, ScriptUnusable
from batchpoint_runner.events import Event
from batchpoint_runner.instance import Instance
from batchpoint_runner.settings import Settings
from batchpoint_runner.workers import HostLine


def an_instance(folder: Path, **changes: object) -> Instance:
    """Return an instance of a job over one folder of two files; nothing is started."""
    source = folder / "in"
    source.mkdir(exist_ok=True)
    for name in ("a.txt", "b.txt"):
        (source / name).write_text(name)
    shared = folder / "shared"
    shared.mkdir(exist_ok=True)
    values: dict[str, object] = {
        "job": JobIdentity(name="job", uid="uid-1", endpoint="e", deployment="d"),
        "attempt": 0,
        "input": InputSpec(uri=str(source)),
        "output": OutputSpec(uri=str(folder / "out"), file_name="predictions.csv"),
    }
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    return Instance(
        RunConfig(**(values | changes)),  # type: ignore[arg-type]
        Settings(shared_directory=shared),
        events=events,
        line=HostLine(shared / "runner.sock", shared / "scratch", events.put),
    )


def a_verdict(code: ExitCode) -> Verdict:
    """Return a verdict of one code."""
    return Verdict(code=code, reason="Reason", message="message")


def test_success_stands(tmp_path: Path) -> None:
    """A job that has succeeded does nothing when it is run again."""
    instance = an_instance(tmp_path)
    success = instance.ledger.create_verdict(1, a_verdict(ExitCode.SUCCEEDED))
    assert success == an_instance(tmp_path).run()


def test_success_of_a_later_attempt_stands(tmp_path: Path) -> None:
    """By hand a job is tried until it succeeds; then it is over."""
    ledger = an_instance(tmp_path).ledger
    ledger.create_verdict(1, a_verdict(ExitCode.CANNOT_START))
    success = ledger.create_verdict(2, a_verdict(ExitCode.SUCCEEDED))
    assert success == an_instance(tmp_path).run()


def test_given_attempt_obeys_its_own_failure(tmp_path: Path) -> None:
    """In a cluster the attempt is given, and a restarted pod must not try what has been decided."""
    ledger = an_instance(tmp_path).ledger
    failure = ledger.create_verdict(1, a_verdict(ExitCode.CANNOT_START))
    assert failure == an_instance(tmp_path, attempt=1).run()


def test_output_that_exists_is_refused_before_the_plan(tmp_path: Path) -> None:
    """Nothing is spent, and nothing is written into the folder."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "predictions.csv").write_text("mine")
    instance = an_instance(tmp_path)
    with pytest.raises(OutputTaken, match=r"predictions\.csv exists already") as caught:
        instance.run()
    assert ExitCode.OUTPUT_TAKEN == instance.close(caught.value).code
    assert ["predictions.csv"] == [p.name for p in (tmp_path / "out").rglob("*") if p.is_file()]


def test_input_without_items_is_a_verdict_with_reports(tmp_path: Path) -> None:
    """Found before any compute, and told beside the output, which is the job's own by then."""
    instance = an_instance(tmp_path, input=InputSpec(uri=str(tmp_path / "nowhere")))
    with pytest.raises(InputInvalid) as caught:
        instance.run()
    assert ExitCode.INPUT_INVALID == instance.close(caught.value).code
    assert (tmp_path / "out" / "job_result.txt").read_text().startswith(caught.value.message)


def test_next_try_by_hand_is_a_new_attempt(tmp_path: Path) -> None:
    """A failure is kept, and does not keep a repaired job from running."""
    first = an_instance(tmp_path)
    first.ledger.create_verdict(1, a_verdict(ExitCode.CANNOT_START))
    second = an_instance(tmp_path, input=InputSpec(uri=str(tmp_path / "nowhere")))
    with pytest.raises(InputInvalid):
        second.run()
    assert 2 == second.attempt


def test_rerun_of_an_unknown_job_is_refused(tmp_path: Path) -> None:
    """Its ledger is what says what failed."""
    rerun = RerunSpec(output_uri=str(tmp_path / "other"), uid="uid-0")
    instance = an_instance(tmp_path, rerun=rerun)
    with pytest.raises(InputInvalid, match="There is nothing to rerun") as caught:
        instance.run()
    assert "NothingToRerun" == caught.value.reason


def test_fault_before_the_output_is_ours_writes_nothing(tmp_path: Path) -> None:
    """The folder may be another job's."""
    instance = an_instance(tmp_path)
    assert ExitCode.CANNOT_START == instance.close(ScriptUnusable("no")).code
    assert not (tmp_path / "out").exists()


def test_progress_is_empty_before_there_is_a_plan(tmp_path: Path) -> None:
    """Whoever asks early gets an answer."""
    assert Progress() == an_instance(tmp_path).progress()


def test_one_file_is_found_in_its_folder(tmp_path: Path) -> None:
    """Its item is its name, and the folder is where it is fetched from."""
    one = InputSpec(uri=str(tmp_path / "in" / "a.txt"), type=InputType.FILE)
    instance = an_instance(tmp_path, input=one)
    assert instance._input_base.endswith("/in")
