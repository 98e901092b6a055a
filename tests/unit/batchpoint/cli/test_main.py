import subprocess
import sys
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


@pytest.mark.parametrize("name", sorted(main.COMMANDS))
def test_the_help_of_all_commands_is_that_of_each(name: str) -> None:
    """Written twice, so that the first needs no command loaded."""
    command = main.loaded(name)
    assert (name, main.COMMANDS[name]) == (command.name, command.short_help)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_no_command_is_loaded_to_tell_about_all(option: str) -> None:
    """Their imports take longer than everything else."""
    program = (
        "import sys\nfrom batchpoint.cli import main\n"
        f"assert 0 == main.main([{option!r}])\n"
        "assert not {'batchpoint.cli.run', 'batchpoint.cli.validate', 'pydantic'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=local_jobs.environment({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)


def test_an_unknown_command_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """And the one that was probably meant is named."""
    assert 2 == main.main(["rnu"])
    expected = "No such command 'rnu'. Did you mean 'run'? See batchpoint -h.\n"
    assert expected == capsys.readouterr().err


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
