from pathlib import Path

import pytest

from batchpoint.cli import preparing
from batchpoint.cli.manifests.faulty import ManifestsInvalid
from batchpoint.cli.output import CommandFailed
from batchpoint.cli.preparing import Request
from batchpoint_runner.contract import ExitCode, RunConfig
from support import local_jobs

CONFIG_MAP = """
apiVersion: v1
kind: ConfigMap
metadata: {name: words-code}
data: {score.py: "def run(files): return files"}
"""

SECOND_JOB = """
apiVersion: batchpoint.dev/v1alpha1
kind: BatchJob
metadata: {name: shout-second}
spec:
  endpoint: shout
  rerun: {job: shout-first}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Manifests and data of one job."""
    return local_jobs.make(tmp_path / "job", tmp_path).folder


def prepare(folder: Path, scratch: Path, **changes: object) -> list[RunConfig]:
    """Prepare the job of the folder in a new scratch folder."""
    scratch.mkdir()
    fields: dict[str, object] = {
        "files": [folder / "manifests.yaml"],
        "datastores": [f"mine={folder / 'datastore'}"],
    }
    jobs = preparing.prepare(Request(**(fields | changes)), scratch)  # type: ignore[arg-type]
    return [job.config for job in jobs]


def test_a_job_keeps_its_uid_from_command_to_command(folder: Path, tmp_path: Path) -> None:
    """So the second goes on where the first stopped; attempt 0 leaves the count to the ledger."""
    (first,) = prepare(folder, tmp_path / "a")
    (second,) = prepare(folder, tmp_path / "b")
    assert first == second
    assert 0 == first.attempt


def test_another_output_is_another_job(folder: Path, tmp_path: Path) -> None:
    """The uid follows from the place of the results, not from the datastore's name."""
    (first,) = prepare(folder, tmp_path / "a")
    (second,) = prepare(folder, tmp_path / "b", output=str(tmp_path / "elsewhere"))
    assert first.job.uid != second.job.uid
    assert (tmp_path / "elsewhere").as_uri() == second.output.uri


def test_people_are_shown_the_place_behind_a_datastore(folder: Path, tmp_path: Path) -> None:
    """`datastore://` is a word for programs."""
    scratch = tmp_path / "a"
    scratch.mkdir()
    request = Request(
        files=[folder / "manifests.yaml"], datastores=[f"mine={folder / 'datastore'}"]
    )
    (job,) = preparing.prepare(request, scratch)
    expected = (folder / "datastore" / "predictions" / "shout-first").as_uri()
    assert expected == job.output_folder


def test_instances_override_the_deployment(folder: Path, tmp_path: Path) -> None:
    """How many are started here is the shell's business."""
    (config,) = prepare(folder, tmp_path / "a", instances=5)
    assert 5 == config.instance_count


def test_all_jobs_are_run_in_order_unless_some_are_named(folder: Path, tmp_path: Path) -> None:
    """The order is that of the manifests."""
    other = tmp_path / "second.yaml"
    other.write_text(SECOND_JOB)
    files = [folder / "manifests.yaml", other]
    names = [config.job.name for config in prepare(folder, tmp_path / "a", files=files)]
    assert ["shout-first", "shout-second"] == names
    (named,) = prepare(folder, tmp_path / "b", files=files, jobs=["shout-second"])
    assert "shout-second" == named.job.name


def test_a_rerun_knows_the_uid_of_the_earlier_job(folder: Path, tmp_path: Path) -> None:
    """It had its uid by the same rule."""
    other = tmp_path / "second.yaml"
    other.write_text(SECOND_JOB)
    first, second = prepare(folder, tmp_path / "a", files=[folder / "manifests.yaml", other])
    assert second.rerun is not None
    assert (first.job.uid, first.output.uri) == (second.rerun.uid, second.rerun.output_uri)


def test_code_of_a_config_map_is_the_same_specification_in_any_scratch_folder(
    folder: Path, tmp_path: Path
) -> None:
    """And changed code is another one."""
    manifests = folder / "manifests.yaml"
    text = manifests.read_text().replace("uri: datastore://mine/code", "configMap: words-code")
    manifests.write_text(text)
    code = tmp_path / "code.yaml"
    code.write_text(CONFIG_MAP)
    (first,) = prepare(folder, tmp_path / "a", files=[manifests, code])
    (second,) = prepare(folder, tmp_path / "b", files=[manifests, code])
    code.write_text(CONFIG_MAP.replace("return files", "return []"))
    (third,) = prepare(folder, tmp_path / "c", files=[manifests, code])
    assert first.code is not None
    assert (True, False) == (first.code == second.code, first.code == third.code)
    store = str(first.code.uri).removeprefix("datastore://").strip("/")
    place = Path(
        (tmp_path / "a" / "datastores" / store / "uri").read_text().removeprefix("file://")
    )
    assert "def run(files): return files" == (place / "score.py").read_text()


def test_a_datastore_that_nobody_mapped_is_named(folder: Path, tmp_path: Path) -> None:
    """Before any process is started, with the option to add."""
    with pytest.raises(CommandFailed, match="add --datastore mine=PATH_OR_URI") as caught:
        prepare(folder, tmp_path / "a", datastores=[])
    assert ExitCode.WRONG_CONFIGURATION == caught.value.exit_code


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"jobs": ["nobody"]}, 'no BatchJob "nobody".*they hold: shout-first'),
        ({"datastores": ["mine"]}, "NAME=PATH_OR_URI"),
    ],
    ids=["unknown job", "half a datastore"],
)
def test_wrong_options_are_wrong_usage(
    folder: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    """Exit code 2, in a sentence."""
    with pytest.raises(CommandFailed, match=said) as caught:
        prepare(folder, tmp_path / "a", **changes)
    assert 2 == caught.value.exit_code


def test_one_output_for_several_jobs_is_refused(folder: Path, tmp_path: Path) -> None:
    """They would overwrite each other."""
    other = tmp_path / "second.yaml"
    other.write_text(SECOND_JOB)
    with pytest.raises(CommandFailed, match="choose one with --job"):
        prepare(
            folder,
            tmp_path / "a",
            files=[folder / "manifests.yaml", other],
            output=str(tmp_path / "out"),
        )


def test_manifests_without_a_job_are_refused(folder: Path, tmp_path: Path) -> None:
    """There is nothing to run."""
    manifests = folder / "manifests.yaml"
    manifests.write_text(manifests.read_text().rpartition("---")[0])
    with pytest.raises(CommandFailed, match="hold no BatchJob"):
        prepare(folder, tmp_path / "a")


def test_faulty_manifests_are_refused_with_all_faults(folder: Path, tmp_path: Path) -> None:
    """Each with its line."""
    manifests = folder / "manifests.yaml"
    text = manifests.read_text().replace("miniBatchSize: 2", "miniBatchSize: none")
    manifests.write_text(text.replace("maxRetries: 0", "maxRetries: -1"))
    with pytest.raises(ManifestsInvalid) as caught:
        prepare(folder, tmp_path / "a")
    assert 2 == len(caught.value.faults)
