"""Runs other programs to their end, and turns a failure of one into words."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster import paths
from cluster.errors import Unavailable

SHOWN_CHARACTERS = 2000
"""How much of the output of a failed command is repeated; the end tells most."""


def run(
    argv: Sequence[str | Path],
    *,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return what a command prints.

    Args:
        argv: Program and arguments.
        text: What it reads; nothing if None.
        environment: All its variables; those of this process if None.

    Raises:
        Unavailable: It is missing or failed; the message holds the end of what it printed.
    """
    try:
        done = subprocess.run(
            list(map(str, argv)),
            input=text or "",
            capture_output=True,
            text=True,
            env=None if environment is None else dict(environment),
            check=False,
        )
    except FileNotFoundError as exc:
        raise Unavailable(f"The command {argv[0]} is not there. Install it and try again.") from exc
    if done.returncode != 0:
        printed = f"{done.stdout}\n{done.stderr}".strip()[-SHOWN_CHARACTERS:]
        command = " ".join(map(str, argv))
        raise Unavailable(f"{command} failed with exit code {done.returncode}: {printed}")
    return done.stdout


def kubectl(*arguments: str, text: str | None = None) -> str:
    """Run kubectl as administrator of the cluster, and return what it prints."""
    state = paths.state()
    program = str(state.programs / "kubectl")
    return run([program, f"--kubeconfig={state.kubeconfig}", *arguments], text=text)
