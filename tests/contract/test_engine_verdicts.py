"""How jobs end other than well, and that nothing is spent or lost then: the real command."""

from __future__ import annotations

import json
import shutil

import pytest

from support import scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

Done = tuple[Desk, dict[str, Ended]]

BAD_ONES = """
def run(mini_batch):
    for path in mini_batch:
        count("call-" + name(path))
        if text(path) == "bad" and not (STATE / "mended").exists():
            raise ValueError("bad file")
    time.sleep(0.02)
    return [name(path) for path in mini_batch]
"""

FINE = """
def run(mini_batch):
    count("calls-of-fine")
    return [name(path) for path in mini_batch]
"""


def _threshold(at: Desk) -> dict[str, Ended]:
    for number in range(24):
        at.write(f"some/{number:02}.txt", "bad" if number % 8 == 3 else "good")
    at.write("all/0.txt", "bad")
    at.write("all/1.txt", "bad")
    two = {"resources": {"instanceCount": 2}}
    at.deploy("bad-ones", BAD_ONES, miniBatchSize=2, spec=two)
    for name, allowed in (("none", 0), ("two", 2), ("three", 3), ("any", -1)):
        at.job(f"allow-{name}", "bad-ones", "some", overrides={"errorThreshold": allowed})
    at.job("all-bad", "bad-ones", "all")
    at.deploy("summary", BAD_ONES, outputAction="SummaryOnly")
    at.job("summary-bad", "summary", "all")
    done = {"first": at.run()}
    (at.state / "mended").touch()
    before = {path.name: path.stat().st_size for path in at.state.iterdir()}
    for name in ("none", "two", "three"):
        at.rerun(f"again-{name}", f"allow-{name}", "bad-ones")
    # One process per instance that does the rest: no time is spent on others' signs of life.
    done["again"] = at.run("again-none", "again-two", "again-three", options=("--instances", "1"))
    (at.folder / "before.json").write_text(json.dumps(before))
    done["undisturbed"] = at.run("allow-none", options=("--output", str(at.store / "out/whole")))
    return done


