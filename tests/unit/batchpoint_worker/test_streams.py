"""Pipes of a worker, read into its journal."""

from __future__ import annotations

import os
import selectors
from pathlib import Path

from batchpoint_worker import journal, streams


def test_both_pipes_are_read_until_they_end(tmp_path: Path) -> None:
    """Draining takes what is there; closing may be done twice."""
    selector = selectors.DefaultSelector()
    log = journal.Journal(str(tmp_path / "w.txt"), 1000)
    pipes = [os.pipe(), os.pipe()]
    for reader, _ in pipes:
        os.set_blocking(reader, False)
    one = streams.Streams(pipes[0][0], pipes[1][0], log, selector)
    os.write(pipes[0][1], b"out\n")
    os.write(pipes[1][1], b"err\n")
    one.drain()
    os.close(pipes[0][1])
    for key, mask in selector.select(0):
        key.data(mask)
    assert [pipes[1][0]] == [key.fd for key in selector.get_map().values()]
    os.write(pipes[1][1], b"last")
    one.close()
    one.close()
    os.close(pipes[1][1])
    log.close()
    selector.close()
    lines = (tmp_path / "w.txt").read_text().splitlines()
    assert ["stdout | out", "stderr | err", "stderr | last"] == [
        line.split(" - ")[1] for line in lines
    ]
