"""Options that several commands have, so that they are called and explained alike."""

from __future__ import annotations

from pathlib import Path

import click

manifests = click.option(
    "-f",
    "--file",
    "--filename",
    "files",
    required=True,
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE_OR_FOLDER",
    help="Manifests, as for kubectl apply. May be repeated.",
)
"""Decorates a command that reads manifests; gives it ``files``."""
