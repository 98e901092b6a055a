"""Rights: the operator's are exactly those that it asks for at start, and people's cannot shape pods."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from batchpoint.cluster import access
from batchpoint.cluster.access import Rule
from batchpoint.cluster.resources import WORKLOADS
from support import chart
from support.chart import Manifest

Right = tuple[str, str, str]
"""API group, resource and verb."""

OPTIONAL: set[Right] = {
    (kind.group, kind.plural, verb) for kind in WORKLOADS for verb in ("get", "list")
}
"""Kueue may not be there, so nobody asks for these at start."""


def _granted(role: Manifest) -> set[Right]:
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def _asked(rules: Iterable[Rule]) -> set[Right]:
    return {
        (rule.kind.group, "/".join(filter(None, (rule.kind.plural, rule.subresource))), verb)
        for rule in rules
        for verb in rule.verbs
    }


def _named(found: Iterable[Manifest], kind: str, name: str) -> list[Manifest]:
    return [one for one in chart.of_kind(found, kind) if one["metadata"]["name"] == name]


@pytest.mark.parametrize("looks_at_secrets", [False, True])
def test_the_operator_has_the_rights_that_it_asks_for(looks_at_secrets: bool) -> None:
    """No fewer and no more; that on Secrets only where it is to look at them."""
    found = chart.manifests({"operator": {"checkSecrets": looks_at_secrets}})
    (role,) = _named(found, "ClusterRole", "batchpoint-operator")
    asked = _asked(access.RULES + (access.SECRET_RULES if looks_at_secrets else ()))
    assert asked == _granted(role) - OPTIONAL


def test_the_operator_has_its_lease_and_profiles_in_its_own_namespace() -> None:
    """There alone."""
    (role,) = chart.of_kind(chart.manifests(), "Role")
    assert chart.NAMESPACE == role["metadata"]["namespace"]
    assert _asked(access.OWN_RULES) == _granted(role)


def test_listed_namespaces_have_roles_and_nothing_reaches_further() -> None:
    """So that people without rights on the cluster can install it, once the kinds are there."""
    found = chart.manifests({"watchNamespaces": ["a", "b"]})
    assert not {one["kind"] for one in found} & {"ClusterRole", "ClusterRoleBinding"}
    for kind in ("Role", "RoleBinding"):
        here = {one["metadata"]["namespace"] for one in _named(found, kind, "batchpoint-operator")}
        assert {"a", "b"} == here
    (first, _) = _named(found, "Role", "batchpoint-operator")
    assert _asked(access.RULES) == _granted(first) - OPTIONAL
    assert all("namespace" in one["metadata"] for one in found)


def test_the_operators_own_namespace_may_be_listed() -> None:
    """No two objects have the same name then."""
    found = chart.manifests({"watchNamespaces": [chart.NAMESPACE]})
    names = [(one["kind"], one["metadata"]["namespace"], one["metadata"]["name"]) for one in found]
    assert len(names) == len(set(names))


def test_every_binding_has_its_role() -> None:
    """In the same namespace, and for the operator's account."""
    for values in ({}, {"watchNamespaces": ["a"]}):
        found = chart.manifests(values)
        roles = {
            (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"])
            for one in found
            if one["kind"].endswith("Role")
        }
        for one in found:
            if one["kind"].endswith("Binding"):
                reference = one["roleRef"]
                place = one["metadata"].get("namespace")
                assert (reference["kind"], place, reference["name"]) in roles
                assert chart.NAMESPACE == one["subjects"][0]["namespace"]


def test_whoever_may_create_jobs_may_do_nothing_else() -> None:
    """Neither choose an image, nor write a status."""
    (role,) = _named(chart.manifests(), "ClusterRole", "batchpoint-job-creator")
    jobs = {("batchpoint.dev", "batchjobs", verb) for verb in ("create", "get", "list", "watch")}
    assert jobs == _granted(role)


@pytest.mark.parametrize(
    ("name", "reached"), [("view", {"view"}), ("edit", {"edit", "admin"}), ("job-creator", set())]
)
def test_roles_of_every_cluster_reach_our_kinds(name: str, reached: set[str]) -> None:
    """By the labels of aggregation; nobody becomes a creator by accident."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    (role,) = _named(chart.manifests(), "ClusterRole", f"batchpoint-{name}")
    labels = role["metadata"]["labels"]
    assert reached == {label.removeprefix(prefix) for label in labels if label.startswith(prefix)}
    (alone,) = _named(
        chart.manifests({"userRoles": {"aggregate": False}}), "ClusterRole", f"batchpoint-{name}"
    )
    assert [] == [label for label in alone["metadata"]["labels"] if label.startswith(prefix)]


def test_nobody_but_the_operator_writes_a_status() -> None:
    """And nobody has a right on all kinds by a star."""
    for one in chart.manifests():
        if one["kind"].endswith("Role") and "operator" not in one["metadata"]["name"]:
            assert not [right for right in _granted(one) if "/" in right[1] or "*" in right]


def test_roles_of_people_can_be_left_out() -> None:
    """Where somebody else decides about them."""
    found = chart.manifests({"userRoles": {"create": False}})
    assert ["batchpoint-operator"] == [
        one["metadata"]["name"] for one in chart.of_kind(found, "ClusterRole")
    ]


def test_roles_of_people_are_in_listed_namespaces() -> None:
    """With the same rules."""
    found = chart.manifests({"watchNamespaces": ["a"]})
    (role,) = _named(found, "Role", "batchpoint-view")
    (whole,) = _named(chart.manifests(), "ClusterRole", "batchpoint-view")
    assert ("a", whole["rules"]) == (role["metadata"]["namespace"], role["rules"])
