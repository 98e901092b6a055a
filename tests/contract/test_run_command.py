"""The real command `batchpoint run` with real processes: success, failures, stopping, helping, dying."""

import json
import os
import shutil
import signal as signals
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support import local_jobs
from support.local_jobs import LocalJob

pytestmark = pytest.mark.slow


@pytest.fixture
def work() -> Iterator[Path]:
    """A scratch folder with a short name, because sockets lie below it."""
    folder = Path(tempfile.mkdtemp(prefix="bp-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def job(tmp_path: Path, work: Path) -> LocalJob:
    """Twelve texts."""
    return local_jobs.make(tmp_path, work)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of all processes that were started for a scratch folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), *process.environ().values()]
            if any(str(folder) in word for word in words):
                found.append(f"{process.pid} {process.status()} {' '.join(process.cmdline())}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_job_runs_from_manifests_to_predictions(job: LocalJob) -> None:
    """All rows in input order, a summary on stdout, no process and no scratch left."""
    done = job.run(AWS_SECRET_ACCESS_KEY="hidden")
    assert (0, local_jobs.expected_rows()) == (done.returncode, job.rows()), done.stderr
    assert "shout-first succeeded." in done.stdout
    assert "12 of 12, none failed" in done.stdout
    assert ([], []) == (processes_of(job.work), list(job.work.iterdir()))


def test_json_is_all_that_stdout_holds(job: LocalJob) -> None:
    """One object per job; progress lines go to stderr."""
    done = job.run("--json")
    (answer,) = local_jobs.answers(done)
    assert ("shout-first", 0, "Succeeded") == (answer["job"], answer["code"], answer["reason"])
    assert (job.predictions / "predictions.csv").as_uri() == answer["output"]
    assert "shout-first: " in done.stderr


def test_what_user_code_prints_is_found(job: LocalJob) -> None:
    """On the terminal with --debug, wherever that stands, and in files that the summary names."""
    script = (
        "def init():\n    print('loaded')\ndef run(files):\n    print('scored')\n    return files\n"
    )
    (job.folder / "datastore" / "code" / "score.py").write_text(script)
    done = job.run("--debug")
    assert 0 == done.returncode, done.stderr
    assert [True, True] == [word in done.stderr for word in (" loaded\n", " scored\n")]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  logs "))
    text = "".join(path.read_text() for path in Path(line.split()[1]).rglob("*.txt"))
    assert [True, True] == [word in text for word in (" loaded\n", " scored\n")]


def test_a_second_run_does_nothing(job: LocalJob) -> None:
    """It says so, and the output is as it was."""
    job.run()
    written = (job.predictions / "predictions.csv").stat().st_mtime_ns
    again = job.run()
    assert (0, written) == (
        again.returncode,
        (job.predictions / "predictions.csv").stat().st_mtime_ns,
    )
    assert "has succeeded before" in again.stdout


def test_a_bad_file_is_a_tolerated_failure(job: LocalJob) -> None:
    """The others have their rows, and the summary shows the first error."""
    job.write_text("005.txt", "bad")
    done = job.run()
    expected = [row for row in local_jobs.expected_rows() if not row.startswith("005")]
    assert (0, expected) == (done.returncode, job.rows()), done.stderr
    assert "succeeded with 1 failure." in done.stdout
    assert "005.txt: ValueError: this file is bad" in done.stdout
    assert "failures.jsonl" in done.stdout


def test_too_many_failures_end_in_code_11(tmp_path: Path, work: Path) -> None:
    """The threshold's verdict reaches the shell."""
    job = local_jobs.make(tmp_path, work, error_threshold=0)
    job.write_text("005.txt", "bad")
    done = job.run("--json")
    (answer,) = local_jobs.answers(done)
    assert (11, 11, "ThresholdPassed") == (done.returncode, answer["code"], answer["reason"])


def test_an_input_without_match_ends_in_code_13(tmp_path: Path, work: Path) -> None:
    """Before any user code starts."""
    job = local_jobs.make(tmp_path, work, include='"**/*.png"')
    done = job.run()
    assert 13 == done.returncode, done.stderr
    assert "shout-first failed: " in done.stderr


def test_a_script_that_cannot_start_ends_in_code_10(job: LocalJob) -> None:
    """With the error of `init` in words."""
    (job.folder / "datastore" / "models" / "words" / "suffix.txt").unlink()
    (job.folder / "datastore" / "models" / "words" / "other.txt").touch()
    done = job.run()
    assert 10 == done.returncode, done.stderr
    assert "suffix.txt" in done.stderr


def test_wrong_manifests_leave_no_process(job: LocalJob) -> None:
    """The runner that was started while they were read is ended; nothing was begun anywhere."""
    manifests = job.folder / "manifests.yaml"
    manifests.write_text(manifests.read_text().replace("miniBatchSize: 2", "miniBatchSize: none"))
    done = job.run()
    assert 2 == done.returncode
    assert "miniBatchSize" in done.stderr
    assert ([], []) == (processes_of(job.work), list(job.work.iterdir()))
    assert not job.predictions.exists()


def test_an_interpreter_that_does_not_exist_ends_in_code_14(job: LocalJob) -> None:
    """Nothing is started."""
    done = job.run("--python", "/nowhere/python")
    assert 14 == done.returncode
    assert "/nowhere/python" in done.stderr


def test_an_output_of_another_job_ends_in_code_12(job: LocalJob, tmp_path: Path) -> None:
    """A predictions file that is there already is never touched."""
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "predictions.csv").write_text("mine")
    done = job.run("--output", str(taken))
    assert (12, "mine") == (done.returncode, (taken / "predictions.csv").read_text()), done.stderr


