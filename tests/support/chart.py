"""The chart as tests use it: rendered by helm, without a cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from cluster import binaries
from support.repository import ROOT

Manifest = dict[str, Any]

CHART = ROOT / "charts" / "batchpoint"
RELEASE = "batchpoint"
NAMESPACE = "batchpoint-system"
WITHOUT_KINDS = {"crds": {"install": False}}


class Refused(Exception):
    """Helm refuses values; the message is what it said."""


def helm() -> Path | None:
    """Return the helm of the test cluster, else the one on PATH, else None."""
    if binaries.HELM.path.exists():
        return binaries.HELM.path
    found = shutil.which("helm")
    return Path(found) if found else None


def run(*arguments: str | Path, values: Manifest | None = None) -> str:
    """Run a command of helm and return what it prints.

    Args:
        *arguments: Behind ``helm``.
        values: Given to it as a file.

    Raises:
        Refused: It failed.
    """
    program = helm()
    assert program, "tests/chart/conftest.py skips where there is no helm"
    given = ("--values", "-") if values is not None else ()
    done = subprocess.run(
        [program, *arguments, *given],
        input=json.dumps(values or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(done.stderr)
    return done.stdout


def rendered(values: Manifest | None = None, *, release: str = RELEASE) -> str:
    """Return what helm would apply, as text."""
    return run(
        *("template", release, CHART, "--namespace", NAMESPACE),
        *("--kube-version", binaries.KUBERNETES_VERSION),
        values=values or {},
    )


def manifests(values: Manifest | None = None, *, release: str = RELEASE) -> list[Manifest]:
    """Return what helm would apply, without the three kinds unless the values say so."""
    text = rendered({**WITHOUT_KINDS, **(values or {})}, release=release)
    return [one for one in yaml.safe_load_all(text) if one]


def of_kind(found: Iterable[Manifest], kind: str) -> list[Manifest]:
    """Return the objects of a kind."""
    return [one for one in found if one["kind"] == kind]


def the_only(found: Iterable[Manifest], kind: str) -> Manifest:
    """Return the object of a kind of which there is exactly one."""
    (one,) = of_kind(found, kind)
    return one


def environment(found: Iterable[Manifest]) -> dict[str, str]:
    """Return the variables of the operator, with those that a pod fills in as it would."""
    (container,) = the_only(found, "Deployment")["spec"]["template"]["spec"]["containers"]
    pod = {"metadata.namespace": NAMESPACE, "metadata.name": "batchpoint-operator-0"}
    return {
        one["name"]: one["value"]
        if "value" in one
        else pod[one["valueFrom"]["fieldRef"]["fieldPath"]]
        for one in container["env"]
    }
