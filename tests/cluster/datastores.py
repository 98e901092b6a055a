"""Datastores for trying things out: folders of the cluster's object store, each with the Secret that names it.

What clouds have tools for: files go in, results come out. The object store is reached by a forwarded port,
which also goes into a cluster of kind.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from cluster import manifests, object_store, paths
from cluster.errors import Unavailable
from cluster.manifests import Manifest

UPLOADS_AT_ONCE = 16


def put(name: str, folder: Path, namespace: str) -> int:
    """Make a datastore of a folder's files, and of nothing else; return how many there are.

    What was in the datastore before is removed, results of jobs included.

    Args:
        name: Of the datastore.
        folder: Its files keep their paths below it.
        namespace: Where the Secret is made; the files of another namespace are others.

    Raises:
        Unavailable: There is no such folder, no such namespace, or no object store.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise Unavailable(f"There are no files in {folder}, so there is nothing to put.")
    manifests.apply([secret(name, namespace)])
    with _opened(name, namespace) as store:
        for found in obstore.list(store):
            obstore.delete(store, [one["path"] for one in found])

        def send(path: Path) -> None:
            obstore.put(store, path.relative_to(folder).as_posix(), path)

        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as executor:
            list(executor.map(send, files))
    return len(files)


def get(name: str, path: str, namespace: str) -> bytes:
    """Return a file of a datastore.

    Raises:
        Unavailable: It is not there, or there is no object store.
    """
    with _opened(name, namespace) as store:
        try:
            return bytes(obstore.get(store, path).bytes())
        except FileNotFoundError as exc:
            there = f'datastore "{name}" of namespace "{namespace}"'
            raise Unavailable(f"There is no {path} in {there}.") from exc


def secret(name: str, namespace: str) -> Manifest:
    """Return the Secret by which jobs of a namespace find the datastore."""
    uri = f"s3://{object_store.BUCKET}/{_prefix(name, namespace)}"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"batchpoint-datastore-{name}",
            "namespace": namespace,
            "labels": {"batchpoint.dev/datastore": name},
        },
        "stringData": {**object_store.datastore_files(), "uri": uri},
    }


def _prefix(name: str, namespace: str) -> str:
    return f"{namespace}/datastores/{name}"


@contextmanager
def _opened(name: str, namespace: str) -> Iterator[S3Store]:
    with _forwarded() as endpoint:
        try:
            yield S3Store(
                object_store.BUCKET,
                prefix=_prefix(name, namespace),
                endpoint=endpoint,
                region=object_store.REGION,
                access_key_id=object_store.ACCESS_KEY_ID,
                secret_access_key=object_store.SECRET_ACCESS_KEY,
                client_options={"allow_http": True},
            )
        except BaseError as exc:
            raise Unavailable(f"The object store of the cluster failed: {exc}") from exc


@contextmanager
def _forwarded() -> Iterator[str]:
    """Yield an address of the object store on this machine."""
    state = paths.state()
    if not state.kubeconfig.exists():
        raise Unavailable("No cluster is running. Start one with 'make cluster-up'.")
    argv = [
        *(str(state.programs / "kubectl"), f"--kubeconfig={state.kubeconfig}", "port-forward"),
        *(f"--namespace={object_store.NAMESPACE}", f"service/{object_store.NAME}"),
        f":{object_store.PORT}",
    ]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as forwarding:
        try:
            assert forwarding.stdout
            said = forwarding.stdout.readline().decode()
            # Such as: Forwarding from 127.0.0.1:41234 -> 7070
            address, arrow, _ = said.removeprefix("Forwarding from ").partition(" -> ")
            if not arrow:
                raise Unavailable(f"The object store of the cluster is not reached: {said.strip()}")
            yield f"http://{address}"
        finally:
            forwarding.terminate()
