"""The commands of README and docs are run, each page in an empty folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support import documents
from support.documents import Block
from support.repository import ROOT

PAGES = [
    page
    for page in documents.pages()
    if any(block.exit_code is not None for block in documents.blocks(page))
]

COMMAND_SECONDS = 90


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_do_what_the_page_says(page: Path, tmp_path: Path) -> None:
    """Whoever follows the page sees what it shows."""
    for block in documents.blocks(page):
        if block.file:
            target = tmp_path / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text)
        elif block.exit_code is not None:
            follow(block, tmp_path)


def follow(block: Block, folder: Path) -> None:
    """Run the commands of a block and compare what they print with what stands below them."""
    *before, last = documents.commands(block)
    for command in (*before, last):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command.text],
            cwd=folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        expected_code = block.exit_code if command is last else 0
        assert expected_code == done.returncode, f"{block}: {command.text}\n{done.stderr}"
        if command.expected:
            assert documents.matches(command.expected, done.stdout), (
                f"{block}: {command.text}\nprinted\n{done.stdout}"
            )
