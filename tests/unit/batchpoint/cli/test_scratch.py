from pathlib import Path

from batchpoint.cli import scratch


def test_a_folder_is_removed_with_its_content(tmp_path: Path) -> None:
    """Nothing stays, the lock included."""
    with scratch.folder(tmp_path) as folder:
        (folder / "input").mkdir()
        (folder / "input" / "big").write_text("x")
    assert [] == list(tmp_path.iterdir())


def test_commands_do_not_share_a_folder(tmp_path: Path) -> None:
    """And the second does not take the first's for abandoned."""
    with scratch.folder(tmp_path) as first, scratch.folder(tmp_path) as second:
        assert first != second
        assert first.is_dir()
        assert second.is_dir()


def test_what_a_killed_command_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """The kernel has given up its lock."""
    abandoned = tmp_path / "work-00000000"
    abandoned.mkdir()
    (tmp_path / "work-00000000.lock").touch()
    (abandoned / "prefetched").touch()
    with scratch.folder(tmp_path):
        assert not abandoned.exists()
    assert [] == list(tmp_path.iterdir())


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    """A user's --work-directory may hold other things."""
    (tmp_path / "work-mine").mkdir()
    with scratch.folder(tmp_path):
        pass
    assert [tmp_path / "work-mine"] == list(tmp_path.iterdir())


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    """Until its file is closed."""
    first = scratch.hold(tmp_path / "lock")
    assert first is not None
    assert scratch.hold(tmp_path / "lock") is None
    first.close()
    again = scratch.hold(tmp_path / "lock")
    assert again is not None
    again.close()
