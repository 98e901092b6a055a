import json
from pathlib import Path

import pytest

from batchpoint.cli import jobs
from batchpoint.cli.interruptions import Interruptions
from batchpoint.cli.preparing import Request
from support import runner_stand_in

MANIFESTS = """\
apiVersion: batchpoint.dev/v1alpha1
kind: BatchEndpoint
metadata: {name: words}
spec: {defaultDeployment: shout}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchDeployment
metadata: {name: shout}
spec:
  endpoint: words
  codeConfiguration: {code: {uri: datastore://demo/code}, scoringScript: score.py}
  output: {uri: datastore://demo/out}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: first}
spec: {endpoint: words, input: {uri: datastore://demo/in}}
---
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: second}
spec: {endpoint: words, input: {uri: datastore://demo/in}}
"""


def run(folder: Path, life: str, *, names: tuple[str, ...] = (), interrupts: int = 0) -> int:
    """Run jobs, the first of which has an instance that lives as told."""
    (folder / "all.yaml").write_text(MANIFESTS)
    request = Request(
        files=(folder / "all.yaml",), datastores=(f"demo={folder}",), jobs=names, instances=1
    )
    workplace = runner_stand_in.workplace(folder)
    interruptions = Interruptions()
    interruptions.count = interrupts
    with interruptions:
        ahead = runner_stand_in.started(folder, [life])
        return jobs.run(request, workplace, interruptions, ahead, as_json=True)


@pytest.mark.parametrize("code", [0, 11])
def test_the_result_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: int
) -> None:
    """As one object on stdout; its code is that of the command."""
    assert code == run(tmp_path, f"host {code}", names=("first",))
    told = json.loads(capsys.readouterr().out)
    assert ("first", code) == (told["job"], told["code"])


def test_no_job_is_started_after_an_interrupt(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and the command says that it has drained."""
    assert 20 == run(tmp_path, "host 0", interrupts=1)
    assert "Not started: second." in capsys.readouterr().err
