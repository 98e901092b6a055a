"""Components are told apart by the programs that they run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from cluster import components
from cluster.configuration import Component, Limits
from cluster.configuration import components as configured
from cluster.errors import Unavailable
from cluster.paths import State


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> State:
    """The place of a cluster that does not run."""
    monkeypatch.setenv("BATCHPOINT_CLUSTER_DIR", str(tmp_path))
    return State(tmp_path)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(["/state/bin/kubelet", "--config=/etc/x"], "kubelet", id="by path"),
        pytest.param(["containerd", "--config", "x"], "containerd", id="by name"),
        pytest.param(["setsid", "--fork", "/state/bin/kubelet"], "kubelet", id="about to be run"),
        pytest.param(["/usr/bin/containerd-shim-runc-v2"], "containerd-shim-runc-v2", id="a shim"),
        pytest.param([], "", id="ended"),
    ],
)
def test_program_is_the_first_word(command: Sequence[str], expected: str) -> None:
    """Of the program itself, not of the one that launches it."""
    assert expected == components.program(command)


def test_components_are_remembered_in_order(state: State) -> None:
    """So that another process can start one again."""
    wanted = configured(state, Limits.RAISED)
    components.remember(state, wanted)
    assert [each.name for each in wanted] == components.names()


def test_one_more_component_is_forgotten_even_if_it_does_not_start(state: State) -> None:
    """A cluster would otherwise seem to lack it for ever."""
    wanted = configured(state, Limits.RAISED)
    components.remember(state, wanted)
    state.logs.mkdir()
    more = Component(name="more", arguments=(), health="http://127.0.0.1:1")
    with pytest.raises(Unavailable, match="make cluster-up"), components.extended(more):
        pytest.fail("it does not run")
    assert [each.name for each in wanted] == components.names()


def test_component_of_no_cluster_does_not_run(state: State) -> None:
    """There is no process to find, and none to pause."""
    assert components.process("kubelet") is None
    with pytest.raises(Unavailable, match="kubelet does not run"):
        components.pause("kubelet")


def test_nothing_can_be_started_without_a_cluster(state: State) -> None:
    """The message names the command that starts one."""
    with pytest.raises(Unavailable, match="make cluster-up"):
        components.start("kubelet")
