"""Azure's helper module as scripts see it."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint_worker import entry_script


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No module of Azure's is loaded before, none stays after."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AZUREML_BI_OUTPUT_PATH", "/out")
    names = ("azureml_user", "azureml_user.parallel_run")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield
    for name in names:
        sys.modules.pop(name, None)
    entry_script.set_worker(0)


def test_module_is_offered_with_its_five_names(tmp_path: Path) -> None:
    """AZURE.md §4.1."""
    entry_script.offer()
    entry_script.set_worker(7)
    entry = importlib.import_module("azureml_user.parallel_run").EntryScript()
    assert ("process007", "/out", str(tmp_path)) == (
        entry.agent_name,
        entry.output_dir,
        entry.working_dir,
    )
    assert Path(entry.log_dir).is_dir()
    assert "EntryScript" == entry.logger.name


def test_module_of_the_image_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installed it wants it."""
    package = tmp_path / "azureml_user"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "parallel_run.py").write_text("EntryScript = 'theirs'")
    monkeypatch.syspath_prepend(str(tmp_path))
    entry_script.offer()
    assert "theirs" == importlib.import_module("azureml_user.parallel_run").EntryScript


def test_package_without_the_module_is_filled_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name may be there for other reasons."""
    monkeypatch.setitem(sys.modules, "azureml_user", types.ModuleType("azureml_user"))
    entry_script.offer()
    assert (
        importlib.import_module("azureml_user.parallel_run").EntryScript is entry_script.EntryScript
    )
