"""What user code and people with few rights cannot do."""

from __future__ import annotations

import json

import pytest

from batchpoint.api.job import Phase
from cluster import addresses, object_store
from support import operators
from support.kube import Manifest
from support.operators import Installed
from support.site import Site

pytestmark = pytest.mark.timeout(150)

SECONDS = 90

HOSTILE = '''
import json
import os
import socket
import ssl
import urllib.error
import urllib.request

NEEDLES = [needle.encode() for needle in json.loads(os.environ["NEEDLES"])]
SKIPPED = ("/proc/", "/sys/", "/usr/", "/opt/", "/lib", "/bin", "/sbin")


def holds(path, size=1 << 20):
    """Return whether a file holds a credential."""
    try:
        with open(path, "rb") as file:
            content = file.read(size)
    except OSError:
        return False
    # The wanted words came in by the environment of this very process and its likes.
    return any(needle in content.replace(os.environb[b"NEEDLES"], b"") for needle in NEEDLES)


def files():
    for folder, folders, names in os.walk("/"):
        folders[:] = [name for name in folders if not (os.path.join(folder, name) + "/").startswith(SKIPPED)]
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                yield path


def strangers():
    """Yield processes of whoever is not of this container, and what they show."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            for part in ("environ", "cmdline", "mountinfo"):
                yield f"/proc/{name}/{part}"


def api_server():
    """Return how the API server answers to nobody."""
    context = ssl._create_unverified_context()
    try:
        with urllib.request.urlopen(os.environ["API_SERVER"], timeout=5, context=context) as answer:
            return answer.status
    except urllib.error.HTTPError as exc:
        return exc.code
    except OSError:
        return 0


def disturb_runner():
    """Send nonsense to whatever listens on a socket in the shared folder."""
    sent = 0
    for path in ("/batchpoint/runner.sock",):
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(path)
                connection.sendall(b"\\xff" * 4096)
                sent += 1
            except OSError:
                pass
    return sent


def writable(path):
    try:
        with open(path, "w"):
            return True
    except OSError:
        return False


def run(mini_batch):
    disturb_runner()
    found = [path for path in (*files(), *strangers()) if holds(path)]
    return {
        path: {
            "found": json.dumps(found),
            "variables": json.dumps([name for name in os.environ if "SECRET" in name or "TOKEN" in name]),
            "token": os.path.exists("/var/run/secrets"),
            "datastores": os.path.exists("/etc/batchpoint"),
            "api": api_server(),
            "root": os.getuid() == 0,
            "writable": json.dumps([path for path in ("/etc/x", "/usr/x", "/x") if writable(path)]),
        }
        for path in mini_batch
    }
'''


def test_hostile_user_code_finds_nothing(site: Site) -> None:
    """No credential in files, environment or /proc, no token, no root, and no way to hurt the runner."""
    needles = [object_store.SECRET_ACCESS_KEY, object_store.ACCESS_KEY_ID]
    api = f"{addresses.API_SERVER}/api/v1/namespaces/{site.namespace}/secrets"
    site.usual(
        files=2,
        environmentVariables={"NEEDLES": json.dumps(needles), "API_SERVER": api},
        outputFormat="JSONLines",
    )
    site.write("code/score.py", HOSTILE)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    for row in map(json.loads, site.output().splitlines()):
        harmless = {
            "found": "[]",
            "variables": "[]",
            "token": False,
            "datastores": False,
            "api": 403,
            "root": False,
            "writable": "[]",
        }
        assert harmless == {name: row[name] for name in harmless}