def test_any_number_of_instances_gives_the_same_bytes(job: LocalJob, tmp_path: Path) -> None:
    """Three instances write what one writes."""
    done = [
        job.run("--instances", str(number), "--output", str(tmp_path / f"by-{number}"))
        for number in (1, 3)
    ]
    assert [0, 0] == [command.returncode for command in done], done[-1].stderr
    one, three = ((tmp_path / f"by-{number}" / "predictions.csv").read_bytes() for number in (1, 3))
    assert one == three


def test_an_interrupted_job_goes_on_with_the_same_command(tmp_path: Path, work: Path) -> None:
    """Ctrl-C publishes what is in hand, leaves with 20, and nothing is scored twice."""
    job = local_jobs.make(tmp_path, work, files=40)
    job.set_pace(0.1)
    first = job.start()
    local_jobs.wait_until(lambda: list(job.ledger.glob("*/chunks/*")), "a chunk is published")
    first.send_signal(signals.SIGINT)
    _, said = first.communicate(timeout=30)
    assert 20 == first.returncode, said
    assert "the same command goes on from here" in said
    assert ([], []) == (processes_of(work), list(work.iterdir()))
    job.set_pace(0)
    assert (0, local_jobs.expected_rows(40)) == (job.run().returncode, job.rows())


def test_an_interrupt_while_manifests_are_read_is_obeyed(job: LocalJob) -> None:
    """The processes that were started ahead end with it; nothing was claimed, nothing is left."""
    command = job.start()
    local_jobs.wait_until(
        lambda: [line for line in processes_of(job.work) if "batchpoint_runner" in line],
        "a runner is started ahead",
    )
    command.send_signal(signals.SIGINT)
    _, said = command.communicate(timeout=30)
    assert 20 == command.returncode, said
    assert ([], []) == (processes_of(job.work), list(job.work.iterdir()))
    assert 0 == job.run().returncode


