"""Files and folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchpoint.cli.manifests import reading


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("a: 1\n")


def test_folders_are_read_recursively_in_order() -> None:
    """YAML and JSON; neither Kustomize's files nor hidden ones nor anything else."""
    _write(
        "m/b.yml", "m/a.yaml", "m/sub/c.json", "m/kustomization.yaml", "m/score.py", "m/.x/y.yaml"
    )
    sources, faults = reading.read([Path("m")])
    assert ["m/a.yaml", "m/b.yml", "m/sub/c.json"] == [source.file for source in sources]
    assert [] == faults
    assert not any(source.named for source in sources)


def test_a_named_file_is_read_whatever_it_is_called() -> None:
    """The user said so."""
    _write("manifest.txt")
    (source,) = reading.read([Path("manifest.txt")])[0]
    assert source.named


def test_each_file_is_read_once() -> None:
    """Also when it is named beside its folder."""
    _write("m/a.yaml")
    sources, _ = reading.read([Path("m/a.yaml"), Path("m")])
    assert ["m/a.yaml"] == [source.file for source in sources]


def test_a_byte_order_mark_is_no_text() -> None:
    """Editors of some systems put one."""
    Path("a.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert "a: 1\n" == reading.read([Path("a.yaml")])[0][0].text


def test_what_cannot_be_read_is_told_beside_what_can() -> None:
    """Each with its own words."""
    _write("good.yaml")
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    Path("large.yaml").write_bytes(b" " * (reading.LONGEST_FILE_BYTES + 1))
    Path("empty").mkdir()
    paths = [
        Path(name) for name in ("good.yaml", "absent.yaml", "binary.yaml", "large.yaml", "empty")
    ]
    sources, faults = reading.read(paths)
    assert ["good.yaml"] == [source.file for source in sources]
    assert [
        "absent.yaml: cannot be read (No such file or directory); must be a file or folder",
        "binary.yaml: not UTF-8 text; must be YAML or JSON in UTF-8",
        "large.yaml: 3145729 bytes; must be at most 3145728",
        "empty: no manifests in it; must hold .yaml, .yml or .json files",
    ] == [str(fault) for fault in faults]
