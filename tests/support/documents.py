"""The code blocks of README and docs, with the comment right above each that says what to do with it.

``<!-- run -->`` and ``<!-- run, exits with N -->`` for console blocks that a test executes, in order, in an
empty folder of the page's own; ``<!-- file: PATH -->`` for a block that is written there before;
``<!-- run in a cluster -->`` for those that end-to-end tests execute, in one shell in the checkout; and
``<!-- not run: REASON -->``.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from support.repository import ROOT

_BLOCK = re.compile(
    r"^(?:<!-- (?P<marker>[^\n]*?) -->\n)?```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block."""

    page: Path
    line: int
    """Of its opening fence, from 1."""
    language: str
    text: str
    marker: str
    """Of the comment right above, without its signs; empty when there is none."""

    def __str__(self) -> str:
        """Return page and line, as test ids."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        """Where the block's text is written to, relative to the page's folder; None: nowhere."""
        return self.marker.removeprefix("file: ") if self.marker.startswith("file: ") else None

    @property
    def exit_code(self) -> int | None:
        """The exit code that the last command of a block that is run must have; None: not run."""
        if self.marker == "run":
            return 0
        match = re.fullmatch(r"run, exits with (\d+)", self.marker)
        return int(match[1]) if match else None

    @property
    def runs_in_cluster(self) -> bool:
        """Whether an end-to-end test runs it."""
        return self.marker == "run in a cluster"

    @property
    def reason_not_to_run(self) -> str | None:
        """Why the block is not run; None when nothing says so."""
        return (
            self.marker.removeprefix("not run: ") if self.marker.startswith("not run: ") else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line after a prompt, and what stands below it."""

    text: str
    expected: str
    """What it prints on standard output; ``…`` stands for anything. Empty: not looked at."""

    @property
    def program(self) -> str:
        """The first word."""
        return shlex.split(self.text)[0]


def pages() -> list[Path]:
    """Return README and every page of docs."""
    top = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*top, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, text: str | None = None) -> list[Block]:
    """Return the fenced blocks of a page, in order.

    Args:
        page: Whose they are.
        text: Its content. None: read it.
    """
    content = page.read_text() if text is None else text
    return [
        Block(
            page=page,
            line=content.count("\n", 0, match.start("language")) + 1,
            language=match["language"],
            text=match["text"],
            marker=match["marker"] or "",
        )
        for match in _BLOCK.finditer(content)
    ]


def commands(block: Block) -> list[Command]:
    """Return the commands of a console block, each with its output."""
    found: list[Command] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(text=line.removeprefix("$ "), expected=""))
        elif found:
            last = found.pop()
            found.append(Command(text=last.text, expected=f"{last.expected}{line}\n"))
    return found


def matches(expected: str, output: str) -> bool:
    """Say whether an output is as expected, where a line ``…`` stands for any number of lines."""
    pattern = re.escape(expected.strip()).replace("…", r".*")
    pattern = pattern.replace(r"\ ", r"\s+")
    return re.fullmatch(pattern, output.strip(), re.DOTALL) is not None


def links(text: str) -> list[str]:
    """Return the targets of links and images outside code blocks."""
    return [match["target"] for match in _LINK.finditer(_BLOCK.sub("", text))]


def anchors(text: str) -> set[str]:
    """Return the names that links to headings of a page may use."""
    titles = (match["title"] for match in _HEADING.finditer(_BLOCK.sub("", text)))
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}
