"""What is built has the version that is meant, and is found again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cluster import binaries
from cluster.binaries import KUBERNETES, Binary
from cluster.errors import Unavailable

GO_MOD = (binaries.SOURCES / "kubernetes" / "go.mod").read_text()


def test_version_of_kubernetes_is_the_required_one() -> None:
    """The number that the cluster tells is that of its source."""
    assert f"\tk8s.io/kubernetes {binaries.KUBERNETES_VERSION}\n" in GO_MOD


def test_parts_of_kubernetes_have_its_version() -> None:
    """k8s.io/kubernetes v1.X.Y goes with v0.X.Y of each of its parts."""
    expected = binaries.KUBERNETES_VERSION.replace("v1.", "v0.")
    replaced = re.findall(r"^\t(k8s\.io/\S+) => \1 (\S+)$", GO_MOD, re.MULTILINE)
    assert len(replaced) > 25
    assert {expected} == {version for _, version in replaced}


def test_sums_are_committed() -> None:
    """Every required module is checked against what was fetched when it was chosen."""
    sums = (binaries.SOURCES / "kubernetes" / "go.sum").read_text()
    required = re.findall(r"^\t([a-z]\S+\.\S+/\S+) (v\S+)", GO_MOD, re.MULTILINE)
    replaced = set(re.findall(r"^\t(k8s\.io/\S+) => ", GO_MOD, re.MULTILINE))
    missing = [
        f"{path} {version}"
        for path, version in required
        if path not in replaced and f"{path} {version}/go.mod h1:" not in sums
    ]
    assert [] == missing


def test_version_is_linked_into_the_binary() -> None:
    """Otherwise the API server would tell a placeholder, and charts would refuse it."""
    command = " ".join(binaries.build_command(KUBERNETES))
    assert "-X k8s.io/component-base/version.gitVersion=v1.34.4" in command
    assert "-X k8s.io/component-base/version.gitMinor=34" in command


@pytest.mark.parametrize("binary", binaries.ALL.values(), ids=lambda binary: binary.name)
def test_binaries_are_kept_by_version(binary: Binary) -> None:
    """Another version is another file, so nothing old is used by mistake."""
    assert binary.path.name.startswith(f"{binary.name}-{binary.version}")


@pytest.mark.parametrize(
    ("binary", "source"),
    [
        (binaries.HELM, "helm.sh/helm/v3/cmd/helm@v3.22.0"),
        (binaries.JOBSET, "."),
        (binaries.KUBERNETES, "."),
    ],
    ids=["by path", "in a copy", "in our folder"],
)
def test_source_is_named_or_the_folder(binary: Binary, source: str) -> None:
    """A module that replaces requirements can only be built from within."""
    assert source == binaries.build_command(binary)[-1]


def test_missing_compiler_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What it was wanted for, and what to do."""
    monkeypatch.setenv("BATCHPOINT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"Go is missing, so helm cannot be built. Install Go"):
        binaries.build([binaries.HELM])


def test_what_is_there_is_not_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not even a compiler is needed then."""
    monkeypatch.setenv("BATCHPOINT_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    binaries.HELM.path.parent.mkdir(parents=True)
    binaries.HELM.path.touch()
    binaries.build([binaries.HELM])
    assert b"" == binaries.HELM.path.read_bytes()
