"""Programs that are built from source, because a module registry is everywhere and an image registry is not.

Each is built once and kept by name and version; a build that was interrupted leaves nothing that looks finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import commands, paths
from cluster.errors import Unavailable

KUBERNETES_VERSION = "v1.34.4"
SOURCES = Path(__file__).parent / "programs"
"""Programs of our own, each a module with its locked requirements."""

ENVIRONMENT = {"CGO_ENABLED": "0"}
"""Static programs: they run in an image that holds nothing else."""

SECONDS_BETWEEN_SIGNS_OF_LIFE = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A program, and where its source is."""

    name: str
    version: str
    package: str | None = None
    """Import path of its main package; None if the source is ours, in `SOURCES`."""
    module: str | None = None
    """Import path of the module, where the package is only a part of it and more of it is wanted."""
    copied: bool = False
    """Whether it must be built in a copy of its module, because it replaces some of its requirements or
    its list of versions is not served."""
    definitions: tuple[tuple[str, str], ...] = ()
    """Values of string variables, which are set by the linker."""

    @property
    def path(self) -> Path:
        """Where it is kept. The name tells versions, and changes of a source of ours, apart."""
        suffix = "" if self.package else f"-{_digest(SOURCES / self.name)}"
        return paths.binaries() / f"{self.name}-{self.version}{suffix}"


KUBERNETES = Binary(
    name="kubernetes",
    version=KUBERNETES_VERSION,
    # A chart may ask for the version of the cluster, so it has to be the right one.
    definitions=(
        ("k8s.io/component-base/version.gitVersion", KUBERNETES_VERSION),
        ("k8s.io/component-base/version.gitMajor", KUBERNETES_VERSION.split(".")[0].lstrip("v")),
        ("k8s.io/component-base/version.gitMinor", KUBERNETES_VERSION.split(".")[1]),
        ("k8s.io/client-go/pkg/version.gitVersion", KUBERNETES_VERSION),
    ),
)
"""All components of the node, kubectl, etcd and CoreDNS: see ``programs/kubernetes/main.go``."""

VERSITYGW = Binary(
    name="versitygw", version="v1.8.0", package="github.com/versity/versitygw/cmd/versitygw"
)
HELM = Binary(
    name="helm",
    version="v3.22.0",
    package="helm.sh/helm/v3/cmd/helm",
    # What it takes a cluster for while there is none. A plain build says 1.20, which charts refuse.
    definitions=tuple(
        (f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}", number)
        for package in ("chartutil", "lint/rules")
        for part, number in zip(
            ("Major", "Minor"), KUBERNETES_VERSION.lstrip("v").split("."), strict=False
        )
    ),
)
KUBECONFORM = Binary(
    name="kubeconform",
    version="v0.8.0",
    package="github.com/yannh/kubeconform/cmd/kubeconform",
)
KWOK = Binary(name="kwok", version="v0.8.0", package="sigs.k8s.io/kwok/cmd/kwok")
KUEUE = Binary(
    name="kueue",
    version="v0.17.0",
    package="sigs.k8s.io/kueue/cmd/kueue",
    module="sigs.k8s.io/kueue",
)
JOBSET = Binary(name="jobset", version="v0.11.0", package="sigs.k8s.io/jobset", copied=True)
KUBE_ROUTER = Binary(
    name="kube-router",
    version="v2.1.0",
    package="github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
)
"""Enforces network policies, which the node's plain bridge does not."""

NEEDED = (KUBERNETES, VERSITYGW, HELM, KUBECONFORM)
"""What a cluster for tests has."""

ALL = {binary.name: binary for binary in (*NEEDED, KWOK, JOBSET, KUEUE, KUBE_ROUTER)}
"""What can be built; those that `NEEDED` lacks serve measurements and single tests."""


def build(wanted: Sequence[Binary]) -> None:
    """Build whatever of these is not there yet, and print what is being built.

    Raises:
        Unavailable: Go is missing, or a build failed.
    """
    missing = [binary for binary in wanted if not binary.path.exists()]
    if missing and not shutil.which("go"):
        raise Unavailable(
            f"Go is missing, so {', '.join(binary.name for binary in missing)} cannot be built. "
            "Install Go 1.26 or later (see go.dev) and put 'go' on PATH."
        )
    for position, binary in enumerate(missing, start=1):
        _build(binary, f"{position} of {len(missing)}: {binary.name} {binary.version}")


def module(binary: Binary) -> Path:
    """Return the folder with the source of a binary's module, fetched if need be."""
    source = f"{binary.module or binary.package}@{binary.version}"
    described = commands.run(["go", "mod", "download", "-json", source])
    return Path(json.loads(described)["Dir"])


def _build(binary: Binary, title: str) -> None:
    print(f"building {title}", flush=True)
    target = binary.path
    target.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{binary.name}-") as temporary:
        output = Path(temporary, "bin")
        _run_go(build_command(binary), _folder(binary, Path(temporary)), output, title)
        # A program is named after the last part of its path, or of its module's.
        next(output.iterdir()).replace(target)
    print(f"built {title} in {time.monotonic() - began:.0f} s", flush=True)


def build_command(binary: Binary) -> list[str]:
    """Return the command that builds a binary into ``GOBIN``."""
    linking = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in binary.definitions)])
    source = f"{binary.package}@{binary.version}" if binary.package and not binary.copied else "."
    return ["go", "install", "-trimpath", "-buildvcs=false", "-ldflags", linking, source]


def _folder(binary: Binary, temporary: Path) -> Path:
    """Return where to build: `go install PACKAGE@VERSION` wants to be outside of any module."""
    if binary.copied:
        copied = temporary / "source"
        shutil.copytree(module(binary), copied)
        # What is fetched is read-only, and so would be the copy, which has to be removed.
        for path in (copied, *copied.rglob("*")):
            path.chmod(path.stat().st_mode | 0o200)
        return copied
    return temporary if binary.package else SOURCES / binary.name


def _run_go(argv: Sequence[str], folder: Path, output: Path, title: str) -> None:
    began = time.monotonic()
    environment = {**os.environ, **ENVIRONMENT, "GOBIN": str(output), "GOWORK": "off"}
    with tempfile.TemporaryFile(mode="w+") as log:
        process = subprocess.Popen(argv, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            while True:
                try:
                    code = process.wait(SECONDS_BETWEEN_SIGNS_OF_LIFE)
                    break
                except subprocess.TimeoutExpired:
                    print(f"  still at {title}, {time.monotonic() - began:.0f} s", flush=True)
        finally:
            process.kill()
        if code != 0:
            log.seek(0)
            raise Unavailable(
                f"{title} could not be built:\n{log.read()[-commands.SHOWN_CHARACTERS :]}"
            )


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:8]
