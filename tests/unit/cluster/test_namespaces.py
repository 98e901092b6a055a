"""The first process of the cluster is found again, and nobody else's is taken for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster import namespaces
from cluster.errors import Unavailable
from cluster.paths import State


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(None, id="never started"),
        pytest.param("", id="interrupted"),
        pytest.param(str(2**22 + 1), id="ended"),
        pytest.param(str(os.getpid()), id="number given to another process"),
    ],
)
def test_process_that_is_not_ours_is_none(written: str | None, tmp_path: Path) -> None:
    """Otherwise a teardown would kill it."""
    state = State(tmp_path)
    if written is not None:
        state.init_pid.write_text(written)
    assert namespaces.init_process(state) is None


def test_entering_nothing_says_what_to_do(tmp_path: Path) -> None:
    """There is a command to start a cluster."""
    with pytest.raises(Unavailable, match="make cluster-up"):
        namespaces.entering(State(tmp_path), ["true"])


def test_own_resolver_is_put_in_place_after_run_is_hidden(tmp_path: Path) -> None:
    """The machine's may be a link into /run, which is empty then."""
    commands = namespaces.preparations(State(tmp_path))
    hidden = commands.index(["mount", "-t", "tmpfs", "tmpfs", "/run"])
    (bound,) = [position for position, each in enumerate(commands) if "--bind" in each]
    assert hidden < bound
    assert str(tmp_path / "etc" / "resolv.conf") in commands[bound]
