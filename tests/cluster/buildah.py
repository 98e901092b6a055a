"""Builds images with buildah, in a store of our own that keeps every layer for the next time.

No daemon and no registry: what a Dockerfile names as its base must be in the store.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster import commands, paths
from cluster.errors import Unavailable

CERTIFICATES = Path("/etc/ssl/certs")
"""Of this machine: whoever it trusts on its way to the package index is trusted while images are built."""

INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_TIMEOUT")
"""By which people name their package index; none of it stays in an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One target of a Dockerfile."""

    dockerfile: Path
    target: str
    context: Path
    base: str
    """Image that takes the place of the build argument BASE."""


def has(name: str) -> bool:
    """Say whether an image of that name is in the store."""
    return name in _run("images", "--format", "{{.Name}}:{{.Tag}}").split()


def commit(tree: Path, name: str, environment: Mapping[str, str]) -> None:
    """Make an image of one layer from a folder."""
    container = _run("from", "scratch").strip()
    try:
        _run("copy", "--quiet", container, str(tree), "/")
        variables = [f"--env={key}={value}" for key, value in environment.items()]
        _run("config", *variables, "--cmd", "/bin/sh", container)
        _run("commit", "--quiet", container, name)
    finally:
        _run("rm", container)


def build(wanted: Build) -> str:
    """Build a target and return the id of the image. Steps that nothing changed for are not repeated.

    Raises:
        Unavailable: A step failed.
    """
    index = _index_configuration()
    volumes = [f"--volume={CERTIFICATES}:{CERTIFICATES}:ro", f"--volume={index}:/etc/pip.conf:ro"]
    # Without a runtime of containers, and on the machine's own network: steps only run pip.
    options = ["--layers", "--quiet", "--isolation=chroot", "--network=host", "--format=oci"]
    options += [f"--file={wanted.dockerfile}", f"--target={wanted.target}"]
    base = f"--build-arg=BASE={wanted.base}"
    try:
        return _run("build", *options, *volumes, base, str(wanted.context)).strip()
    except Unavailable:
        # A step that failed leaves its container behind, mounted.
        _run("rm", "--all")
        raise


def copy_out(image: str, folder: Path) -> None:
    """Write an image into an empty folder: ``manifest.json``, and configuration and layers by their hashes.

    Layers are not compressed, as nobody downloads them; so their hashes are known without reading them.
    """
    _run("push", "--quiet", "--disable-compression", image, f"dir:{folder}")


def store() -> Path:
    """Return the folder of buildah's own files."""
    return paths.cache() / "buildah"


def _run(*arguments: str) -> str:
    root = store()
    places = [f"--root={root / 'root'}", f"--runroot={root / 'run'}", "--storage-driver=overlay"]
    return commands.run(["buildah", *places, *arguments])


def _index_configuration() -> Path:
    """Write how pip reaches its index from here, as a file that is mounted and not copied."""
    path = store() / "pip.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    given = [
        f"{name.removeprefix('PIP_').lower().replace('_', '-')} = {os.environ[name]}\n"
        for name in INDEX_VARIABLES
        if name in os.environ
    ]
    certificate = f"cert = {CERTIFICATES / 'ca-certificates.crt'}\n"
    path.write_text("".join(["[global]\n", certificate, *given]))
    return path
