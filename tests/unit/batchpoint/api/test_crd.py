"""The CustomResourceDefinitions as files."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from batchpoint.api import crd
from batchpoint.api.kinds import KINDS
from support.repository import ROOT


def test_committed_files_are_what_the_models_say() -> None:
    """Else somebody changed one of the two: run python -m batchpoint.api.crd."""
    assert crd.render() == {
        path.name: path.read_text() for path in (ROOT / "crds").glob("batch*.yaml")
    }


def test_writing_twice_writes_once(tmp_path: Path) -> None:
    """The same models make the same bytes, and a fresh file is left alone."""
    assert 0 == crd.main(["--directory", str(tmp_path)])
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert 0 == crd.main(["--directory", str(tmp_path)])
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_check_fails_on_a_difference_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what continuous integration runs."""
    assert 1 == crd.main(["--check", "--directory", str(tmp_path)])
    assert [] == list(tmp_path.iterdir())
    assert "run python -m batchpoint.api.crd" in capsys.readouterr().err
    crd.main(["--directory", str(tmp_path)])
    assert 0 == crd.main(["--check", "--directory", str(tmp_path)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_definition_has_what_people_type(kind: str) -> None:
    """Names, status apart from spec, columns and field selectors."""
    definition = yaml.safe_load(crd.render()[f"{kind.lower()}.yaml"])
    names = definition["spec"]["names"]
    (version,) = definition["spec"]["versions"]
    assert f"{names['plural']}.batchpoint.dev" == definition["metadata"]["name"]
    assert ["batchpoint"] == names["categories"]
    assert {"status": {}} == version["subresources"]
    assert 1 <= len(version["selectableFields"]) <= 8


def test_definitions_are_small_enough_for_client_side_apply() -> None:
    """Its annotation holds 262,144 bytes."""
    assert max(len(text) for text in crd.render().values()) < 64_000
