"""Where the commands write: results to stdout, everything else to stderr, and how they fail in words."""

from __future__ import annotations

import click

from batchpoint.errors import BatchpointError

USAGE = 2
"""Exit code: the command line or a manifest is wrong."""


class CommandFailed(BatchpointError):
    """A command cannot do what it was asked. ``message``: what failed, why, what to do.

    Attributes:
        exit_code: With which the program leaves.
    """

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def answer(text: str) -> None:
    """Write a result to stdout."""
    click.echo(text)


def tell(text: str) -> None:
    """Write to stderr what is for people only."""
    click.echo(text, err=True)
