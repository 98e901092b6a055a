"""Scripts that cannot start, and their jobs when they were mended: the real command."""

from __future__ import annotations

import shutil

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
