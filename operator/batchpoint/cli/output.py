"""Where the commands write: results to stdout, everything else to stderr, and how they fail in words."""

from __future__ import annotations

from typing import IO, Any

import click


class CommandFailed(click.ClickException):
    """A command cannot do what it was asked. ``message``: what failed, why, what to do."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002
        """Write the sentence to stderr, without a prefix that says nothing."""
        tell(self.message)


def answer(text: str) -> None:
    """Write a result to stdout."""
    click.echo(text)


def tell(text: str) -> None:
    """Write to stderr what is for people only."""
    click.echo(text, err=True)
