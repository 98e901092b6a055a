from pathlib import Path

import pytest

from batchpoint.cli import main
from support.repository import ROOT

JOB = """
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: alone}
spec:
  endpoint: elsewhere
  input: {uri: file:///data}
  output: {uri: file:///results}
"""


@pytest.fixture
def job(tmp_path: Path) -> str:
    """A job whose endpoint is in no file."""
    file = tmp_path / "job.yaml"
    file.write_text(JOB)
    return str(file)


@pytest.mark.parametrize("example", ["digits", "tabular", "azure-script"])
def test_the_examples_are_valid(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Three objects each."""
    assert 0 == main.main(["validate", "-f", str(ROOT / "examples" / example)])
    assert "3 objects are valid.\n" == capsys.readouterr().out


def test_a_reference_into_the_void_is_a_fault(job: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With file, line and field, on stderr alone."""
    assert 1 == main.main(["validate", "-f", job])
    said = capsys.readouterr()
    assert ("", True) == (said.out, said.err.startswith(f"{job}:6: BatchJob/alone spec.endpoint: "))


def test_partial_manifests_may_refer_to_the_cluster(
    job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there is still checked."""
    assert 0 == main.main(["validate", "-f", job, "--partial"])
    assert "1 object is valid.\n" == capsys.readouterr().out
