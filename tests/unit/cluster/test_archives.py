"""Images of static programs are archives that a container runtime imports."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from cluster import archives
from cluster.archives import Image


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An image of one program with one link."""
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    path = tmp_path / "image.tar"
    archives.write(
        Image(
            name="localhost/program:1",
            programs={"/bin/program": program},
            links={"/bin/alias": "program"},
            entrypoint=["/bin/program"],
        ),
        path,
    )
    return path


def content(archive: Path, name: str) -> bytes:
    """Return a file of an archive."""
    with tarfile.open(archive) as opened:
        extracted = opened.extractfile(name)
        assert extracted
        return extracted.read()


def test_layer_has_the_digest_that_is_told(archive: Path) -> None:
    """A runtime refuses the image otherwise."""
    (manifest,) = json.loads(content(archive, "manifest.json"))
    configuration = json.loads(content(archive, manifest["Config"]))
    digest = hashlib.sha256(content(archive, manifest["Layers"][0])).hexdigest()
    assert [f"sha256:{digest}"] == configuration["rootfs"]["diff_ids"]


def test_image_is_named_and_starts_its_program(archive: Path) -> None:
    """Under the name that manifests use."""
    (manifest,) = json.loads(content(archive, "manifest.json"))
    assert ["localhost/program:1"] == manifest["RepoTags"]
    configuration = json.loads(content(archive, manifest["Config"]))
    assert ["/bin/program"] == configuration["config"]["Entrypoint"]


def test_layer_has_programs_links_and_a_folder_for_everybody(archive: Path, tmp_path: Path) -> None:
    """Programs may be executed, and /tmp be written by any user."""
    layer = tmp_path / "layer.tar"
    layer.write_bytes(content(archive, "layer.tar"))
    with tarfile.open(layer) as opened:
        entries = {entry.name: (oct(entry.mode), entry.linkname) for entry in opened}
    assert {
        "bin": ("0o755", ""),
        "tmp": ("0o1777", ""),
        "bin/program": ("0o755", ""),
        "bin/alias": ("0o644", "program"),
    } == entries


def test_same_files_are_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    """So that an import of what is there already is none."""
    again = tmp_path / "again.tar"
    archives.write(
        Image(
            name="localhost/program:1",
            programs={"/bin/program": tmp_path / "program"},
            links={"/bin/alias": "program"},
            entrypoint=["/bin/program"],
        ),
        again,
    )
    assert archive.read_bytes() == again.read_bytes()
