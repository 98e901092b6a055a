"""The fork server as the host sees it: its folder, its last words, its end."""

from __future__ import annotations

import os
import selectors
from pathlib import Path
from typing import Any

from batchpoint_worker import journal, loader
from support.worker_host import is_running, wait_for


def test_last_words_and_end(tmp_path: Path) -> None:
    """A script that cannot be loaded says so; killing removes the private folder."""
    selector = selectors.DefaultSelector()
    log = journal.Journal(str(tmp_path / "log.txt"), 1000)
    heads: list[dict[str, Any]] = []
    script = tmp_path / "score.py"
    script.write_text("import sys\nsys.stderr.write('about to fail')\nraise OSError('no')")
    setup = {
        "driver": "Script",
        "script": str(script),
        "code_directory": str(tmp_path),
        "logging_level": "Info",
    }
    folder = tmp_path / "loader-1"
    one = loader.Loader(
        setup,
        str(folder),
        dict(os.environ),
        log,
        selector,
        lambda frame: heads.append(frame.head),
        lambda *_: None,
    )

    one.load()

    def answered() -> bool:
        for key, mask in selector.select(0.1):
            key.data(mask)
        return bool(heads)

    assert wait_for(answered)
    assert ("unusable", 10) == (heads[0]["type"], heads[0]["code"])
    assert "about to fail" == one.stderr()
    one.kill()
    assert (False, False) == (folder.exists(), one.is_ready)
    assert wait_for(lambda: not is_running(one.pid))
    os.waitpid(one.pid, 0)
    log.close()
    selector.close()
