"""Group, version, labels, annotations, the names of child objects, and the metadata of manifests.

The name rules are functions of what the user wrote, so that the operator can render a reference without
a right to read what it points to (DESIGN §5).
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from batchpoint.api.base import ApiModel, refusal
from batchpoint.api.fields import LABEL, VERSION_PATTERN, ObjectName, Text

GROUP = "batchpoint.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "batchpoint"

ENDPOINT_LABEL = f"{GROUP}/endpoint"
"""On jobs and their children: name of the BatchEndpoint."""
DEPLOYMENT_LABEL = f"{GROUP}/deployment"
"""On jobs and their children: name of the BatchDeployment that was resolved."""
JOB_LABEL = f"{GROUP}/job"
"""On children: name of the BatchJob."""
SCHEDULE_LABEL = f"{GROUP}/schedule"
"""On jobs that a schedule created: its name."""
ORIGIN_LABEL = f"{GROUP}/origin"
"""On jobs: ``Schedule`` or ``Gateway``; absent on those that people apply. `jobHistory` counts by it."""
DATASTORE_LABEL = f"{GROUP}/datastore"
"""On a Secret: name of the datastore that it holds."""
ASSET_LABEL = f"{GROUP}/asset"
"""On a ConfigMap: name of the data asset that it holds."""
ASSET_VERSION_LABEL = f"{GROUP}/asset-version"
"""On a ConfigMap: version of the data asset that it holds."""
PROFILE_LABEL = f"{GROUP}/compute-profile"
"""On a ConfigMap of the operator's namespace: name of the compute profile that it holds."""
PROFILE_KEY = "profile.json"
"""Key of a compute profile's ConfigMap."""
ATTEMPT_LABEL = f"{GROUP}/attempt"
"""On runner Jobs and their pods: the attempt of the job as a whole, from 1."""

RUN_CONFIG_ANNOTATION = f"{GROUP}/run-config"
"""On the pods of a runner Job: the `RunConfig` as JSON. It is the snapshot that the job is pinned to."""

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "batchpoint"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
"""On a runner Job: LocalQueue of Kueue that admits it."""

RUNNER_CONTAINER = "runner"
SCORER_CONTAINER = "scorer"
"""Names of the two containers of an instance; only the scorer's exit code counts (KUBERNETES.md §2)."""
INSTALLER_CONTAINER = "pip"
"""Name of the container that installs ``environment.pip`` before the scorer starts."""

LONGEST_ENDPOINT_NAME = 40
LONGEST_DEPLOYMENT_NAME = 63
LONGEST_JOB_NAME = 52
"""``<job>-<attempt>-<index>`` is a host name of at most 63 characters (KUBERNETES.md §3)."""
LONGEST_ASSET_NAME = 40
LONGEST_VERSION = 30
GENERATED_SUFFIX = 5
"""Characters that the API server appends to ``generateName``."""

URI_KEY = "uri"
"""Key of a datastore's Secret and of an asset's ConfigMap: the address that the name stands for."""
TYPE_KEY = "type"
"""Key of an asset's ConfigMap, optional: ``UriFolder`` or ``UriFile``."""


def datastore_secret_name(datastore: str) -> str:
    """Return the name of the Secret that holds a datastore."""
    return f"batchpoint-datastore-{datastore}"


def asset_config_map_name(asset: str, version: str) -> str:
    """Return the name of the ConfigMap that holds one version of a data asset."""
    return f"batchpoint-asset-{asset}-{version}"


def runner_job_name(job: str, attempt: int) -> str:
    """Return the name of the Job of one attempt; attempts count from 1."""
    return f"{job}-{attempt}"


def scheduled_job_name(endpoint: str, schedule: str, minute: int) -> str:
    """Return the name of the BatchJob of one firing.

    Args:
        endpoint: Name of the BatchEndpoint.
        schedule: Name of the schedule on it.
        minute: Minutes since 1970-01-01 UTC of the *planned* time, so that a firing has one name only.
    """
    return (
        shortened(f"{endpoint}-{schedule}", LONGEST_JOB_NAME - 1 - len(str(minute))) + f"-{minute}"
    )


def shortened(name: str, longest: int) -> str:
    """Return ``name`` if it is short enough, else its beginning and a hash of the whole."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: longest - 9].rstrip('-.')}-{digest}"


def is_valid_version(version: str) -> bool:
    """Say whether the version of a data asset may stand in a label and in a URI."""
    text = Text(longest=LONGEST_VERSION, pattern=VERSION_PATTERN)
    return _passes(text, version) and version != "latest"


def is_valid_name(name: str, longest: int = 63) -> bool:
    """Say whether a string may name a datastore or an asset."""
    return _passes(Text(longest=longest, pattern=LABEL), name)


def _passes(text: Text, value: str) -> bool:
    try:
        text.check(value)
    except ValueError:
        return False
    return True


LabelValue = Annotated[
    str,
    Text(
        longest=63,
        shortest=0,
        pattern="([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?",
        expected="must be letters, digits, -, _ and ., with a letter or digit first and last",
    ),
]


GeneratedName = Annotated[
    str,
    Text(
        longest=248,
        pattern="[a-z0-9][-a-z0-9.]*",
        expected="must be lower-case letters, digits, - and ., with a letter or digit first",
    ),
]


class Metadata(ApiModel):
    """What Kubernetes knows about every object. Users write name, namespace, labels and annotations."""

    name: ObjectName | None = None
    """Unique among the objects of one kind in a namespace."""
    generate_name: GeneratedName | None = None
    """Beginning of a name that the server completes when the object is created."""
    namespace: ObjectName | None = None
    """Absent: the one of the command or of the context."""
    labels: dict[str, LabelValue] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    uid: str = ""
    """Given by the server; another one for each object that ever had this name."""
    resource_version: str = ""
    generation: int = 0
    """Counts changes of the spec."""
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    """Present while the object waits for its end."""
    deletion_grace_period_seconds: int | None = None
    finalizers: tuple[str, ...] = ()
    owner_references: tuple[dict[str, Any], ...] = ()
    managed_fields: tuple[dict[str, Any], ...] = ()
    self_link: str = ""


def named(longest: int, *, generated: bool = False) -> AfterValidator:
    """Return the check of an object's name: a DNS label of at most ``longest`` characters.

    Args:
        longest: Characters.
        generated: Whether ``generateName`` may stand in for ``name``.
    """
    ways = "name or generateName" if generated else "name"

    def check(metadata: Metadata) -> Metadata:
        name = metadata.name or ""
        prefix = (metadata.generate_name or "") if generated else ""
        if not name and not prefix:
            raise refusal(f"must have a {ways}", found="no name", field="name")
        field, most = ("name", longest) if name else ("generateName", longest - GENERATED_SUFFIX)
        if len(name or prefix) > most:
            raise refusal(
                f"must be at most {most} characters",
                found=f"{len(name or prefix)} characters",
                field=field,
            )
        if "." in (name or prefix):
            raise refusal("must not contain a dot", found=f'"{name or prefix}"', field=field)
        return metadata

    return AfterValidator(check)


def name_words(longest: int) -> str:
    """Return the message of the CEL rule for names."""
    return f"the name must be at most {longest} characters without dots; choose a shorter one"
