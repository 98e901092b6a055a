"""The three kinds by name."""

from __future__ import annotations

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.endpoint import BatchEndpoint
from batchpoint.api.job import BatchJob
from batchpoint.api.resource import Resource

KINDS: dict[str, type[Resource]] = {
    "BatchEndpoint": BatchEndpoint,
    "BatchDeployment": BatchDeployment,
    "BatchJob": BatchJob,
}