def test_a_second_interrupt_stops_at_once(job: LocalJob) -> None:
    """Even if user code would take a minute."""
    job.set_pace(60)
    command = job.start()
    local_jobs.wait_until(lambda: list(job.ledger.glob("*/claims/*")), "a chunk is claimed")
    with command:
        command.send_signal(signals.SIGINT)
        assert command.stderr is not None
        while "Ctrl-C again" not in command.stderr.readline():
            pass
        command.send_signal(signals.SIGINT)
        assert 20 == command.wait(timeout=5)
    assert [] == processes_of(job.work)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_a_killed_command_leaves_no_process(tmp_path: Path, work: Path) -> None:
    """Its children die with it, and the next command goes on and clears its scratch folder."""
    job = local_jobs.make(tmp_path, work, files=40)
    job.set_pace(0.1)
    command = job.start()
    local_jobs.wait_until(lambda: list(job.ledger.glob("*/chunks/*")), "a chunk is published")
    command.kill()
    command.communicate()
    local_jobs.wait_until(lambda: not processes_of(work), "all processes are gone", seconds=10)
    job.set_pace(0)
    assert (0, local_jobs.expected_rows(40)) == (job.run().returncode, job.rows())
    assert [] == list(work.iterdir())


@pytest.mark.parametrize("part", ["batchpoint_runner", "host.pyz"], ids=["runner", "host"])
def test_a_killed_part_is_started_again(tmp_path: Path, work: Path, part: str) -> None:
    """As kubelet and Job controller would; the rows are those of an undisturbed run."""
    job = local_jobs.make(tmp_path, work, files=40)
    job.set_pace(0.05)
    command = job.start()
    local_jobs.wait_until(lambda: list(job.ledger.glob("*/chunks/*")), "a chunk is published")
    (victim, *_) = [
        child
        for child in psutil.Process(command.pid).children()
        if any(part in word for word in child.cmdline())
    ]
    victim.kill()
    _, said = command.communicate(timeout=60)
    assert (0, local_jobs.expected_rows(40)) == (command.returncode, job.rows()), said
    assert "started again: it was killed by signal 9" in said
    assert [] == processes_of(work)


def instances_of(job: LocalJob) -> set[str]:
    """Return the instance indexes that have shown a sign of life."""
    return {path.stem for path in job.ledger.glob("*/instances/*.json")}


def test_a_runner_that_cannot_be_imported_is_told_once(job: LocalJob, tmp_path: Path) -> None:
    """After a second try; what both instances say alike is not repeated."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "obstore.py").write_text("import not_installed\n")
    path = f"{tmp_path / 'broken'}{os.pathsep}{local_jobs.environment({})['PYTHONPATH']}"
    done = job.run("--instances", "2", PYTHONPATH=path)
    assert (1, 2) == (done.returncode, done.stderr.count("is started again")), done.stderr
    assert 1 == done.stderr.count("No module named 'not_installed'")


def test_a_second_shell_helps(tmp_path: Path, work: Path) -> None:
    """It takes the next instance index of the same job, and both end well."""
    job = local_jobs.make(tmp_path, work, files=40)
    job.set_pace(0.5)
    first = job.start("--instances", "1")
    local_jobs.wait_until(lambda: list(job.ledger.glob("*/claims/*")), "a chunk is claimed")
    second = job.start("--instances", "1")
    local_jobs.wait_until(lambda: len(instances_of(job)) == 2, "both shells are at work")
    job.set_pace(0)
    ends = [command.communicate(timeout=60)[1] for command in (first, second)]
    assert [0, 0] == [first.returncode, second.returncode], ends
    assert local_jobs.expected_rows(40) == job.rows()
    assert {"0", "1"} == instances_of(job)


def test_a_script_written_for_azure_runs_unchanged(tmp_path: Path, work: Path) -> None:
    """Under SummaryOnly its files are the output; there is no predictions file."""
    example = local_jobs.ROOT / "examples" / "azure-script"
    command = [
        *(sys.executable, "-m", "batchpoint.cli.main", "run", "-f", str(example)),
        *("--datastore", f"demo={example / 'datastore'}"),
        *("--output", str(tmp_path / "out"), "--work-directory", str(work)),
    ]
    done = subprocess.run(
        command,
        env=local_jobs.environment({}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    moods = {
        path.name: json.loads(path.read_text())["mood"]
        for path in (tmp_path / "out").glob("0*.json")
    }
    expected = {
        "0001.json": "happy",
        "0002.json": "unhappy",
        "0003.json": "neutral",
        "0004.json": "unhappy",
    }
    assert expected == moods
    assert not (tmp_path / "out" / "predictions.csv").exists()
