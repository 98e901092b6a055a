"""Files in, typed objects or every fault out."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint.cli.manifests import loading
from batchpoint.cli.manifests.faulty import ManifestsInvalid
from batchpoint.cli.manifests.loading import Origin
from support.bad_manifests import BAD, DEPLOYMENT, ENDPOINT, FILE, GOOD, JOB, Bad
from support.repository import ROOT


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _faults(text: str, *, complete: bool = False) -> list[str]:
    Path(FILE).write_text(text)
    return [str(fault) for fault in loading.examine([Path(FILE)], complete=complete)[1]]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.id)
def test_a_wrong_manifest_is_told_in_exactly_this_line(bad: Bad) -> None:
    """One mistake, one line: where it is, what was found and what is allowed."""
    assert [FILE + bad.message] == _faults(bad.text, complete=bad.complete)


def test_the_corpus_covers_at_least_seventy_mistakes() -> None:
    """Ids are unique, so that none hides another."""
    assert len({bad.id for bad in BAD}) == len(BAD)
    assert len(BAD) >= 70


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*/manifests.yaml")), ids=str)
def test_examples_load(example: Path) -> None:
    """What the documentation shows is right, and complete in itself."""
    manifests = loading.load([example.parent])
    assert (1, 1, 1) == (
        len(manifests.endpoints),
        len(manifests.deployments),
        len(manifests.jobs),
    )


def test_all_faults_of_all_files_are_told_at_once() -> None:
    """In order of files and lines, and in one error."""
    Path("b.yaml").write_text(f"{DEPLOYMENT}  settings: {{miniBatchSize: 0, errorThreshold: -2}}\n")
    Path("a.yaml").write_text(ENDPOINT.replace("defaultDeployment", "default"))
    with pytest.raises(ManifestsInvalid) as raised:
        loading.load([Path("b.yaml"), Path("a.yaml")])
    assert [
        'a.yaml:5: BatchEndpoint/e spec.default: unknown field; did you mean "defaultDeployment"?',
        "b.yaml:8: BatchDeployment/d spec.settings.errorThreshold: -2; must be at least -1",
        "b.yaml:8: BatchDeployment/d spec.settings.miniBatchSize: 0; must be at least 1",
    ] == raised.value.message.splitlines()


def test_faults_between_fields_are_told_beside_faults_of_fields() -> None:
    """A wrong number does not hide that the script is missing."""
    text = DEPLOYMENT.replace("MLflow", "Custom") + "  settings: {miniBatchSize: 0}\n"
    assert [
        "bad.yaml:4: BatchDeployment/d spec.codeConfiguration: missing; must be given, because"
        " model.type is Custom",
        "bad.yaml:8: BatchDeployment/d spec.settings.miniBatchSize: 0; must be at least 1",
    ] == _faults(text)


def test_a_wrong_object_is_not_called_missing_by_others() -> None:
    """One mistake in a deployment is one line, although its endpoint and job refer to it."""
    text = GOOD.replace("type: MLflow", "type: Flow")
    assert [
        'bad.yaml:12: BatchDeployment/d spec.model.type: "Flow"; must be MLflow or Custom; did you'
        " mean MLflow?"
    ] == _faults(text, complete=True)


def test_lines_count_through_all_documents_of_a_file() -> None:
    """The third document's field is on the line of the file, not of the document."""
    Path(FILE).write_text(GOOD)
    manifests = loading.load([Path(FILE)])
    assert {
        ("BatchEndpoint", "e"): Origin(file=FILE, line=3),
        ("BatchDeployment", "d"): Origin(file=FILE, line=9),
        ("BatchJob", "j"): Origin(file=FILE, line=17),
    } == manifests.origins


def test_incomplete_manifests_may_refer_to_what_is_elsewhere() -> None:
    """A job alone is right where the rest may be in the cluster."""
    assert [] == _faults(f"{JOB}  input: {{uri: 'asset://a/1'}}\n", complete=False)


def test_namespaces_are_looked_at_by_themselves() -> None:
    """The same name in two namespaces is two objects."""
    other = GOOD.replace("metadata: {", "metadata: {namespace: other, ")
    assert [] == _faults(f"{GOOD}---\n{other}", complete=True)


def test_generated_names_may_repeat() -> None:
    """Two jobs with the same generateName are two jobs."""
    job = f"{JOB}  input: {{uri: 's3://b/in'}}\n".replace("name: j", "generateName: j-")
    assert [] == _faults(f"{job}---\n{job}")


def test_the_deployment_of_a_job_is_its_own_or_the_default() -> None:
    """Both ways end at the object itself."""
    other = DEPLOYMENT.replace("name: d", "name: f")
    named = f"{JOB}  input: {{uri: 's3://b/in'}}\n  deployment: f\n".replace("name: j", "name: k")
    Path(FILE).write_text(f"{GOOD}---\n{other}---\n{named}")
    manifests = loading.load([Path(FILE)])
    assert ["d", "f"] == [manifests.deployment_of(job).name for job in manifests.jobs]


def test_assets_datastores_and_config_maps_are_read() -> None:
    """They are what local runs need beside the three kinds."""
    Path(FILE).write_text(
        "apiVersion: v1\nkind: Secret\n"
        "metadata: {name: batchpoint-datastore-lake, labels: {batchpoint.dev/datastore: lake}}\n"
        "stringData: {uri: 's3://lake', secret_access_key: geheim}\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: code}\n"
        "data: {score.py: 'def run(batch): return batch'}\n"
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: batchpoint-asset-new-2\n"
        "  labels: {batchpoint.dev/asset: new, batchpoint.dev/asset-version: '2'}\n"
        "data: {uri: 's3://lake/new/2.csv', type: UriFile}\n"
    )
    manifests = loading.load([Path(FILE)])
    assert "s3://lake" == manifests.datastores["lake"].uri
    assert {"secret_access_key": "geheim"} == manifests.datastores["lake"].credentials
    assert "geheim" not in repr(manifests)
    assert {"score.py": "def run(batch): return batch"} == manifests.config_maps["code"].data
    assert "s3://lake/new/2.csv" == manifests.assets["new"]["2"].uri
