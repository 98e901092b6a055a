"""The output is a function of input and script: not of instances, workers, retries or deaths."""

from __future__ import annotations

import hashlib

import pytest

from support import scripted_jobs
from support.scripted_jobs import Desk, Ended

pytestmark = pytest.mark.slow

FORMATS = {
    "CSV": "predictions.csv",
    "JSONLines": "predictions.jsonl",
    "Parquet": "predictions.parquet",
    "AzureRows": "predictions.csv",
}
"""What each format calls its file."""

FILES = 30

WILD = """
import random, signal

def init():
    random.seed()

def misfortune(path):
    if os.environ["LUCK"] == "bad" and count("try-" + SHAPE + name(path)) <= 3:
        dice = random.SystemRandom().random()
        if dice < 0.25:
            raise RuntimeError("bad luck")
        if dice < 0.4:
            os.kill(os.getpid(), signal.SIGKILL)

def rows(path):
    number = int(name(path)[:3])
    return [{"n": number * 1.5, "word": 'w "%d", ü' % n, "none": None} for n in range(number % 4)]
"""

RETURNS = {
    "CSV": """
import pandas

def run(mini_batch):
    misfortune(mini_batch[0])
    return {path: pandas.DataFrame(rows(path) or None) for path in mini_batch}
""",
    "AzureRows": """
def run(mini_batch):
    misfortune(mini_batch[0])
    return [[name(path), len(rows(path))] for path in mini_batch]
""",
}
"""By format; else dicts of lists of mappings."""

MAPPINGS = """
def run(mini_batch):
    misfortune(mini_batch[0])
    return {path: rows(path) for path in mini_batch}
"""


def _jobs(at: Desk) -> dict[str, Ended]:
    at.texts(FILES)
    many = {"resources": {"instanceCount": 3}}
    for kind in FORMATS:
        script = f"SHAPE = {kind!r}\n" + WILD + RETURNS.get(kind, MAPPINGS)
        settings = {"outputFormat": kind, "miniBatchSize": 4, "maxRetries": 4}
        name = kind.lower()
        good = {"environmentVariables": {"LUCK": "good"}}
        bad = {"environmentVariables": {"LUCK": "bad"}, "maxConcurrencyPerInstance": 4}
        at.deploy(f"good-{name}", script, **settings, **good)
        at.job(f"good-{name}", f"good-{name}")
        at.deploy(f"bad-{name}", script, spec=many, **settings, **bad)
        at.job(f"bad-{name}", f"bad-{name}")
    return {"all": at.run()}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, Ended]:
    """Each format twice: by one worker in peace, and by twelve that fail and die at random."""
    at, commands = scripted_jobs.once(tmp_path_factory, "same-bytes", _jobs)
    return at, commands["all"]


@pytest.mark.parametrize("kind", FORMATS)
def test_bytes_are_the_same_by_twelve_unlucky_workers_of_three_instances(
    kind: str, done: tuple[Desk, Ended]
) -> None:
    """Nothing failed for good, and not a byte differs."""
    at, command = done
    name = kind.lower()
    answers = [command.answer(f"{luck}-{name}") for luck in ("good", "bad")]
    assert ["Succeeded"] * 2 == [answer["reason"] for answer in answers], answers
    assert answers[0]["counts"]["rows"] == answers[1]["counts"]["rows"] > 0
    assert answers[0]["counts"]["miniBatches"]["retried"] == 0
    files = [at.output(f"{luck}-{name}") / FORMATS[kind] for luck in ("good", "bad")]
    digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert digests[0] == digests[1]


def test_the_unlucky_workers_were_unlucky(done: tuple[Desk, Ended]) -> None:
    """There were failed attempts, deaths among them, so that the comparison says something."""
    _, command = done
    answers = [command.answer(f"bad-{kind.lower()}") for kind in FORMATS]
    assert 0 < sum(answer["counts"]["miniBatches"]["retried"] for answer in answers)


def test_rows_are_those_of_the_formats(done: tuple[Desk, Ended]) -> None:
    """The first rows of each, as the documents describe them."""
    at, _ = done
    assert ["file,n,word,none", '001.txt,1.5,"w ""0"", ü",'] == at.lines("good-csv")[:2]
    line = '{"file":"001.txt","n":1.5,"word":"w \\"0\\", ü","none":null}'
    assert line == at.lines("good-jsonlines", "predictions.jsonl")[0].replace(": ", ":").replace(
        ', "', ',"'
    )
    assert "['000.txt', 0]" == at.lines("good-azurerows")[0]
