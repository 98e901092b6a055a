from pathlib import Path

import pytest

from batchpoint.cli import main
from support import local_jobs


@pytest.mark.parametrize("command", [[], ["run"], ["validate"]], ids=["top", "run", "validate"])
def test_help_teaches_by_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Short and long form give the same."""
    assert 0 == main.main([*command, "-h"])
    short = capsys.readouterr().out
    assert 0 == main.main([*command, "--help"])
    assert short == capsys.readouterr().out
    assert "Examples:" in short
    assert "batchpoint validate -f" in short or "batchpoint run -f" in short


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """On stdout, with the program's name."""
    assert 0 == main.main(["--version"])
    assert capsys.readouterr().out.startswith("batchpoint ")


def test_wrong_usage_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """And says where help is."""
    assert 2 == main.main(["run", "--instances", "0", "-f", "."])
    said = capsys.readouterr().err
    assert 1 == said.count("\n")
    assert said.endswith("See batchpoint run -h.\n")


def test_faulty_manifests_are_wrong_usage_of_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line per fault, file and line first."""
    file = tmp_path / "job.yaml"
    file.write_text(local_jobs.MANIFESTS.replace("miniBatchSize: 2", "miniBatchSize: -2"))
    assert 2 == main.main(["run", "-f", str(file)])
    assert capsys.readouterr().err.startswith(f"{file}:")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Whole, and nothing behind it that could be taken for a part of an example."""
    assert 2 == main.main([])
    assert capsys.readouterr().err.endswith("--datastore demo=build/demo/digits/datastore\n")
