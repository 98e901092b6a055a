"""Images are named by their content, and what a node has is not sent to it again."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from cluster import building
from cluster.building import TARGETS, Target
from support.repository import ROOT

NAME = "localhost/batchpoint-runner:0123456789ab"
CONFIGURATION = b"{}"
LAYERS = (b"base", b"packages", b"code")


def digest(content: bytes) -> str:
    """Return the name of a blob."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An image as the builder writes it."""
    folder = tmp_path / "image"
    folder.mkdir()
    for content in (CONFIGURATION, *LAYERS):
        (folder / digest(content).removeprefix("sha256:")).write_bytes(content)
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"digest": digest(CONFIGURATION)},
        "layers": [{"digest": digest(layer)} for layer in LAYERS],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def written(image: Path, left_out: set[str]) -> dict[str, bytes]:
    """Return the files of the archive."""
    archive = image.parent / "image.tar"
    building.write_archive(image, NAME, archive, left_out=left_out)
    with tarfile.open(archive) as tar:
        opened = {one.name: tar.extractfile(one) for one in tar}
        return {name: file.read() for name, file in opened.items() if file}


def test_an_archive_holds_one_image_under_its_name(image: Path) -> None:
    """Index, manifest, configuration and all layers, each under its own hash."""
    files = written(image, set())
    (entry,) = json.loads(files["index.json"])["manifests"]
    assert {"io.containerd.image.name": NAME} == entry["annotations"]
    manifest = (image / "manifest.json").read_bytes()
    assert (digest(manifest), len(manifest)) == (entry["digest"], entry["size"])
    blobs = [manifest, CONFIGURATION, *LAYERS]
    expected = {f"blobs/{digest(content).replace(':', '/')}": content for content in blobs}
    assert expected == {name: files[name] for name in files if name.startswith("blobs/")}


def test_layers_that_a_node_has_are_left_out(image: Path) -> None:
    """After a change of code, one small layer is sent."""
    everything = set(written(image, set()))
    less = set(written(image, {digest(b"base"), digest(b"packages")}))
    left_out = {f"blobs/{digest(content).replace(':', '/')}" for content in LAYERS[:2]}
    assert left_out == everything - less


def test_names_tell_images_apart() -> None:
    """By the beginning of the id, however the builder writes it."""
    names = [
        building.name_of("runner", image) for image in ("0123456789abcd", "sha256:0123456789abcd")
    ]
    assert [NAME, NAME] == names


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_targets_are_stages_of_their_dockerfiles(target: Target) -> None:
    """A builder would otherwise refuse, which only a cluster's user sees."""
    text = (ROOT / target.dockerfile).read_text()
    assert f" AS {target.name}\n" in text
    command = building.engine_command(target)
    assert target.name == command[command.index("--target") + 1]


@pytest.mark.parametrize("file", sorted({target.dockerfile for target in TARGETS}))
def test_dockerfiles_install_what_is_locked_and_run_as_nobody(file: str) -> None:
    """By hash; and an image starts without root's rights wherever it runs."""
    lines = [line for line in (ROOT / file).read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines)
    assert text.count(" install ") == text.count("--require-hashes")
    copied = [line.split()[1] for line in lines if line.startswith("COPY requirements/")]
    assert copied
    assert all((ROOT / name).exists() for name in copied)
    finals = [target.name for target in TARGETS if target.dockerfile == file]
    for name in finals:
        stage = text.partition(f" AS {name}\n")[2].partition("\nFROM ")[0]
        assert "\nUSER 65532:65532\n" in stage


def test_values_of_the_chart_name_all_images(tmp_path: Path) -> None:
    """A tag of digits alone, or one that reads like a number, stays a text."""
    path = tmp_path / "build" / "images.json"
    building.write_values(
        {"runner": NAME, "scorer": "localhost/batchpoint-scorer:123e56789012"}, path
    )
    assert {
        "images": {
            "runner": {"repository": "localhost/batchpoint-runner", "tag": "0123456789ab"},
            "scorer": {"repository": "localhost/batchpoint-scorer", "tag": "123e56789012"},
        }
    } == json.loads(path.read_text())
