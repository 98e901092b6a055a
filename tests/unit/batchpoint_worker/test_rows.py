"""Rows on any Python: the same bytes without pandas, numpy and pyarrow, on the oldest and the newest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batchpoint_worker import rows

PROGRAM = r"""
import datetime, decimal, json, sys
from batchpoint_worker import rows
paths, names = ["/i/a", "/i/b"], ["a", "b,1"]
values = [
    [1, 2.5, None], [True, "q\"", "a,b", "line\nbreak", "\u00e9", " lead", ""], [1e16, 1e-7, float("nan"), -0.0, 2**70],
    [{"a": 1, "b": None}, {"b": "x", "a": 2}], [[1, "x"], (2, "y")], [float("inf")],
    [datetime.datetime(2026, 1, 2, 3, 4, 5, 600), datetime.date(2026, 1, 2), datetime.timedelta(seconds=90)],
    [[decimal.Decimal("1.10"), b"\x00\xff", [1, [2, None]], {"k": (1,)}]],
    {"/i/a": [1, 2], "/i/b": "x"}, {"/i/b": [], "/i/a": {"k": 1}}, {"/i/a": ValueError("broken")}, [],
]
answers = []
for value in values:
    for output_format in ("CSV", "JSONLines", "AzureRows"):
        for action in ("AppendRow", "SummaryOnly"):
            found = rows.render(value, paths, names, output_format, action)
            failed = [[one["index"], one["type"], one["message"]] for one in found.failed]
            answers.append([found.segments, found.columns, failed, found.short, b"".join(found.parts).decode()])
for value in (None, "x", 5, {"/i/z": 1}, (i for i in ()), {1, 2}):
    try:
        rows.render(value, paths, names, "CSV", "AppendRow")
    except rows.RowsError as error:
        answers.append(str(error))
try:
    rows.render([1], paths, names, "Parquet", "AppendRow")
except rows.RowsError as error:
    answers.append(str(error))
heavy = sorted({"pandas", "numpy", "pyarrow"} & set(sys.modules))
print(json.dumps([answers, heavy]))
"""

SOURCE = str(Path(rows.__file__).parents[2])


def answers(python: str, *options: str) -> tuple[list[object], list[str]]:
    """Run the program; return what it rendered and which heavy modules it has loaded."""
    command = [python, *options, "-c", PROGRAM]
    environment = {"PYTHONPATH": SOURCE, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "" == done.stderr
    found = json.loads(done.stdout)
    return found[0], found[1]


def pythons() -> list[str]:
    """Return the bare Pythons of this machine: the oldest and the newest that scorers may have."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [
        max(
            map(str, root.glob(f"{version}.*/bin/python")), default=shutil.which(f"python{version}")
        )
        for version in ("3.8", "3.13")
    ]
    return [path for path in found if path is not None]


@pytest.fixture(scope="module")
def here() -> list[object]:
    """What this Python renders, with pandas, numpy and pyarrow at hand."""
    return answers(sys.executable)[0]


def test_a_bare_python_renders_the_same(here: list[object]) -> None:
    """Without site packages nothing but the standard library is there."""
    found, heavy = answers(sys.executable, "-S")
    assert here == found[:-1]
    assert [] == heavy


@pytest.mark.skipif(not pythons(), reason="no other Python on this machine")
@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).parts[-3])
def test_other_pythons_render_the_same(here: list[object], python: str) -> None:
    """The oldest and the newest."""
    found, heavy = answers(python)
    assert here == found[:-1]
    assert [] == heavy


def test_parquet_without_pyarrow_says_what_to_do() -> None:
    """The last answer of the program."""
    found, _ = answers(sys.executable, "-S")
    expected = (
        "outputFormat Parquet needs pyarrow in the scorer's image, and it is not there. Add pyarrow to "
        "the image, or choose outputFormat CSV or JSONLines."
    )
    assert expected == found[-1]
