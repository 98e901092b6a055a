"""The addresses that specs may hold, one shape per scheme, and the field types made from them.

A URI never carries credentials: those belong into a datastore. Addresses of other systems are refused
with the address to write instead, where that can be told.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from batchpoint.api.base import Rule
from batchpoint.api.fields import LABEL, VERSION_PATTERN, Text

LONGEST_URI = 1024
"""Characters."""

_BUCKET = r"://[^/?#@\s]+(/[^?]*)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """One kind of address."""

    pattern: str
    shape: str
    """What such an address looks like, for messages."""


SCHEMES = {
    "s3": Scheme(pattern=f"s3{_BUCKET}", shape="s3://<bucket>/<path>"),
    "gs": Scheme(pattern=f"gs{_BUCKET}", shape="gs://<bucket>/<path>"),
    "az": Scheme(pattern=f"az{_BUCKET}", shape="az://<container>/<path>"),
    "file": Scheme(pattern=r"file:///[^?]*", shape="file:///<absolute path>"),
    "pvc": Scheme(pattern=rf"pvc://{LABEL}(\.{LABEL})*(/[^?]*)?", shape="pvc://<claim>/<path>"),
    "datastore": Scheme(
        pattern=rf"datastore://{LABEL}(/[^?]*)?", shape="datastore://<name>/<path>"
    ),
    "asset": Scheme(
        pattern=rf"asset://{LABEL}/{VERSION_PATTERN}",
        shape="asset://<name>/<version> or asset://<name>/latest",
    ),
    "http": Scheme(pattern=r"http://[^/?#@\s]+/[^\s]*", shape="http://<host>/<path>"),
    "https": Scheme(pattern=r"https://[^/?#@\s]+/[^\s]*", shape="https://<host>/<path>"),
    "image": Scheme(
        pattern=r"image:///[^?]+", shape="image:///<absolute path in the scorer's image>"
    ),
    "models": Scheme(
        pattern=r"models:/[^/@?\s]+(/[^/@?\s]+|@[^/@?\s]+)",
        shape="models:/<name>/<version> or models:/<name>@<alias>",
    ),
    "runs": Scheme(pattern=r"runs:/[^/?\s]+/[^?]+", shape="runs:/<run id>/<path>"),
}

STORES = ("s3", "gs", "az", "file", "pvc", "datastore")
"""What can be read and written."""

_FOREIGN = (
    (r"azureml://(?:.*/)?datastores/([^/]+)/paths/(.*)", r"datastore://\1/\2"),
    (r"azureml:([^:/@]+)(?::|@)([^:/@]+)", r"asset://\1/\2"),
    (r"azureml:([^:/@]+)(?::|@)([^:/@]+)", r"models:/\1/\2"),
    (r"wasbs?://([^@/]+)@[^/]+/(.*)", r"az://\1/\2"),
    (r"abfss?://([^@/]+)@[^/]+/(.*)", r"az://\1/\2"),
    (r"s3a://(.*)", r"s3://\1"),
    (r"gcs://(.*)", r"gs://\1"),
)


def _as_ours(uri: str, schemes: tuple[str, ...]) -> str | None:
    for pattern, ours in _FOREIGN:
        if ours.split(":", maxsplit=1)[0] in schemes and re.fullmatch(pattern, uri):
            return re.sub(pattern, ours, uri)
    return None


def _begins_with(schemes: tuple[str, ...]) -> str:
    heads = [SCHEMES[scheme].shape.split("<", maxsplit=1)[0] for scheme in schemes]
    return f"must begin with {', '.join(heads[:-1])} or {heads[-1]}"


def problem(schemes: tuple[str, ...]) -> Callable[[str], str | None]:
    """Return the check for addresses of these schemes: what would be right, or None."""

    def look(uri: str) -> str | None:
        scheme = uri.split(":", maxsplit=1)[0] if ":" in uri else ""
        if scheme not in schemes:
            if ours := _as_ours(uri, schemes):
                return f'did you mean "{ours}"?'
            hint = "" if scheme else "; a local folder is file:///<absolute path>"
            return _begins_with(schemes) + hint
        if "?" in uri and scheme not in {"http", "https"}:
            return "must not have a query; credentials belong into a datastore"
        if not re.fullmatch(SCHEMES[scheme].pattern, uri):
            return f"must look like {SCHEMES[scheme].shape}"
        return "must not contain .." if ".." in uri.split("/") else None

    return look


def _address(schemes: tuple[str, ...]) -> Text:
    return Text(
        longest=LONGEST_URI,
        expected=_begins_with(schemes),
        problem=problem(schemes),
        schema_pattern="|".join(SCHEMES[scheme].pattern for scheme in schemes),
        rules=(
            Rule(
                cel="!self.contains('/../') && !self.endsWith('/..')", message="must not contain .."
            ),
        ),
    )


StoreUri = Annotated[str, _address(STORES)]
"""A folder that can be written."""
InputUri = Annotated[str, _address((*STORES, "asset", "https", "http"))]
CodeUri = Annotated[str, _address(STORES)]
ModelUri = Annotated[str, _address((*STORES, "https", "models", "runs", "image"))]


def datastore_of(uri: str) -> str | None:
    """Return the name of the datastore that a URI begins with; None for any other scheme."""
    found = re.match(r"datastore://([^/]+)", uri)
    return found[1] if found else None
