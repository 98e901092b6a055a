import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from batchpoint.cli import pairs
from support import runner_stand_in

MANIFEST = """\
kind: BatchDeployment
spec: {model: {uri: "datastore://demo/model", type: MLflow}}
"""


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def words_of(pid: int) -> list[str]:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def test_both_are_started_and_killed(tmp_path: Path) -> None:
    """And what they wrote is told together."""
    pair = runner_stand_in.started(tmp_path, ["host wait"])
    assert 2 == len(pair.pids)
    wait_for((tmp_path / "shared" / "host-waits").exists)
    pair.kill()
    assert (None, None, set()) == (pair.runner, pair.host, pair.pids)


def test_a_new_start_begins_with_an_empty_folder(tmp_path: Path) -> None:
    """Of the two before nothing is left but their logs, which are not told again."""
    pair = runner_stand_in.started(tmp_path, ["die", "host wait"])
    wait_for(lambda: len(pair.pids) == 1)
    assert "runner: I die." == pair.log_tail(lines=5)
    pair.kill()
    (tmp_path / "shared" / "left").touch()
    pair.start()
    wait_for((tmp_path / "shared" / "host-waits").exists)
    assert (False, "") == ((tmp_path / "shared" / "left").exists(), pair.log_tail(lines=5))
    pair.kill()


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc on this system")
def test_the_pair_ahead_is_given_a_hint_and_ends_with_its_block(tmp_path: Path) -> None:
    """Read off the manifests; no process is left."""
    manifest = tmp_path / "manifest.yaml"
    manifest.write_text(MANIFEST)
    workplace = runner_stand_in.workplace(tmp_path / "work")
    with pairs.started_ahead(workplace, [manifest]) as pair:
        host = pair.host
        assert host is not None
        wait_for(lambda: "--begin-with" in words_of(host.pid))
        words = words_of(host.pid)
    hint = json.loads(words[words.index("--begin-with") + 1])
    assert ("MLflow", str(pair.place.shared / "model")) == (
        hint["driver"],
        hint["model_directory"],
    )
    assert (None, None) == (pair.runner, pair.host)
