"""From the URI that a user writes to the store and the path that it means.

========================== ====================================================================
``datastore://name/path``  below the URI of the datastore of that name (`datastores.py`)
``s3:// gs:// az://``      bucket or container, then path; credentials of the datastore in whose
                           URI it lies, else those for all others (`datastores.CREDENTIALS`), else of
                           the standard environment variables
``pvc://claim/path``       a claim that is mounted at ``<volumes>/<claim>``
``https:// http://``       one file, read only; the URL as it is, with its query
``file:///path``           this machine; percent signs as in RFC 8089: ``%20`` is a space
a path, ``~/path``         this machine, taken literally; ``..`` is resolved
========================== ====================================================================

Everywhere else paths are literal: spaces, ``%``, ``#`` and ``?`` stand for themselves. ``..`` is
refused, empty segments and a trailing slash mean nothing. Every error is a ContractError.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from batchpoint_runner.errors import ContractError
from batchpoint_runner.storage import datastores as secrets_of
from batchpoint_runner.storage.base import Store
from batchpoint_runner.storage.buckets import open_bucket
from batchpoint_runner.storage.local import LocalStore
from batchpoint_runner.storage.objects import ObjectStore
from batchpoint_runner.storage.web import WebStore

VOLUMES = Path("/batchpoint-volumes")
"""Where the operator mounts the claims of ``pvc://`` URIs into the runner."""

SCHEMES = ("datastore", "s3", "gs", "az", "pvc", "https", "http", "file")

_OTHER_WORDS = {
    "s3a": "s3",
    "s3n": "s3",
    "gcs": "gs",
    "azure": "az",
    "abfs": "az",
    "abfss": "az",
    "wasb": "az",
    "wasbs": "az",
    "adl": "az",
    "azureml": "datastore",
    "ds": "datastore",
    "dbfs": "s3",
    "hdfs": "pvc",
    "nfs": "pvc",
}
"""What people write from habit, and what it is called here."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place on a store: a file, a folder, or nothing yet."""

    store: Store
    path: str
    """Relative to the store's root; ``""`` is the root."""
    uri: str
    """As the user wrote it, without trailing slash and query; for messages and reports."""

    def child(self, relative: str) -> Location:
        """Return the place ``relative`` below this one."""
        path = f"{self.path}/{relative}" if self.path else relative
        return Location(store=self.store, path=path, uri=f"{self.uri}/{relative}")


def locate(uri: str, datastores: Path, *, volumes: Path = VOLUMES) -> Location:
    """Return the place that a URI means. Asks no server, so the place need not exist.

    Args:
        uri: One of the forms in the module's docstring.
        datastores: The folder that holds one folder per datastore.
        volumes: The folder that holds one mount per claim.

    Raises:
        ContractError: The scheme or the datastore is unknown, or the URI malformed. One sentence.
    """
    match = _SCHEME.match(uri)
    if match is None:
        return _plain_path(uri)
    scheme = match.group(1).lower()
    if scheme not in SCHEMES:
        raise ContractError(_unknown_scheme(uri, scheme), reason="UnknownScheme")
    rest = uri[match.end() :]
    if scheme == "file":
        return _file(uri, rest if match.group(2) else f"/{rest.lstrip('/')}")
    if match.group(2) is None:
        raise _malformed(uri, f"it lacks the two slashes of {scheme}://")
    if scheme in ("http", "https"):
        return _web(scheme, rest)
    authority, _, path = rest.partition("/")
    if not authority:
        raise _malformed(uri, f"it lacks a name after {scheme}://")
    path = _clean(uri, path)
    if scheme == "datastore":
        return _in_datastore(authority, path, datastores, volumes)
    if scheme == "pvc":
        return _in_volume(authority, path, volumes)
    return _in_bucket(uri, scheme, authority, path, datastores)


def _plain_path(text: str) -> Location:
    if not text.strip():
        raise ContractError("An empty URI names no place; write a URI such as s3://bucket/folder.")
    absolute = os.path.abspath(Path(text).expanduser())  # noqa: PTH100 - links stay
    return Location(store=_local("/"), path=absolute.lstrip("/"), uri=f"file://{absolute}")


def _file(uri: str, rest: str) -> Location:
    host, slash, path = rest.partition("/")
    if not slash or host not in ("", "localhost"):
        raise _malformed(uri, "a file URI has three slashes, as in file:///data/images")
    path = _clean(uri, unquote(path))
    return Location(store=_local("/"), path=path, uri=f"file:///{path}")


