from pathlib import Path

import pytest

from batchpoint.cli import main
from support import local_jobs


def test_a_work_directory_with_a_long_name_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sockets below it would not open, long after the command was given."""
    job = local_jobs.make(tmp_path, tmp_path)
    long = tmp_path / ("x" * 100)
    options = ["-f", str(job.folder / "manifests.yaml"), "--work-directory", str(long)]
    assert 2 == main.main(["run", *options])
    assert "give a shorter --work-directory" in capsys.readouterr().err
    assert [] == list(long.iterdir())