def test_credentials_reach_the_runner_only(site: Site) -> None:
    """The scorer mounts no Secret, nobody mounts a token, and no container has one in its environment."""
    site.usual(files=2)
    site.start()
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    (pod,) = site.recorder.pods()
    secret = {one["name"] for one in pod["spec"]["volumes"] if "secret" in one}
    assert secret
    assert all("serviceAccountToken" not in json.dumps(one) for one in pod["spec"]["volumes"])
    assert pod["spec"]["automountServiceAccountToken"] is False
    mounts = {
        one["name"]: {mount["name"] for mount in one["volumeMounts"]}
        for one in (*pod["spec"]["initContainers"], *pod["spec"]["containers"])
    }
    assert secret <= mounts["runner"]
    assert not secret & mounts["scorer"]
    assert "secretKeyRef" not in json.dumps(pod)


def test_logs_and_status_show_no_credential(site: Site) -> None:
    """Not even at the most talkative level."""
    site.usual(files=2, bad=(1,), loggingLevel="Debug")
    site.start()
    site.wait_for("first", Phase.SUCCEEDED_WITH_FAILURES, within_seconds=SECONDS)
    (pod,) = site.recorder.pods()
    name = pod["metadata"]["name"]
    logs = [site.recorder.log(name, container) for container in ("runner", "scorer")]
    assert all(logs)
    shown = [*logs, json.dumps(site.kube.list("batchjobs", site.namespace))]
    shown += [site.output(name=name).decode() for name in ("manifest.json", "failures.jsonl")]
    assert [] == [text for text in shown if object_store.SECRET_ACCESS_KEY in text]


# People


def may(site: Site, user: str, *request: str) -> bool:
    """Say whether a user has a right in the namespace."""
    done = site.kube.try_kubectl("auth", "can-i", "--as", user, *request, namespace=site.namespace)
    return done.stdout.strip() == "yes"


def grant(site: Site, user: str, role: str) -> None:
    """Bind a cluster role to a user in the namespace."""
    binding: Manifest = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{user}-{role}"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role,
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }
    site.apply(binding)


def test_whoever_may_create_jobs_may_not_shape_pods(site: Site) -> None:
    """The chart's role for it creates BatchJobs and nothing that runs an image of one's choice."""
    grant(site, "ada", "batchpoint-job-creator")
    site.usual(files=3)
    site.upload()
    site.apply(*(one for (kind, _), one in site.documents.items() if kind != "BatchJob"))
    job = json.dumps(site.documents["BatchJob", "first"])
    site.kubectl("create", "--as", "ada", "-f", "-", text=job)
    site.wait_for("first", Phase.SUCCEEDED, within_seconds=SECONDS)
    assert site.expected() == site.output()
    for request in (
        ("create", "pods"),
        ("create", "jobs.batch"),
        ("create", "batchdeployments"),
        ("patch", "batchdeployments"),
        ("get", "secrets"),
        ("patch", "batchjobs", "--subresource=status"),
        ("create", "pods", "--subresource=exec"),
    ):
        assert not may(site, "ada", *request), request
    assert may(site, "ada", "get", "batchjobs")


def test_view_edit_and_admin_reach_our_kinds(site: Site) -> None:
    """The roles that every cluster has include the project's kinds."""
    for user, role in (("vera", "view"), ("eric", "edit")):
        grant(site, user, role)
    assert may(site, "vera", "get", "batchjobs")
    assert not may(site, "vera", "create", "batchjobs")
    assert may(site, "eric", "create", "batchdeployments")
    assert not may(site, "eric", "patch", "batchjobs", "--subresource=status")


def test_the_operator_itself_is_restricted(site: Site) -> None:
    """Its pods would be admitted by the strictest pod security, and it may read no Secret."""
    label = "pod-security.kubernetes.io/enforce=restricted"
    done = site.kube.try_kubectl(
        "label", "--dry-run=server", "--overwrite", "namespace", operators.NAMESPACE, label
    )
    assert "violate" not in done.stderr, done.stderr
    account = Installed(site.kube).deployment()["spec"]["template"]["spec"]["serviceAccountName"]
    user = f"system:serviceaccount:{operators.NAMESPACE}:{account}"
    for request in (("get", "secrets"), ("list", "secrets"), ("create", "pods")):
        assert not may(site, user, *request), request
