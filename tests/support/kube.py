"""A cluster as tests use it: what people type (kubectl), and quick reads over kept connections.

One `kubectl` costs a tenth of a second of a processor, one read here a few milliseconds. So kubectl is for
what a person would type and for writing; whatever is repeated until something happens is read here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes import client, config

from batchpoint.api.meta import API_VERSION

Manifest = dict[str, Any]

GROUPS = {
    "batchendpoints": f"/apis/{API_VERSION}",
    "batchdeployments": f"/apis/{API_VERSION}",
    "batchjobs": f"/apis/{API_VERSION}",
    "configmaps": "/api/v1",
    "deployments": "/apis/apps/v1",
    "events": "/api/v1",
    "jobs": "/apis/batch/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "namespaces": "/api/v1",
    "nodes": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "pods": "/api/v1",
    "resourcequotas": "/api/v1",
    "secrets": "/api/v1",
}
"""Where the kinds that tests read are served."""

READ_SECONDS = 15


class NotThere(Exception):
    """The object does not exist."""


class Refused(Exception):
    """A command or request was refused; the message is what the server or the command said."""


@dataclass(frozen=True, slots=True)
class Kube:
    """One cluster, as its administrator."""

    kubeconfig: Path
    kubectl_program: Path
    _server: str
    _pool: urllib3.PoolManager

    @classmethod
    def connect(cls, kubeconfig: Path, kubectl_program: Path) -> Kube:
        """Return the cluster of a kubeconfig. Asks nothing yet."""
        settings = client.Configuration()
        config.load_kube_config(config_file=str(kubeconfig), client_configuration=settings)
        pool = urllib3.PoolManager(
            maxsize=64,
            ca_certs=settings.ssl_ca_cert,
            cert_file=settings.cert_file,
            key_file=settings.key_file,
        )
        return cls(kubeconfig, kubectl_program, settings.host, pool)

    # -- what people type --------------------------------------------------------------------------

    def kubectl(
        self, *arguments: str | Path, namespace: str | None = None, text: str | None = None
    ) -> str:
        """Run kubectl and return what it prints.

        Raises:
            Refused: It ended with another code than 0; the message is what it said.
        """
        done = self.try_kubectl(*arguments, namespace=namespace, text=text)
        if done.returncode != 0:
            raise Refused(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def try_kubectl(
        self, *arguments: str | Path, namespace: str | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return how it ended."""
        return subprocess.run(
            self.command(*arguments, namespace=namespace),
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def command(self, *arguments: str | Path, namespace: str | None = None) -> list[str]:
        """Return the command line of kubectl for this cluster."""
        place = () if namespace is None else ("--namespace", namespace)
        program = (str(self.kubectl_program), "--kubeconfig", str(self.kubeconfig))
        return [*program, *place, *map(str, arguments)]

    def apply(self, *manifests: Mapping[str, Any], namespace: str | None = None) -> str:
        """Apply manifests as a user does.

        Raises:
            Refused: The server refused one of them.
        """
        text = "\n---\n".join(json.dumps(one) for one in manifests)
        return self.kubectl("apply", "-f", "-", namespace=namespace, text=text)

    # -- quick reads -------------------------------------------------------------------------------

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """Return one object.

        Raises:
            NotThere: It does not exist.
        """
        return self._read(address(kind, namespace, name))

    def find(self, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """Return one object, None if it does not exist."""
        try:
            return self.get(kind, name, namespace)
        except NotThere:
            return None

    def list(self, kind: str, namespace: str | None = None, **query: str) -> list[Manifest]:
        """Return all objects of a kind; the query is Kubernetes' own, such as ``labelSelector``."""
        found: list[Manifest] = self._read(address(kind, namespace), **query)["items"]
        return found

    def delete(self, kind: str, name: str, namespace: str | None = None, **query: str) -> None:
        """Delete one object, its children in the background. Does nothing if there is none."""
        chosen = {"propagationPolicy": "Background", **query}
        self._request("DELETE", address(kind, namespace, name), chosen)

    def patch(
        self, kind: str, name: str, change: Mapping[str, Any], namespace: str | None = None
    ) -> Manifest:
        """Change fields of an object by a merge patch: lists are replaced, None removes.

        Raises:
            NotThere: It does not exist.
            Refused: The server refused the change.
        """
        answer = self._request(
            "PATCH",
            address(kind, namespace, name),
            {},
            body=json.dumps(change),
            headers={"Content-Type": "application/merge-patch+json"},
        )
        return self._parsed(answer)

    def create(
        self, kind: str, manifest: Mapping[str, Any], namespace: str | None = None, path: str = ""
    ) -> Manifest:
        """Create an object; ``path`` leads to a subresource, such as ``<pod>/eviction``.

        Raises:
            Refused: The server refused it.
        """
        answer = self._request(
            "POST",
            address(kind, namespace, path),
            {},
            body=json.dumps(manifest),
            headers={"Content-Type": "application/json"},
        )
        return self._parsed(answer)

    def stream(self, path: str, **query: str) -> Iterator[bytes]:
        """Yield the lines of a watch or a followed log until the server ends it."""
        with closing(
            self._pool.request(
                "GET",
                self._server + path,
                fields=query,
                preload_content=False,
                retries=False,
                timeout=urllib3.Timeout(connect=READ_SECONDS, read=None),
            )
        ) as answer:
            if answer.status == 200:
                rest = b""
                for part in answer.stream(65536):
                    *lines, rest = (rest + part).split(b"\n")
                    yield from lines

    def _read(self, path: str, **query: str) -> Manifest:
        return self._parsed(self._request("GET", path, query))

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        *,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        url = self._server + path
        if query:
            url += "?" + urlencode(query)
        return self._pool.request(
            method, url, body=body, headers=headers, timeout=READ_SECONDS, retries=False
        )

    def _parsed(self, answer: urllib3.BaseHTTPResponse) -> Manifest:
        value: Manifest = answer.json()
        if answer.status == 404:
            raise NotThere(value.get("message", ""))
        if answer.status >= 400:
            raise Refused(value.get("message", f"status {answer.status}"))
        return value


def address(kind: str, namespace: str | None = None, name: str = "") -> str:
    """Return the path of a kind, or of one object of it."""
    place = "" if namespace is None else f"/namespaces/{namespace}"
    return f"{GROUPS[kind]}{place}/{kind}" + (f"/{name}" if name else "")


def condition(manifest: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """Return a condition of an object's status, empty if there is none of this type."""
    found: Sequence[Mapping[str, Any]] = manifest.get("status", {}).get("conditions", ())
    return next((one for one in found if one["type"] == type_), {})
