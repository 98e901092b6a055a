"""A server for object storage in the cluster, which speaks S3 and keeps conditional writes apart.

Its files live as long as its pod. Pods reach it at `ENDPOINT`, and so does the host at `HOST_ENDPOINT`, unless
the cluster is one of kind.
"""

from __future__ import annotations

from cluster import addresses, commands, images, manifests
from cluster.manifests import Manifest

NAMESPACE = "object-store"
NAME = "s3"
PORT = 7070
ENDPOINT = f"http://{NAME}.{NAMESPACE}.svc:{PORT}"
HOST_ENDPOINT = f"http://{addresses.OBJECT_STORE_IP}:{PORT}"
BUCKET = "batchpoint"
REGION = "us-east-1"
ACCESS_KEY_ID = "batchpoint-tests"
SECRET_ACCESS_KEY = "no-secret-at-all"

START_SECONDS = 60


def deploy() -> None:
    """Start the server and wait until it answers.

    Raises:
        Unavailable: It did not start in time.
    """
    manifests.apply(render())
    commands.kubectl(
        "rollout",
        "status",
        f"deployment/{NAME}",
        f"--namespace={NAMESPACE}",
        f"--timeout={START_SECONDS}s",
    )


def datastore_files() -> dict[str, str]:
    """Return the files of a datastore for pods: what a Secret of one holds, by key."""
    return {
        "uri": f"s3://{BUCKET}",
        "access_key_id": ACCESS_KEY_ID,
        "secret_access_key": SECRET_ACCESS_KEY,
        "endpoint": ENDPOINT,
        "region": REGION,
        "allow_http": "true",
    }


def render() -> list[Manifest]:
    """Return the manifests of the server."""
    labels = {"app": NAME}
    metadata = {"name": NAME, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                # One at a time: a second would have other files.
                "strategy": {"type": "Recreate"},
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": _pod()},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata,
            "spec": {
                "clusterIP": addresses.OBJECT_STORE_IP,
                "selector": labels,
                "ports": [{"port": PORT}],
            },
        },
    ]


def _pod() -> Manifest:
    data = [{"name": "data", "mountPath": "/data"}]
    return {
        "initContainers": [
            {
                "name": "bucket",
                "image": images.BUSYBOX,
                # A folder is a bucket.
                "command": ["mkdir", "-p", f"/data/{BUCKET}"],
                "volumeMounts": data,
            }
        ],
        "containers": [
            {
                "name": NAME,
                "image": images.OBJECT_STORE,
                "args": [f"--port=:{PORT}", "--health=/health", "posix", "/data"],
                "env": [
                    {"name": "ROOT_ACCESS_KEY", "value": ACCESS_KEY_ID},
                    {"name": "ROOT_SECRET_KEY", "value": SECRET_ACCESS_KEY},
                ],
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {
                    "httpGet": {"path": "/health", "port": PORT},
                    "periodSeconds": 1,
                },
                "volumeMounts": data,
            }
        ],
        "terminationGracePeriodSeconds": 1,
        "volumes": [{"name": "data", "emptyDir": {}}],
    }
