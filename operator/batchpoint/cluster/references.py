"""What deployments and jobs name and nobody watches: profiles, code, Secrets, data assets; kept for seconds."""

from __future__ import annotations

from batchpoint.api.deployment import BatchDeployment
from batchpoint.api.job import BatchJob
from batchpoint.api.meta import ASSET_LABEL, PROFILE_LABEL
from batchpoint.api.placement import ComputeProfile
from batchpoint.cluster import facts
from batchpoint.cluster.client import Client
from batchpoint.cluster.remembered import Remembered
from batchpoint.cluster.resources import CONFIG_MAPS, SECRETS, Key
from batchpoint.planning import assets, deployment
from batchpoint.planning.assets import Catalogue

SETTING_SECONDS = 15.0
"""Profiles, code and Secrets are read again after this time."""
ASSET_SECONDS = 5.0
"""Data assets are; one that is not found is looked for at once."""


class References:
    """Reads what is named.

    Args:
        client: Reads.
        operator_namespace: Where compute profiles are.
        check_secrets: Whether to look for Secrets. Only their metadata is read.
    """

    def __init__(self, client: Client, *, operator_namespace: str, check_secrets: bool) -> None:
        self._client = client
        self._operator_namespace = operator_namespace
        self._check_secrets = check_secrets
        self._profiles = Remembered[str, ComputeProfile | None](seconds=SETTING_SECONDS)
        self._code_keys = Remembered[Key, tuple[str, ...] | None](seconds=SETTING_SECONDS)
        self._secrets = Remembered[Key, bool](seconds=SETTING_SECONDS)
        self._assets = Remembered[str, Catalogue](seconds=ASSET_SECONDS)

    async def profile(self, found: BatchDeployment) -> ComputeProfile | None:
        """Return the compute profile that a deployment names; None: none, or it is missing."""
        name = found.spec.compute.profile
        if name is None:
            return None
        return await self._profiles.get(name, lambda: self._read_profile(name))

    async def code_keys(self, found: BatchDeployment) -> tuple[str, ...] | None:
        """Return the keys of the ConfigMap with the code; None: it is missing, or the code is elsewhere."""
        configuration = found.spec.code_configuration
        name = configuration.code.config_map if configuration else None
        if name is None:
            return None
        key = Key(found.namespace, name)
        return await self._code_keys.get(key, lambda: self._read_keys(key))

    async def missing_secrets(self, found: BatchDeployment) -> tuple[str, ...] | None:
        """Return the Secrets that a deployment needs and that do not exist; None: nobody looks."""
        if not self._check_secrets:
            return None
        names = deployment.secret_names(found.spec)
        return tuple([name for name in names if not await self._exists(Key(found.namespace, name))])

    async def assets(self, job: BatchJob) -> Catalogue:
        """Return the data assets of the namespace if the job names one, else nothing."""
        uri = job.spec.input.uri if job.spec.input else ""
        if not uri.startswith("asset://"):
            return {}
        known = await self._assets.get(job.namespace, lambda: self._read_assets(job.namespace))
        is_latest = uri.endswith(f"/{assets.LATEST}")
        if is_latest or isinstance(assets.find(uri, known), str):  # perhaps applied a moment ago
            known = await self._read_assets(job.namespace)
            self._assets.put(job.namespace, known)
        return known

    async def _read_profile(self, name: str) -> ComputeProfile | None:
        selector = f"{PROFILE_LABEL}={name}"
        found = await self._client.list(CONFIG_MAPS, self._operator_namespace, labels=selector)
        return facts.profile(found[0]) if found else None

    async def _read_keys(self, key: Key) -> tuple[str, ...] | None:
        manifest = await self._client.get(CONFIG_MAPS, *key)
        if manifest is None:
            return None
        return (*(manifest.get("data") or ()), *(manifest.get("binaryData") or ()))

    async def _exists(self, secret: Key) -> bool:
        return await self._secrets.get(secret, lambda: self._read_exists(secret))

    async def _read_exists(self, secret: Key) -> bool:
        return await self._client.get(SECRETS, *secret, metadata_only=True) is not None

    async def _read_assets(self, namespace: str) -> Catalogue:
        found = await self._client.list(CONFIG_MAPS, namespace, labels=ASSET_LABEL)
        return assets.catalogue(asset for each in found if (asset := facts.asset(each)))
