from pathlib import Path

from batchpoint.cli import slots


def test_a_second_shell_takes_the_next_indexes(tmp_path: Path) -> None:
    """The first command holds 0 and 1, so the second helps as 2 and 3."""
    with slots.taken("job", 2, tmp_path) as first, slots.taken("job", 2, tmp_path) as second:
        assert ([0, 1], [2, 3]) == (first, second)


def test_indexes_are_free_again_after_the_command(tmp_path: Path) -> None:
    """The next run of the job goes on with the claims of the same indexes."""
    with slots.taken("job", 1, tmp_path):
        pass
    with slots.taken("job", 1, tmp_path) as again:
        assert [0] == again


def test_a_gap_is_filled_first(tmp_path: Path) -> None:
    """An index that was given up has claims that somebody should finish."""
    with slots.taken("job", 1, tmp_path) as first:
        with slots.taken("job", 1, tmp_path):
            pass
        with slots.taken("job", 2, tmp_path) as second:
            assert ([0], [1, 2]) == (first, second)


def test_jobs_do_not_share_indexes(tmp_path: Path) -> None:
    """Two jobs may run at once, each from index 0."""
    with slots.taken("one", 1, tmp_path) as first, slots.taken("two", 1, tmp_path) as second:
        assert ([0], [0]) == (first, second)
