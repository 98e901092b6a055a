"""Finding, importing and calling a scoring script."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batchpoint_worker import faults, script


@pytest.fixture(autouse=True)
def _imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Imports of one test are not seen by the next."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(folder: Path, source: str, name: str = "score.py") -> script.ScriptScorer:
    """Load a script of this source."""
    (folder / name).write_text(source)
    return script.load({"script": str(folder / name), "code_directory": str(folder)})


def test_functions_are_called(tmp_path: Path) -> None:
    """Init once, run per mini-batch, shutdown at the end."""
    scorer = load(
        tmp_path,
        "calls = []\ndef init(): calls.append('init')\n"
        "def run(mini_batch): return calls + mini_batch\ndef shutdown(): calls.append('end')",
    )
    scorer.init()
    assert ["init", "a"] == scorer.run(["a"], 0)
    scorer.shutdown()
    assert ["init", "end", "b"] == scorer.run(["b"], 1)


def test_init_and_shutdown_are_optional(tmp_path: Path) -> None:
    """A missing init is noted."""
    scorer = load(tmp_path, "def run(mini_batch): return 1")
    scorer.init()
    scorer.shutdown()
    assert ["The script has no init(); run() alone is called."] == scorer.notes


@pytest.mark.parametrize(
    ("signature", "wants"),
    [
        ("mini_batch", False),
        ("mini_batch, context", True),
        ("mini_batch, mini_batch_context=None", True),
        ("mini_batch, verbose=False", False),
        ("mini_batch, *rest, **more", False),
    ],
)
def test_context_goes_to_a_second_parameter(tmp_path: Path, signature: str, wants: bool) -> None:
    """But not into one that has a meaning and a default of its own."""
    scorer = load(tmp_path, f"def run({signature}): return locals()")
    given: dict[str, Any] = scorer.run(["a"], 5)
    contexts = [one for one in given.values() if isinstance(one, script.MiniBatchContext)]
    assert [5] * wants == [one.minibatch_index for one in contexts]


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("def init(): pass", 14, "defines no function run(mini_batch)"),
        ("run = 5", 14, "defines no function run(mini_batch)"),
        ("async def run(b): return b", 14, "run() in score.py is async, and nothing awaits it"),
        ("async def run(b): yield b", 14, "run() in score.py is async, and nothing awaits it"),
        ("def run(b): yield b", 14, "run() in score.py yields its rows; return all rows"),
        ("def run(): pass", 14, "run() in score.py takes no mini-batch"),
        ("def run(*, mini_batch): pass", 14, "run() in score.py takes no mini-batch"),
        ("def run(:", 14, "cannot be parsed: invalid syntax (score.py, line 1)"),
        ("x = '\0'", 14, "cannot be parsed"),
        ("import no_such_module", 10, "Importing score.py failed with ModuleNotFoundError"),
        ("raise SystemExit(2)", 10, "Importing score.py failed with SystemExit"),
    ],
)
def test_unusable_script_says_why(tmp_path: Path, source: str, code: int, words: str) -> None:
    """Wrong configuration or failing code."""
    with pytest.raises(faults.Unusable, match=words.replace("(", r"\(").replace(")", r"\)")) as got:
        load(tmp_path, source)
    assert code == got.value.code


@pytest.mark.parametrize(
    "source",
    [
        "def run(*files): return list(files)",
        "class Model:\n    def __call__(self, batch): return [batch]\nrun = Model()",
        "import functools\nrun = functools.partial(lambda scale, batch: [batch], 2)",
        "import functools\ndef of(f):\n    @functools.wraps(f)\n    def call(batch): return [batch]\n"
        "    return call\n@of\ndef run(): pass",
    ],
    ids=["rest", "object", "partial", "decorated"],
)
def test_any_callable_that_takes_a_mini_batch_is_a_run(tmp_path: Path, source: str) -> None:
    """What counts is whether the call can succeed."""
    assert 1 == len(load(tmp_path, source).run(["a"], 0))


@pytest.mark.parametrize(
    ("path", "code_directory", "words"),
    [
        (None, None, "No scoring script is named"),
        ("/nowhere/score.py", "/nowhere", "The code folder /nowhere does not exist"),
        ("/nowhere/score.py", None, "does not exist in the code folder"),
    ],
)
def test_missing_script_says_why(path: Any, code_directory: Any, words: str) -> None:
    """Each step of the search has its own sentence."""
    with pytest.raises(faults.Unusable, match=words) as got:
        script.load({"script": path, "code_directory": code_directory})
    assert 14 == got.value.code


def test_script_that_is_no_python_file_is_refused(tmp_path: Path) -> None:
    """Its name must end in .py."""
    with pytest.raises(faults.Unusable, match=r"must end in \.py"):
        load(tmp_path, "", "score.sh")


def test_script_may_have_the_name_of_a_loaded_module(tmp_path: Path) -> None:
    """It does not replace that module."""
    before = sys.modules["json"] = __import__("json")
    load(tmp_path, "def run(m): return 1", "json.py")
    assert before is sys.modules["json"]


def test_init_error_carries_the_users_traceback(tmp_path: Path) -> None:
    """With exit code 10."""
    scorer = load(tmp_path, "def init():\n    1 / 0\ndef run(m): return 1")
    with pytest.raises(faults.Unusable, match=r"init\(\) failed with ZeroDivisionError") as got:
        scorer.init()
    assert 10 == got.value.code
    assert got.value.as_error()["traceback"].startswith("Raised at score.py, line 2, in init")


def test_a_strict_argument_parser_is_told_what_to_call(tmp_path: Path) -> None:
    """Workers have arguments of their own, and argparse says why it ends only to stderr."""
    source = "import argparse\ndef init(): argparse.ArgumentParser().parse_args(['--x'])\n"
    scorer = load(tmp_path, source + "def run(m): return 1")
    with pytest.raises(faults.Unusable) as got:
        scorer.init()
    assert (
        "The script's init() failed with SystemExit: 2. Other arguments than its own are in sys.argv: call "
        "parse_known_args(), not parse_args()."
    ) == got.value.message


def test_a_file_missing_below_the_model_folder_comes_with_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model lies in a folder of its own name, which scripts often forget."""
    models = tmp_path / "model"
    (models / "forest").mkdir(parents=True)
    (models / "forest" / "model.pkl").touch()
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(models))
    source = f"def init(): open({str(models / 'model.pkl')!r})\ndef run(m): return 1"
    with pytest.raises(faults.Unusable) as got:
        load(tmp_path, source).init()
    expected = "'. AZUREML_MODEL_DIR holds the model below its own name: forest/model.pkl."
    assert got.value.message.endswith(expected)
