"""Rights that the operator needs."""

from __future__ import annotations

import pytest

from batchpoint.cluster import access
from support.api_server import ApiServer

pytestmark = pytest.mark.asyncio


async def test_nothing_is_said_when_all_rights_are_there() -> None:
    """In every namespace, and in the operator's own."""
    server = ApiServer()
    async with server.client() as api:
        found = await access.missing_rules(api, operator_namespace="batchpoint")
    assert [] == found
    assert {"", "batchpoint"} == {
        body["spec"]["resourceAttributes"]["namespace"] for body in server.bodies
    }


async def test_a_missing_right_is_named_with_its_place() -> None:
    """As it is to be added to a role."""
    server = ApiServer()
    server.denied = {("patch", "batchjobs"), ("update", "leases")}
    async with server.client() as api:
        found = await access.missing_rules(
            api, namespaces=["scoring"], operator_namespace="batchpoint"
        )
    assert [
        'patch batchjobs/status of API group "batchpoint.dev" in namespace "scoring"',
        'update leases of API group "coordination.k8s.io" in namespace "batchpoint"',
    ] == found


async def test_secrets_are_asked_for_only_if_they_are_looked_at() -> None:
    """By default the operator has no right to them."""
    server = ApiServer()
    server.denied = {("get", "secrets")}
    async with server.client() as api:
        without = await access.missing_rules(api, operator_namespace="batchpoint")
        with_ = await access.missing_rules(api, operator_namespace="batchpoint", check_secrets=True)
    assert [] == without
    assert ['get secrets of API group "" in the whole cluster'] == with_
