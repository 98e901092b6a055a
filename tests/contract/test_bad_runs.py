"""What people do wrong, through the real command: for each mistake the one sentence that they read."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from batchpoint.cli import main
from support import bad_runs
from support.bad_runs import Bench
from support.mlflow_models import Models, columns

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """With a model and an endpoint; scratch has a short name, because sockets lie below it."""
    work = Path(tempfile.mkdtemp(prefix="bp-"))
    bench = Bench(folder=tmp_path, work=work)
    bench.write("manifests.yaml", bad_runs.ENDPOINT)
    bench.write("models/words/words.txt", "happy")
    yield bench
    shutil.rmtree(work, ignore_errors=True)


def test_each_bad_file_is_told_by_itself(bench: Bench) -> None:
    """One line each in failures.jsonl, without a traceback of ours; the good file has its rows."""
    features = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    model = LinearRegression().fit(features, features @ [2.0, 3.0] + 1)
    Models(bench.folder / "models").sklearn("linear", model, columns(a="double", b="long"))
    bench.write("in/good.csv", bad_runs.CSV)
    for name, content, _, _ in bad_runs.BAD_FILES:
        bench.write(f"in/{name}", content)
    bench.add("files", model="models/linear/model, type: MLflow")
    (answer,) = bench.run()
    found = bench.failures("files")
    assert {
        name: (kind, message) for name, _, kind, message in bad_runs.BAD_FILES
    } == bad_runs.said(found)
    assert [] == [name for name, one in found.items() if one["traceback"]]
    assert (0, "SucceededWithFailures") == (answer["code"], answer["reason"])
    rows = (bench.folder / "out" / "files" / "predictions.csv").read_text().splitlines()
    assert ["good.csv,0", "good.csv,1"] == [row.rpartition(",")[0] for row in rows[1:]]


def test_each_failed_call_is_told_by_itself(bench: Bench) -> None:
    """Exceptions start with the user's own line; processes that end say how."""
    bench.write("code/score.py", bad_runs.INTERPRETER)
    bench.write("in/good", "result = [1]")
    for name, program, _, _ in bad_runs.BAD_CALLS:
        bench.write(f"in/{name}", program)
    bench.add("calls", script="score.py", size=1, seconds=2)
    (answer,) = bench.run()
    found = bench.failures("calls")
    assert {
        name: (kind, message) for name, _, kind, message in bad_runs.BAD_CALLS
    } == bad_runs.said(found)
    assert found["key"]["traceback"].startswith("Raised at score.py, line 6, in run\nTraceback")
    assert (0, "SucceededWithFailures") == (answer["code"], answer["reason"])


def test_each_bad_script_has_its_verdict(bench: Bench) -> None:
    """The sentence names the script's own error; code 14 is for what no try can mend."""
    bench.write("in/one.txt", "1")
    for name, source, _, _ in bad_runs.BAD_SCRIPTS:
        bench.write(f"code/{name}.py", source)
        bench.add(name, script=f"{name}.py")
    expected = {name: (code, message) for name, _, code, message in bad_runs.BAD_SCRIPTS}
    assert expected == {one["job"]: (one["code"], one["message"]) for one in bench.run()}


def test_each_wrong_place_has_its_verdict(bench: Bench) -> None:
    """Where something is not found, what is there instead is named."""
    bench.write("in/one.txt", "1")
    bench.write("code/score.py", bad_runs.ANY)
    bench.write("models/broken/MLmodel", "flavors: [")
    bench.write("out/taken/predictions.csv", "mine")
    for name, options, _, _ in bad_runs.BAD_PLACES:
        bench.add(name, **options)  # type: ignore[arg-type]
    expected = {name: (code, message) for name, _, code, message in bad_runs.BAD_PLACES}
    assert expected == {one["job"]: (one["code"], one["message"]) for one in bench.run()}
    assert "mine" == (bench.folder / "out" / "taken" / "predictions.csv").read_text()


@pytest.mark.parametrize(
    ("options", "code", "expected"),
    bad_runs.BAD_COMMANDS,
    ids=[" ".join(row[0]) or "none" for row in bad_runs.BAD_COMMANDS],
)
def test_each_wrong_command_is_one_sentence(
    bench: Bench, options: list[str], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before any process is started; it names the option and what to write."""
    bench.add("job", script="score.py")
    command = [
        "run",
        "-f",
        str(bench.folder / "manifests.yaml"),
        "--work-directory",
        str(bench.work),
    ]
    assert code == main.main([*command, *options])
    assert expected + "\n" == capsys.readouterr().err