@pytest.fixture(scope="module")
def threshold(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Three bad files of 24, tolerated or not, by two instances; then reruns with a mended script."""
    return scripted_jobs.once(tmp_path_factory, "threshold", _threshold)


@pytest.mark.parametrize(("job", "allowed"), [("allow-none", 0), ("allow-two", 2)])
def test_more_failures_than_tolerated_end_the_job(threshold: Done, job: str, allowed: int) -> None:
    """Verdict 11, no rows, and everything there that tells why."""
    at, commands = threshold
    answer = commands["first"].answer(job)
    assert (11, "ThresholdPassed") == (answer["code"], answer["reason"])
    assert f"tolerates {allowed}" in answer["message"]
    assert {
        "failures.jsonl",
        "job_error.txt",
        "job_result.txt",
        "job_progress_overview.txt",
    } == at.published(job)
    failures = at.failures(job)
    assert allowed < len(failures) <= 3
    assert {"ValueError"} == {failure["type"] for failure in failures.values()}
    assert "bad file" in "\n".join(at.lines(job, "job_error.txt"))
    assert "ThresholdPassed" in "\n".join(at.lines(job, "job_result.txt")) or (
        "tolerates" in at.lines(job, "job_result.txt")[0]
    )


@pytest.mark.parametrize("job", ["allow-three", "allow-any"])
def test_as_many_failures_as_tolerated_are_a_success_that_says_so(
    threshold: Done, job: str
) -> None:
    """The failures are counted over both instances, and the others have their rows."""
    at, commands = threshold
    answer = commands["first"].answer(job)
    assert (0, "SucceededWithFailures") == (answer["code"], answer["reason"])
    assert 3 == answer["counts"]["files"]["failed"]
    expected = [f"{number:02}.txt" for number in range(24) if number % 8 != 3]
    assert ["value", *expected] == at.lines(job)


@pytest.mark.parametrize("job", ["all-bad", "summary-bad"])
def test_a_job_of_which_nothing_succeeded_has_failed(threshold: Done, job: str) -> None:
    """Although -1 tolerates any number; under SummaryOnly too."""
    answer = threshold[1]["first"].answer(job)
    assert (11, "NothingSucceeded") == (answer["code"], answer["reason"])
    assert "0.txt" == answer["firstError"]["item"]


@pytest.mark.parametrize("name", ["none", "two", "three"])
def test_a_rerun_completes_the_output(threshold: Done, name: str) -> None:
    """Rows of a job that was stopped or had failures are taken over; the rest is scored."""
    at, commands = threshold
    answer = commands["again"].answer(f"again-{name}")
    assert (0, "Succeeded") == (answer["code"], answer["reason"])
    whole = (at.output("whole") / "predictions.csv").read_bytes()
    assert whole == (at.output(f"again-{name}") / "predictions.csv").read_bytes()
    assert 24 == len(whole.splitlines()) - 1


def test_a_rerun_scores_only_what_is_missing(threshold: Done) -> None:
    """What has rows in the earlier job is not scored again."""
    at, _ = threshold
    failed = at.failures("allow-three").keys()
    assert len(failed) == at.plan("again-three")["items"]
    assert 24 == at.plan("again-three")["input_items"]


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


STARTS = {
    "no-run": "def init():\n    pass\n",
    "no-syntax": "def run(mini_batch:\n",
    "init-fails": "def init():\n    raise LookupError('no such tokenizer')\n\ndef run(b):\n    return b\n",
    "import-fails": "import package_that_is_not_there\n\ndef run(b):\n    return b\n",
    "exits": "def init():\n    os._exit(7)\n\ndef run(b):\n    return b\n",
}


def _starts(at: Desk) -> dict[str, Ended]:
    at.texts(3)
    for name, script in STARTS.items():
        at.deploy(name, script)
        at.job(name, name)
    at.deploy("no-script", FINE)
    (at.store / "code/no-script/score.py").rename(at.store / "code/no-script/other.py")
    at.job("no-script", "no-script")
    done = {"broken": at.run()}
    for name in STARTS:
        shutil.copytree(at.output(name), at.output(f"was-{name}"))
    for name in ("init-fails", "no-run", "no-script"):
        at.script(name, FINE)
    done["mended"] = at.run("init-fails", "no-run", "no-script")
    return done


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """Scripts that cannot start, and the same jobs after they were mended."""
    return scripted_jobs.once(tmp_path_factory, "starts", _starts)


@pytest.mark.parametrize(
    ("job", "code", "words"),
    [
        ("no-run", 14, ["score.py", "run"]),
        ("no-script", 14, ["score.py"]),
        ("no-syntax", 14, ["SyntaxError", "def run(mini_batch:"]),
        ("init-fails", 10, ["LookupError", "no such tokenizer", "in init", "score.py"]),
        ("import-fails", 10, ["ModuleNotFoundError", "package_that_is_not_there"]),
        ("exits", 10, ["7"]),
    ],
)
def test_a_script_that_cannot_start_is_shown_with_its_error(
    starts: Done, job: str, code: int, words: list[str]
) -> None:
    """In the command's answer, the user's own traceback with it, and where code was run in a report."""
    answer = starts[1]["broken"].answer(job)
    told = f"{answer['message']}\n{answer['traceback']}"
    assert code == answer["code"]
    assert [] == [word for word in words if word not in told], told
    if answer["traceback"]:
        at, _ = starts
        report = (at.output(f"was-{job}") / "job_error.txt").read_text()
        assert answer["traceback"].rstrip() in report


@pytest.mark.parametrize("job", ["init-fails", "no-run", "no-script"])
def test_a_job_goes_on_after_its_script_was_mended(starts: Done, job: str) -> None:
    """The same command again, after code 10 or 14, scores everything."""
    at, commands = starts
    assert (0, ["value", "000.txt", "001.txt", "002.txt"]) == (
        commands["mended"].answer(job)["code"],
        at.lines(job),
    )
