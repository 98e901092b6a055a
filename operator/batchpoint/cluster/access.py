"""Asks at start whether the rights that the operator needs are there, and names those that are not.

Without this a missing rule looks like a hang: watches try again for a minute and say little.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from batchpoint.cluster.client import Client
from batchpoint.cluster.resources import (
    ACCESS_REVIEWS,
    CONFIG_MAPS,
    DEPLOYMENTS,
    ENDPOINTS,
    EVENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    PODS,
    RUNNER_JOBS,
    SECRETS,
    ResourceKind,
)

_WATCH = ("list", "watch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Rights on one kind."""

    kind: ResourceKind
    verbs: tuple[str, ...]
    subresource: str = ""


RULES = (
    Rule(kind=ENDPOINTS, verbs=_WATCH),
    Rule(kind=ENDPOINTS, verbs=("patch",), subresource="status"),
    Rule(kind=DEPLOYMENTS, verbs=(*_WATCH, "patch")),
    Rule(kind=DEPLOYMENTS, verbs=("patch",), subresource="status"),
    Rule(kind=JOBS, verbs=(*_WATCH, "get", "delete")),
    Rule(kind=JOBS, verbs=("patch",), subresource="status"),
    Rule(kind=RUNNER_JOBS, verbs=(*_WATCH, "get", "create", "patch", "delete")),
    Rule(kind=PODS, verbs=("list",)),
    Rule(kind=EVENTS, verbs=("list", "create")),
    Rule(kind=CONFIG_MAPS, verbs=("get", "list")),
    Rule(kind=NAMESPACES, verbs=("get",)),
)
"""Wherever objects are looked after."""
OWN_RULES = (
    Rule(kind=LEASES, verbs=("get", "create", "update")),
    Rule(kind=CONFIG_MAPS, verbs=("list",)),
)
"""In the operator's own namespace."""
SECRET_RULES = (Rule(kind=SECRETS, verbs=("get",)),)
"""Wherever objects are looked after, if the operator is to say that a Secret is missing."""


async def missing_rules(
    client: Client,
    *,
    namespaces: Sequence[str] = (),
    operator_namespace: str,
    check_secrets: bool = False,
) -> list[str]:
    """Return one line for each right that is missing: verb, resource and where. Empty: all are there.

    Args:
        client: With the rights in question.
        namespaces: Where objects are looked after. Empty: the whole cluster.
        operator_namespace: Where the operator itself lives.
        check_secrets: Whether it is to look for Secrets.
    """
    rules = RULES + (SECRET_RULES if check_secrets else ())
    asked = [
        (namespace, rule, verb)
        for namespace, some in (
            *((namespace, rules) for namespace in namespaces or ("",)),
            (operator_namespace, OWN_RULES),
        )
        for rule in some
        for verb in rule.verbs
    ]
    allowed = await asyncio.gather(*(_is_allowed(client, *each) for each in asked))
    return list(_lines(each for each, is_there in zip(asked, allowed, strict=True) if not is_there))


async def _is_allowed(client: Client, namespace: str, rule: Rule, verb: str) -> bool:
    review = {
        "apiVersion": ACCESS_REVIEWS.api_version,
        "kind": ACCESS_REVIEWS.kind,
        "metadata": {},
        "spec": {
            "resourceAttributes": {
                "namespace": namespace,
                "group": rule.kind.group,
                "resource": rule.kind.plural,
                "subresource": rule.subresource,
                "verb": verb,
            }
        },
    }
    answer = await client.create(ACCESS_REVIEWS, "", review)
    return bool(answer["status"]["allowed"])


def _lines(missing: Iterator[tuple[str, Rule, str]]) -> Iterator[str]:
    for namespace, rule, verb in missing:
        where = f'in namespace "{namespace}"' if namespace else "in the whole cluster"
        subresource = f"/{rule.subresource}" if rule.subresource else ""
        yield f'{verb} {rule.kind.plural}{subresource} of API group "{rule.kind.group}" {where}'
