"""Builds the project's images from its own Dockerfiles, and brings them into the cluster.

With a container engine by that; else with buildah, on a base image made from packages. Images are named by
their content, so that new code is a new name, and nobody runs what an old name once meant.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cluster import base_image, buildah, commands, images, paths
from cluster.buildah import Build

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One image of the project."""

    name: str
    dockerfile: str


TARGETS = (
    Target(name="operator", dockerfile="operator/Dockerfile"),
    Target(name="runner", dockerfile="runner-image/Dockerfile"),
    Target(name="scorer", dockerfile="runner-image/Dockerfile"),
)

VALUES = ROOT / "build" / "images.json"
"""What the chart is told of the images that were built last."""

ID_CHARACTERS = 12
"""Of an image's id, that name it."""


def provide() -> dict[str, str]:
    """Build all images and import them into the cluster; return their names by target.

    What is built already is not built again, and what the node has already is not sent again: after a change
    of code, that is one small layer for each image.

    Raises:
        Unavailable: There is no cluster, or a build failed.
    """
    with _locked():
        return _with_engine() if paths.state().kind.exists() else _with_buildah()


def _with_engine() -> dict[str, str]:
    names = {}
    for target in TARGETS:
        built = commands.run(engine_command(target)).strip()
        name = names[target.name] = name_of(target.name, built)
        with tempfile.TemporaryDirectory() as folder:
            archive = Path(folder, "image.tar")
            commands.run(["docker", "tag", built, name])
            commands.run(["docker", "save", "--output", archive, name])
            images.import_archive(archive)
    return names


def engine_command(target: Target) -> list[str]:
    """Return the command with which a container engine builds a target."""
    file = ["--file", str(ROOT / target.dockerfile), "--target", target.name]
    return ["docker", "build", "--quiet", *file, str(ROOT)]


def _with_buildah() -> dict[str, str]:
    base = base_image.provide()
    names = {target.name: _built(target, base) for target in TARGETS}
    present = images.names()
    for name in names.values():
        if name not in present:
            _send(name)
    return names


def _built(target: Target, base: str) -> str:
    began = time.monotonic()
    dockerfile = ROOT / target.dockerfile
    wanted = Build(dockerfile=dockerfile, target=target.name, context=ROOT, base=base)
    name = name_of(target.name, buildah.build(wanted))
    print(f"built {name} in {time.monotonic() - began:.0f} s", flush=True)
    return name


def name_of(target: str, image: str) -> str:
    """Return the name of an image: its tag is the beginning of its id."""
    return f"localhost/batchpoint-{target}:{image.removeprefix('sha256:')[:ID_CHARACTERS]}"


def write_values(names: Mapping[str, str], path: Path = VALUES) -> None:
    """Write the chart's values for images, as JSON: a tag may look like a number, and quotes keep it a text.

    Args:
        names: By target.
        path: File to write.
    """
    images_of = {}
    for target, name in names.items():
        repository, _, tag = name.rpartition(":")
        images_of[target] = {"repository": repository, "tag": tag}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images_of}, indent=2) + "\n")


def _send(name: str) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=paths.cache(), prefix=".image-") as temporary:
        folder, archive = Path(temporary, "image"), Path(temporary, "image.tar")
        buildah.copy_out(name.rpartition(":")[2], folder)
        write_archive(folder, name, archive, left_out=images.blobs())
        images.import_archive(archive)
    print(f"imported {name} in {time.monotonic() - began:.0f} s", flush=True)


def write_archive(folder: Path, name: str, archive: Path, *, left_out: set[str]) -> None:
    """Write an archive of an image, in the format of OCI, as a container runtime imports it.

    Args:
        folder: What `buildah.copy_out` made.
        name: Of the image.
        archive: File to write.
        left_out: Digests of layers that the runtime has already and does not miss.
    """
    content = (folder / "manifest.json").read_bytes()
    manifest = json.loads(content)
    entry = {
        "mediaType": manifest["mediaType"],
        "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "size": len(content),
        "annotations": {"io.containerd.image.name": name},
    }
    index = {"schemaVersion": 2, "manifests": [entry]}
    parts = [manifest["config"], *manifest["layers"]]
    wanted = dict.fromkeys(part["digest"] for part in parts if part["digest"] not in left_out)
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", json.dumps({"imageLayoutVersion": "1.0.0"}).encode())
        _add(tar, "index.json", json.dumps(index).encode())
        _add(tar, _blob(entry["digest"]), content)
        for digest in wanted:
            tar.add(folder / digest.removeprefix("sha256:"), _blob(digest))


def _blob(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


@contextmanager
def _locked() -> Iterator[None]:
    """Let one process build at a time; buildah's own locks would let them wait for each other's layers."""
    path = paths.cache() / "images.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
