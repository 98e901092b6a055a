"""The chart as a whole: helm and Kubernetes accept it, and it renders alike everywhere."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from batchpoint.api.meta import PROFILE_KEY, PROFILE_LABEL
from batchpoint.api.placement import ComputeProfile
from cluster import binaries
from cluster.errors import Unavailable
from support import chart, kubernetes_schemas
from support.chart import Manifest
from support.repository import ROOT

PROFILE: Manifest = {
    "description": "One card each",
    "nodeSelector": {"accelerator": "a100"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "queueName": "gpus",
    "maxInstances": 8,
}
EVERYTHING: Manifest = {
    "extraLabels": {"team": "ml"},
    "images": {"pullPolicy": "Always", "pullSecrets": ["registry"]},
    "operator": {
        "checkSecrets": True,
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"disk": "fast"},
        "tolerations": [{"operator": "Exists"}],
        "podLabels": {"mesh": "off"},
        "podAnnotations": {"note": "x"},
    },
    "serviceAccount": {"annotations": {"note": "x"}},
    "computeProfiles": {"gpu": PROFILE},
    "networkPolicies": {
        "operator": {"enabled": True, "apiServerCidrs": ["10.0.0.1/32"]},
        "instances": {
            "enabled": True,
            "namespaces": ["scoring"],
            "alsoFrom": [{"namespaceSelector": {}}],
            "limitEgress": True,
        },
    },
    "monitoring": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
}
LISTED: Manifest = {**EVERYTHING, "watchNamespaces": ["scoring", "training"]}
NOT_KUBERNETES = "ServiceMonitor,PrometheusRule"
"""Kinds of Prometheus Operator, of which Kubernetes publishes no schema."""


@pytest.fixture(scope="session")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The schemas of all kinds, ours too."""
    folder = tmp_path_factory.mktemp("schemas")
    try:
        kubernetes_schemas.write(kubernetes_schemas.fetch(), folder)
    except Unavailable as exc:
        pytest.skip(f"Kubernetes' schemas cannot be had: {exc}")
    return folder


