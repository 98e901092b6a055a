"""`batchpoint validate`: everything that is wrong with manifests, without a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from batchpoint.cli import options, output
from batchpoint.cli.manifests import loading
from batchpoint.cli.manifests.loading import Manifests

INVALID = 1

EXAMPLES = """\b
Examples:
  All files of a folder, and what they say about each other:
    batchpoint validate -f examples/digits
  Files of which the rest is in the cluster already:
    batchpoint validate -f job.yaml --partial

\b
Exit codes:
  0 all objects are valid · 1 there are faults, one per line on stderr · 2 wrong usage
"""


@click.command(epilog=EXAMPLES, short_help="Check manifests.")
@options.manifests
@click.option(
    "--partial",
    is_flag=True,
    help="What the objects refer to may be in the cluster instead of in these files.",
)
def validate(files: tuple[Path, ...], partial: bool) -> int:
    """Check manifests: their fields, and what they say about each other."""
    manifests, faults = loading.examine(files, complete=not partial)
    for fault in faults:
        output.tell(str(fault))
    if faults:
        return INVALID
    output.answer(verdict(manifests))
    return 0


def verdict(manifests: Manifests) -> str:
    """Return the sentence about objects that are all right."""
    count = sum(map(len, (manifests.endpoints, manifests.deployments, manifests.jobs)))
    if count == 1:
        return "1 object is valid."
    return f"{count} objects are valid."
