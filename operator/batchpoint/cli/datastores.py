"""Datastores of a local run: folders of small files, as mounted Secrets are in a cluster.

They come from labelled Secrets among the manifests and from ``--datastore name=path-or-URI``, which
overrides those; then credentials come from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from batchpoint.api import uris
from batchpoint.api.meta import URI_KEY
from batchpoint.cli.manifests.objects import Datastore
from batchpoint.cli.output import USAGE, CommandFailed

_IS_URI = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)

SCHEMES = (*(scheme for scheme in uris.STORES if scheme != "datastore"), "https", "http")
"""Of what a datastore may stand for; the runner knows the same."""

MLFLOW = "mlflow"
"""No store but a server, whose address has the schemes of MLflow."""


def as_uri(text: str) -> str:
    """Return a URI as it is, and a path as the file URI of its absolute form, without `..`."""
    if _IS_URI.match(text):
        return text
    return Path(text).expanduser().resolve().as_uri()


def parse(options: Sequence[str]) -> dict[str, str]:
    """Return names and URIs of ``--datastore`` options.

    Raises:
        CommandFailed: One is not of the form ``name=path-or-URI``, its scheme is unknown, or its folder does not
            exist.
    """
    found = {}
    for option in options:
        name, separator, place = option.partition("=")
        if not (name and separator and place):
            raise CommandFailed(
                f"--datastore {option} is not understood: write NAME=PATH_OR_URI, such as "
                "demo=data or lake=s3://lake.",
                exit_code=USAGE,
            )
        scheme = _IS_URI.match(place)
        if scheme and scheme[1].lower() not in SCHEMES and name != MLFLOW:
            known = ", ".join(f"{known}://" for known in SCHEMES)
            raise CommandFailed(
                f"--datastore {option}: the scheme {scheme[1]}:// is unknown. Known are {known} and paths.",
                exit_code=USAGE,
            )
        if not scheme and not Path(place).expanduser().is_dir():
            raise CommandFailed(
                f"--datastore {option}: there is no folder {place}. Make it, or correct the path.",
                exit_code=USAGE,
            )
        found[name] = as_uri(place)
    return found


def write(
    folder: Path, declared: Iterable[Datastore], options: Mapping[str, str]
) -> dict[str, str]:
    """Write all datastores below ``folder``, readable by this user alone.

    Args:
        folder: Made here; gets one folder per datastore.
        declared: Those of the manifests, with credentials.
        options: Names and URIs that override them, without.

    Returns:
        The URI of each datastore by its name.
    """
    files = {store.name: {URI_KEY: store.uri, **store.credentials} for store in declared}
    files.update({name: {URI_KEY: uri} for name, uri in options.items()})
    folder.mkdir(mode=0o700, exist_ok=True)
    for name, contents in files.items():
        (folder / name).mkdir()
        for key, value in contents.items():
            (folder / name / key).write_text(value)
    return {name: contents[URI_KEY].strip() for name, contents in files.items()}


def resolved(uri: str, datastores: Mapping[str, str]) -> str:
    """Return a ``datastore://`` URI as the address behind it; others, and unknown ones, as they are."""
    match = re.match(r"datastore://([^/]+)/*(.*)", uri)
    if match is None or match[1] not in datastores:
        return uri
    return f"{datastores[match[1]].rstrip('/')}/{match[2]}"