def _web(scheme: str, rest: str) -> Location:
    address, _, query = rest.partition("#")[0].partition("?")
    host, _, path = address.partition("/")
    login, at, host = host.rpartition("@")
    if not host or not path:
        raise _malformed(f"{scheme}://{host}", "it must name a file on a server")
    if at:
        del login
        raise ContractError(
            f"The URI {scheme}://{host}/… holds a user name or password, which does not belong into a "
            "manifest; use a signed link or a datastore.",
        )
    server = f"{scheme}://{host}"
    path = path.replace(" ", "%20")
    return Location(store=_web_store(server, query), path=path, uri=f"{server}/{path}")


def _in_datastore(name: str, path: str, directory: Path, volumes: Path) -> Location:
    datastore = secrets_of.load(directory, name)
    match = _SCHEME.match(datastore.uri)
    scheme = match.group(1).lower() if match else "file"
    if scheme == "datastore":
        raise ContractError(
            f"The datastore '{name}' points to another datastore, {datastore.uri}; give it a storage URI.",
        )
    store_options, client_options = datastore.options(scheme)
    if scheme in ("s3", "gs", "az"):
        authority, _, folder = datastore.uri.partition("://")[2].partition("/")
        if not authority:
            raise _malformed(datastore.uri, f"the datastore '{name}' names no bucket")
        store: Store = _bucket(scheme, authority, _frozen(store_options), _frozen(client_options))
        base = _clean(datastore.uri, folder)
    else:
        target = locate(datastore.uri, directory, volumes=volumes)
        store, base = target.store, target.path
        if isinstance(store, LocalStore):  # nothing below a datastore leads out of its folder
            store, base = _local(str(store.root / base), target.uri), ""
    joined = "/".join(part for part in (base, path) if part)
    return Location(store=store, path=joined, uri=_display("datastore", name, path))


def _in_volume(claim: str, path: str, volumes: Path) -> Location:
    mount = volumes / claim
    if claim in (".", "..") or not mount.is_dir():
        raise ContractError(
            f"The claim '{claim}' of pvc://{claim}/{path} is not mounted at {mount}; use pvc:// in the "
            "cluster only, and a plain path on your own machine.",
            reason="VolumeNotMounted",
        )
    store = _local(str(mount), f"pvc://{claim}")
    return Location(store=store, path=path, uri=_display("pvc", claim, path))


def _in_bucket(uri: str, scheme: str, bucket: str, path: str, directory: Path) -> Location:
    if re.search(r"[\s@?#%]", bucket):
        raise _malformed(uri, f"'{bucket}' is not the name of a bucket or container")
    store_options: dict[str, str] = {}
    client_options: dict[str, object] = {}
    place = f"{scheme}://{bucket}/{path}/"
    around = [
        found
        for name in secrets_of.names(directory)
        if place.startswith(f"{(found := secrets_of.load(directory, name)).uri.rstrip('/')}/")
    ]
    nearest = max(around, key=lambda found: len(found.uri), default=None)
    rights = nearest or secrets_of.credentials(directory)
    if rights is not None:
        store_options, client_options = rights.options(scheme)
    store = _bucket(scheme, bucket, _frozen(store_options), _frozen(client_options))
    return Location(store=store, path=path, uri=_display(scheme, bucket, path))


_Options = tuple[tuple[str, object], ...]


def _frozen(options: dict[str, str] | dict[str, object]) -> _Options:
    return tuple(sorted(options.items(), key=lambda option: option[0]))


@lru_cache(maxsize=64)
def _bucket(scheme: str, bucket: str, store: _Options, client: _Options) -> ObjectStore:
    """One client, and so one pool of connections, per bucket and credentials."""
    return open_bucket(scheme, bucket, {name: str(value) for name, value in store}, dict(client))


@lru_cache(maxsize=64)
def _local(root: str, uri: str | None = None) -> LocalStore:
    return LocalStore(Path(root), uri=uri)


@lru_cache(maxsize=64)
def _web_store(server: str, query: str) -> WebStore:
    return WebStore(server, query=query)


def _clean(uri: str, path: str) -> str:
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise _malformed(uri, "its path has a '..' segment")
    if any(ord(character) < 32 for character in path):
        raise _malformed(uri, "its path has a control character")
    return "/".join(segments)


def _display(scheme: str, authority: str, path: str) -> str:
    return f"{scheme}://{authority}/{path}" if path else f"{scheme}://{authority}"


def _malformed(uri: str, why: str) -> ContractError:
    return ContractError(
        f"The URI {uri!r} cannot be used: {why}; write it like s3://bucket/folder.",
        reason="MalformedURI",
    )


def _unknown_scheme(uri: str, scheme: str) -> str:
    close = _OTHER_WORDS.get(scheme)
    if close is None:
        close = next(iter(difflib.get_close_matches(scheme, SCHEMES, n=1, cutoff=0.5)), None)
    guess = f"; did you mean {close}://?" if close else "."
    known = ", ".join(f"{known}://" for known in SCHEMES)
    return f"The scheme of {uri!r} is unknown{guess} Known are {known} and plain paths."