def _checked(text: str, schemas: Path) -> list[Manifest]:
    """Return what kubeconform says of each object."""
    if not binaries.KUBECONFORM.path.exists():
        pytest.skip("kubeconform is missing: `make cluster-up` builds it")
    done = subprocess.run(
        [
            *(binaries.KUBECONFORM.path, "-strict", "-verbose", "-output", "json"),
            *("-skip", NOT_KUBERNETES),
            *("-schema-location", f"{schemas}/{kubernetes_schemas.LOCATION}"),
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    found: list[Manifest] = json.loads(done.stdout)["resources"]
    return found


def _faults(text: str, schemas: Path) -> list[str]:
    found = _checked(text, schemas)
    assert found
    return [
        f"{one['kind']} {one['name']}: {one['msg']}"
        for one in found
        if one["status"] not in {"statusValid", "statusSkipped"}
    ]


def test_helm_finds_nothing_to_say() -> None:
    """Not even a warning."""
    assert "0 chart(s) failed" in chart.run("lint", "--strict", chart.CHART, values=EVERYTHING)


@pytest.mark.parametrize(
    "values", [{}, EVERYTHING, LISTED], ids=["default", "everything", "listed namespaces"]
)
def test_kubernetes_knows_every_field(values: Manifest, schemas: Path) -> None:
    """Checked against what this version of Kubernetes publishes, unknown fields refused."""
    assert [] == _faults(chart.rendered(values), schemas)


def test_the_check_finds_an_unknown_field(schemas: Path) -> None:
    """A check that never fails would prove nothing."""
    text = chart.rendered(chart.WITHOUT_KINDS).replace("readOnlyRootFilesystem", "readOnlyRoot")
    assert any("readOnlyRoot" in fault for fault in _faults(text, schemas))


@pytest.mark.parametrize(
    "path", sorted((ROOT / "examples").rglob("manifests.yaml")), ids=lambda path: path.parent.name
)
def test_examples_are_what_the_installed_kinds_take(path: Path, schemas: Path) -> None:
    """The schemas are those of the chart's own kinds."""
    assert [] == _faults(path.read_text(), schemas)


def test_rendering_depends_on_nothing_but_the_values() -> None:
    """Git tools render without a cluster, again and again, and compare."""
    assert chart.rendered(EVERYTHING) == chart.rendered(EVERYTHING)
    text = "".join(path.read_text() for path in chart.CHART.rglob("templates/**/*.*"))
    found = re.findall(r"\b(lookup|rand\w+|now|genCA|uuidv4|Capabilities)\b", text)
    assert [] == found
    assert "helm.sh/hook" not in text


def test_no_two_objects_have_the_same_name() -> None:
    """With everything that can be switched on."""
    for values in (EVERYTHING, LISTED):
        names = [
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in chart.manifests(values)
        ]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("values", "release", "name"),
    [
        ({}, "batchpoint", "batchpoint-operator"),
        ({}, "my-batchpoint", "my-batchpoint-operator"),
        ({}, "scores", "scores-batchpoint-operator"),
        ({"nameOverride": "bp"}, "scores", "scores-bp-operator"),
        ({"fullnameOverride": "other"}, "scores", "other-operator"),
        ({"fullnameOverride": "x" * 60}, "scores", "x" * 40 + "-operator"),
    ],
)
def test_names_follow_the_release(values: Manifest, release: str, name: str) -> None:
    """And stay within what Kubernetes takes."""
    found = chart.manifests(values, release=release)
    assert name == chart.the_only(found, "Deployment")["metadata"]["name"]


@pytest.mark.parametrize(
    ("values", "names", "is_kept"),
    [
        ({}, {"batchendpoints", "batchdeployments", "batchjobs"}, True),
        ({"keep": False}, {"batchendpoints", "batchdeployments", "batchjobs"}, False),
        ({"install": False}, set(), False),
    ],
)
def test_kinds_are_installed_and_kept(values: Manifest, names: set[str], is_kept: bool) -> None:
    """Removing a release must not remove everybody's jobs, unless somebody says so."""
    found = chart.of_kind(
        yaml.safe_load_all(chart.rendered({"crds": values})), "CustomResourceDefinition"
    )
    assert names == {one["spec"]["names"]["plural"] for one in found}
    policies = {
        one["metadata"].get("annotations", {}).get("helm.sh/resource-policy") for one in found
    }
    assert policies == ({"keep"} if is_kept else {None} if names else set())


def test_compute_profiles_become_config_maps() -> None:
    """The operator finds them by label in its own namespace, and reads them as they were given."""
    found = chart.manifests({"computeProfiles": {"gpu": PROFILE, "any": {}}})
    profiles = {
        one["metadata"]["labels"][PROFILE_LABEL]: one for one in chart.of_kind(found, "ConfigMap")
    }
    assert {"gpu", "any"} == set(profiles)
    assert chart.NAMESPACE == profiles["gpu"]["metadata"]["namespace"]
    read = ComputeProfile.model_validate_json(profiles["gpu"]["data"][PROFILE_KEY])
    assert ComputeProfile.model_validate(PROFILE) == read
    assert [] == chart.of_kind(chart.manifests(), "ConfigMap")


@pytest.fixture
def notes(tmp_path: Path) -> Callable[[Manifest], str]:
    """What helm says after an installation, as a function of values.

    Without a cluster helm renders no notes, so a copy of the chart has them as a manifest.
    """
    copy = tmp_path / "batchpoint"
    shutil.copytree(chart.CHART, copy)
    (copy / "templates" / "NOTES.txt").rename(copy / "notes.txt")
    template = copy / "templates" / "notes.yaml"
    template.write_text('notes: {{ tpl (.Files.Get "notes.txt") . | toJson }}')

    def render(values: Manifest) -> str:
        shown = chart.run(
            *("template", chart.RELEASE, copy, "--namespace", chart.NAMESPACE),
            *("--kube-version", binaries.KUBERNETES_VERSION),
            *("--show-only", "templates/notes.yaml"),
            values=values,
        )
        return str(yaml.safe_load(shown)["notes"])

    return render


def test_notes_teach_the_next_three_commands(notes: Callable[[Manifest], str]) -> None:
    """Whoever installed it knows what to type."""
    commands = re.findall(r"^ +(kubectl .+)$", notes({}), re.MULTILINE)
    assert [
        "kubectl --namespace batchpoint-system rollout status deployment/batchpoint-operator",
        "kubectl explain batchdeployment.spec",
        "kubectl get batchjobs --watch",
    ] == commands


def test_notes_say_what_would_not_work(notes: Callable[[Manifest], str]) -> None:
    """The kinds are missing, or a policy protects nothing."""
    text = notes({**chart.WITHOUT_KINDS, "networkPolicies": {"instances": {"enabled": True}}})
    assert "three kinds are not part" in text
    assert "nothing is restricted" in text
    assert "scoring" in notes({"watchNamespaces": ["scoring"]})
