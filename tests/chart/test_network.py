"""Network policies: on request, and no wider than what is needed."""

from __future__ import annotations

import pytest

from batchpoint.api.meta import JOB_LABEL
from support import chart
from support.chart import Manifest


def _policy(values: Manifest) -> Manifest:
    found = chart.manifests({"networkPolicies": values})
    spec: Manifest = chart.the_only(found, "NetworkPolicy")["spec"]
    return spec


def _instances(**more: object) -> Manifest:
    return _policy({"instances": {"enabled": True, "namespaces": ["scoring"], **more}})


def test_there_are_none_unless_asked_for() -> None:
    """A policy in a namespace that had none changes what else works there."""
    assert [] == chart.of_kind(chart.manifests(), "NetworkPolicy")


def test_the_operator_reaches_what_it_needs() -> None:
    """Names, the API server, and the progress of instances."""
    spec = _policy({"operator": {"enabled": True}})
    names, api_server, instances = spec["egress"]
    assert {53} == {port["port"] for port in names["ports"]}
    assert [443, 6443] == [port["port"] for port in api_server["ports"]]
    assert "to" not in api_server
    (peer,) = instances["to"]
    assert {"matchExpressions": [{"key": JOB_LABEL, "operator": "Exists"}]} == peer["podSelector"]
    assert [{"ports": [{"port": 8080, "protocol": "TCP"}]}] == spec["ingress"]


def test_the_api_server_can_be_named() -> None:
    """By its addresses, since it is no pod."""
    spec = _policy(
        {
            "operator": {
                "enabled": True,
                "apiServerCidrs": ["10.0.0.1/32"],
                "apiServerPorts": [6443],
            }
        }
    )
    assert {
        "ports": [{"port": 6443, "protocol": "TCP"}],
        "to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
    } == spec["egress"][1]


def test_only_the_operator_reaches_instances() -> None:
    """In each namespace that is named; what they reach themselves is left alone."""
    spec = _instances()
    selector = chart.the_only(chart.manifests(), "Deployment")["spec"]["selector"]
    assert ["Ingress"] == spec["policyTypes"]
    assert "egress" not in spec
    assert [
        {
            "ports": [{"port": 8080, "protocol": "TCP"}],
            "from": [
                {
                    "namespaceSelector": {
                        "matchLabels": {"kubernetes.io/metadata.name": chart.NAMESPACE}
                    },
                    "podSelector": selector,
                }
            ],
        }
    ] == spec["ingress"]


def test_others_can_be_let_in() -> None:
    """Such as a Prometheus."""
    other = {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}
    (rule,) = _instances(alsoFrom=[other])["ingress"]
    assert other == rule["from"][1]


@pytest.mark.parametrize(
    ("blocked", "old", "new"),
    [
        (["169.254.169.254/32"], ["169.254.169.254/32"], []),
        (["10.0.0.0/8", "fd00:ec2::254/128"], ["10.0.0.0/8"], ["fd00:ec2::254/128"]),
        ([], [], []),
    ],
)
def test_instances_can_be_kept_from_the_metadata_server(
    blocked: list[str], old: list[str], new: list[str]
) -> None:
    """Addresses of both kinds are taken out where they belong."""
    spec = _instances(limitEgress=True, blockedCidrs=blocked)
    assert ["Ingress", "Egress"] == spec["policyTypes"]
    (rule,) = spec["egress"]
    pods, four, six = rule["to"]
    assert {"namespaceSelector": {}} == pods
    assert {"ipBlock": {"cidr": "0.0.0.0/0", "except": old}} == four
    assert {"ipBlock": {"cidr": "::/0", "except": new}} == six


def test_without_a_word_both_addresses_of_the_metadata_server_are_blocked() -> None:
    """A node that has the second one gives the same identity there."""
    (rule,) = _instances(limitEgress=True)["egress"]
    blocked = [each["ipBlock"]["except"] for each in rule["to"] if "ipBlock" in each]
    assert [["169.254.169.254/32"], ["fd00:ec2::254/128"]] == blocked


def test_each_namespace_gets_a_policy() -> None:
    """By the same name."""
    found = chart.manifests(
        {"networkPolicies": {"instances": {"enabled": True, "namespaces": ["a", "b"]}}}
    )
    assert [("a", "batchpoint-instances"), ("b", "batchpoint-instances")] == [
        (one["metadata"]["namespace"], one["metadata"]["name"])
        for one in chart.of_kind(found, "NetworkPolicy")
    ]
