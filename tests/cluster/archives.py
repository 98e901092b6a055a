"""Images without an image builder: files as one layer, in the format of ``docker save``.

Enough for static programs. Archives of the same files are the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""Names of Python's to those of images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What an image holds and how it starts."""

    name: str
    """With a tag that is not ``latest``, so that nobody tries to pull it."""
    programs: Mapping[str, Path]
    """Executable files by their absolute path in the image."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Symbolic links by path, to what they lead."""
    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()


def write(image: Image, path: Path) -> None:
    """Write the archive of an image."""
    layer = _layer(image)
    digest = hashlib.sha256(layer).hexdigest()
    configuration = json.dumps(
        {
            "architecture": ARCHITECTURES[platform.machine()],
            "os": "linux",
            "config": {
                "Entrypoint": list(image.entrypoint) or None,
                "Cmd": list(image.command) or None,
                "Env": ["PATH=/bin"],
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    name = f"{hashlib.sha256(configuration).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [image.name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as archive:
        _add(archive, "layer.tar", layer)
        _add(archive, name, configuration)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(image: Image) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as layer:
        for folder in sorted(_folders([*image.programs, *image.links])):
            _add_folder(layer, folder, 0o755)
        _add_folder(layer, "tmp", 0o1777)
        for path, source in sorted(image.programs.items()):
            _add(layer, path.lstrip("/"), source.read_bytes(), 0o755)
        for path, target in sorted(image.links.items()):
            link = tarfile.TarInfo(path.lstrip("/"))
            link.type, link.linkname = tarfile.SYMTYPE, target
            layer.addfile(link)
    return stream.getvalue()


def _folders(paths: Sequence[str]) -> set[str]:
    parents = {str(parent) for path in paths for parent in PurePosixPath(path.lstrip("/")).parents}
    return parents - {".", "tmp"}


def _add_folder(archive: tarfile.TarFile, name: str, mode: int) -> None:
    folder = tarfile.TarInfo(name)
    folder.type, folder.mode = tarfile.DIRTYPE, mode
    archive.addfile(folder)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
