"""What a folder of a disk promises beyond the contract suite."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchpoint_runner.errors import (
    AccessDenied,
    AlreadyExists,
    ContractError,
    ObjectNotFound,
    StorageError,
)
from batchpoint_runner.storage.local import LocalStore
from batchpoint_runner.storage.probing import probe


def _listed(store: LocalStore, folder: str = "") -> list[str]:
    return sorted(stored.path for stored in store.list(folder))


def test_files_in_the_making_are_not_seen(tmp_path: Path) -> None:
    """While a stream is written, neither its name nor its temporary file is listed."""
    store = LocalStore(tmp_path)
    seen: list[list[str]] = []

    def parts() -> Iterator[bytes]:
        yield b"1"
        seen.append(_listed(store))
        assert store.find("x/final") is None
        yield b"2"

    store.create_streamed("x/final", parts())
    assert [[]] == seen
    assert ["x/final"] == _listed(store)
    assert ["final"] == os.listdir(tmp_path / "x")


def test_a_download_shares_the_file_where_it_can(tmp_path: Path) -> None:
    """On one disk it is a hard link: no bytes are copied."""
    store = LocalStore(tmp_path / "store")
    store.create("x", b"data")
    store.download("x", tmp_path / "copy")
    assert (tmp_path / "store" / "x").stat().st_ino == (tmp_path / "copy").stat().st_ino


def test_a_download_copies_where_links_are_not_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another disk, or files of another user."""
    store = LocalStore(tmp_path / "store")
    store.create("x", b"data")
    monkeypatch.setattr(os, "link", _refusing(errno.EXDEV))
    store.download("x", tmp_path / "copy")
    assert b"data" == (tmp_path / "copy").read_bytes()
    assert (tmp_path / "store" / "x").stat().st_ino != (tmp_path / "copy").stat().st_ino


def test_a_download_of_a_link_is_the_file_behind_it(tmp_path: Path) -> None:
    """A hard link to a relative symbolic link would lead nowhere."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "real").write_bytes(b"data")
    (tmp_path / "store" / "link").symlink_to("real")
    LocalStore(tmp_path / "store").download("link", tmp_path / "copy")
    assert b"data" == (tmp_path / "copy").read_bytes()
    assert not (tmp_path / "copy").is_symlink()


def _refusing(number: int) -> object:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


def test_a_disk_without_hard_links_is_named_by_the_probe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create says why and what to use; the probe makes it a fault of the configuration."""
    monkeypatch.setattr(os, "link", _refusing(errno.EPERM))
    store = LocalStore(tmp_path)
    with pytest.raises(StorageError, match="has no hard links"):
        store.create("x", b"1")
    with pytest.raises(ContractError, match="has no hard links"):
        probe(store, "probe")
    assert [] == [name for _, _, names in os.walk(tmp_path) for name in names]


def test_a_link_whose_reply_was_lost_is_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS clients repeat a request and may find their own link; it has then two names."""
    link = os.link

    def repeat(source: str, target: str) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", repeat)
    LocalStore(tmp_path).create("x", b"1")
    with pytest.raises(AlreadyExists):
        LocalStore(tmp_path).create("x", b"2")
    assert b"1" == (tmp_path / "x").read_bytes()


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    """Whoever writes to a volume cannot make the runner read or write its own files."""
    (tmp_path / "secret").write_text("password")
    (tmp_path / "volume" / "sub").mkdir(parents=True)
    (tmp_path / "volume" / "file").symlink_to(tmp_path / "secret")
    (tmp_path / "volume" / "folder").symlink_to(tmp_path)
    (tmp_path / "volume" / "inside").symlink_to("sub")
    (tmp_path / "volume" / "sub" / "x").write_text("1")
    store = LocalStore(tmp_path / "volume")
    assert ["inside/x", "sub/x"] == _listed(store)
    assert [] == _listed(store, "folder")
    for path in ("file", "folder/secret"):
        assert store.find(path) is None
        with pytest.raises(ObjectNotFound):
            store.read(path)
        with pytest.raises(ObjectNotFound):
            store.download(path, tmp_path / "target")
    with pytest.raises(AccessDenied, match="leads out"):
        store.create("folder/new", b"1")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    """A folder that contains a link to itself is listed once."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "self").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "x").write_text("1")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    assert ["a/x"] == _listed(LocalStore(tmp_path))


def test_a_mounted_config_map_is_listed_once(tmp_path: Path) -> None:
    """Kubernetes links `score.py` → `..data/score.py` → `..2026/score.py`."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "score.py").write_text("1")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "score.py").symlink_to("..data/score.py")
    assert ["score.py"] == _listed(LocalStore(tmp_path))


def test_what_is_no_regular_file_is_not_listed(tmp_path: Path) -> None:
    """A pipe would block its reader for ever."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x").write_text("1")
    store = LocalStore(tmp_path)
    assert ["x"] == _listed(store)
    assert store.find("pipe") is None


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    """The message says what stands in the way."""
    store = LocalStore(tmp_path)
    store.create("a", b"1")
    with pytest.raises(StorageError, match="A file stands where a folder is needed"):
        store.create("a/b", b"2")


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the half-written temporary file is gone."""
    monkeypatch.setattr(os, "fsync", _refusing(errno.ENOSPC))
    with pytest.raises(StorageError, match=r"No space left on device\. Make room"):
        LocalStore(tmp_path).create("x", b"1")
    assert [] == os.listdir(tmp_path)


def test_new_files_get_the_mode_of_the_process(tmp_path: Path) -> None:
    """Not the private one of temporary files: others read the output."""
    mask = os.umask(0o022)
    try:
        LocalStore(tmp_path).create("x", b"1")
    finally:
        os.umask(mask)
    assert 0o644 == (tmp_path / "x").stat().st_mode & 0o777
