"""Plain data becomes typed objects, or is none of our business."""

from __future__ import annotations

import base64

import pytest

from batchpoint.cli.manifests import documents, objects
from batchpoint.cli.manifests.objects import Datastore, Placed
from batchpoint.cli.manifests.reading import Source
from batchpoint.planning.assets import Asset
from batchpoint_runner.contract import InputType
from support.bad_manifests import ENDPOINT


def _read(text: str, *, named: bool = False) -> tuple[list[Placed], list[str]]:
    (document,), _ = documents.parse(Source(file="a.yaml", text=text, named=named))
    placed: list[Placed] = []
    told: list[str] = []
    for root, value in documents.unfolded(document):
        found, faults = objects.read(document, root, value)
        placed += found
        told += [str(fault) for fault in faults]
    return placed, told


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\ndata: {a: '%%'}\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Component\n",
        "replicas: 3\nimage: x\n",
        "kind: Something\n",
        "- a\n- b\n",
        "just text\n",
        "$schema: https://azuremlschemas.azureedge.net/latest/batchEndpoint.schema.json\nname: e\n",
    ],
    ids=[
        "other-group",
        "other-secret",
        "component",
        "values",
        "no-version",
        "list",
        "text",
        "azure",
    ],
)
def test_other_things_in_a_folder_are_ignored(text: str) -> None:
    """Silently: a folder may hold whatever else an application needs."""
    assert ([], []) == _read(text)


@pytest.mark.parametrize("text", ["replicas: 3\n", "kind: Something\n", "- a\n"])
def test_a_file_that_was_named_must_hold_objects(text: str) -> None:
    """The user meant it to."""
    assert _read(text, named=True)[1]


def test_an_object_knows_its_place() -> None:
    """Line of the name, kind, namespace."""
    (placed,), _ = _read(f"# a comment\n{ENDPOINT.replace('name: e', 'name: e, namespace: n')}")
    assert (4, "BatchEndpoint/e", "n", False) == (
        placed.line,
        placed.subject,
        placed.namespace,
        placed.generated,
    )


def test_items_of_a_list_have_lines_of_their_own() -> None:
    """A fault in the second item is told there."""
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: batchpoint.dev/v1alpha1\n  kind: BatchEndpoint\n  metadata: {name: e}\n"
        "- apiVersion: batchpoint.dev/v1alpha1\n  kind: BatchEndpoint\n  metadata: {name: f}\n"
        "  spec: {maxActiveJobs: 0}\n"
    )
    placed, told = _read(text)
    assert ["e"] == [item.name for item in placed]
    assert ["a.yaml:10: BatchEndpoint/f spec.maxActiveJobs: 0; must be at least 1"] == told


SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: batchpoint-datastore-lake, labels: {{batchpoint.dev/datastore: lake}}}}
{content}
"""


def test_a_datastore_is_decoded() -> None:
    """``stringData`` wins over ``data``, as in Kubernetes."""
    uri = base64.b64encode(b"s3://old").decode()
    key = base64.b64encode(b"geheim").decode()
    content = f"data: {{uri: {uri}, key: {key}}}\nstringData: {{uri: 's3://lake'}}"
    (placed,), told = _read(SECRET.format(content=content))
    assert [] == told
    assert Datastore(name="lake", uri="s3://lake", credentials={"key": "geheim"}) == placed.value


def test_values_of_secrets_are_never_told() -> None:
    """Neither in faults nor in what a debugger shows."""
    content = "data: {uri: czM6Ly9s, key: geheim-geheim}\nstringData: {pin: 271828}"
    placed, told = _read(SECRET.format(content=content))
    assert [] == placed
    assert 2 == len(told)
    assert not any("geheim-geheim" in line or "271828" in line for line in told)
    datastore = Datastore(name="lake", uri="s3://key:geheim@b", credentials={"key": "geheim"})
    assert "geheim" not in repr(datastore)


def test_an_asset_may_say_what_it_is() -> None:
    """A folder or a file; or nothing, and the job says it."""
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: batchpoint-asset-new-1\n"
        "  labels: {batchpoint.dev/asset: new, batchpoint.dev/asset-version: '1'}\n"
        "data: {uri: 's3://b/1.csv', type: UriFile}\n"
    )
    (placed,), told = _read(text)
    assert [] == told
    assert Asset(name="new", version="1", uri="s3://b/1.csv", type=InputType.FILE) == placed.value
    _, told = _read(text.replace("UriFile", "uri_file"))
    assert [
        'a.yaml:6: ConfigMap/batchpoint-asset-new-1 data.type: "uri_file"; must be UriFolder or'
        " UriFile; did you mean UriFile?"
    ] == told
