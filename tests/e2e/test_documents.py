"""The commands about clusters in README and docs, pasted into one shell, as a new user does."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import __main__ as cluster
from cluster import building
from support import documents, operators
from support.documents import Command
from support.kube import Kube
from support.operators import Installed
from support.repository import ROOT

pytestmark = [pytest.mark.serial, pytest.mark.timeout(900)]

SECONDS = 600
"""Of one page; images are built on the way where code has changed."""

NAMESPACES = ("team-a",)
"""What pages make; the examples of the README go into the one that every cluster has."""

PAGES = [
    page
    for page in documents.pages()
    if any(block.runs_in_cluster for block in documents.blocks(page))
]


@pytest.fixture
def nothing_of_it(kube: Kube) -> Iterator[None]:
    """A cluster in which nobody has tried the pages yet, and whose operator is that of the tests afterwards."""
    tidy_up(kube)
    yield
    tidy_up(kube)
    operators.install(kube, "--values", building.VALUES)
    Installed(kube).wait_until_ready()


def tidy_up(kube: Kube) -> None:
    """Remove what the pages make: objects, namespaces, files of the example."""
    kube.kubectl("delete", "batchpoint", "--all", "--wait", namespace="default")
    for name in NAMESPACES:
        kube.kubectl("delete", "--ignore-not-found", "--wait", "namespace", name)
    shutil.rmtree(ROOT / "build" / "digits", ignore_errors=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_do_what_the_page_says(page: Path, nothing_of_it: None, tmp_path: Path) -> None:
    """Whoever pastes them sees what the page shows."""
    commands = [
        command
        for block in documents.blocks(page)
        if block.runs_in_cluster
        for command in documents.commands(block)
    ]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(page, commands, tmp_path)],
        cwd=ROOT,
        env={name: text for name, text in os.environ.items() if name != "KUBECONFIG"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    printed = [path.read_text() for path in sorted(tmp_path.iterdir())]
    assert 0 == done.returncode, f"{commands[len(printed) - 1].text}\n{done.stderr}"
    for command, output in zip(commands, printed, strict=True):
        if command.expected:
            assert documents.matches(command.expected, output), f"{command.text}\nprinted\n{output}"


def script(page: Path, commands: list[Command], folder: Path) -> str:
    """Return a script that writes what each command prints into a file of its own, in order of name.

    Only the README says how to come to a cluster; readers of other pages have one.
    """
    before = [] if page == ROOT / "README.md" else cluster.exports()
    lines = (
        f"{{ {command.text}\n}} > {folder / f'{number:03}'}"
        for number, command in enumerate(commands)
    )
    return "\n".join((*before, *lines))
