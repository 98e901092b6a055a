"""Metrics and alerts: on request, and about numbers that exist."""

from __future__ import annotations

import re

from batchpoint.metrics import Metrics
from support import chart
from support.chart import Manifest


def _with(**monitoring: Manifest | bool) -> list[Manifest]:
    return chart.manifests({"monitoring": monitoring})


def test_the_service_leads_to_the_operator() -> None:
    """To each replica by itself; it can be left out."""
    found = chart.manifests()
    service = chart.the_only(found, "Service")["spec"]
    selector = chart.the_only(found, "Deployment")["spec"]["selector"]["matchLabels"]
    assert ("None", selector) == (service["clusterIP"], service["selector"])
    assert [] == chart.of_kind(_with(service=False), "Service")


def test_a_service_monitor_is_there_on_request_and_has_its_service() -> None:
    """Never because a cluster happens to have the kind."""
    assert [] == chart.of_kind(chart.manifests(), "ServiceMonitor")
    found = _with(
        service=False, serviceMonitor={"enabled": True, "labels": {"x": "y"}, "interval": "5s"}
    )
    monitor = chart.the_only(found, "ServiceMonitor")
    service = chart.the_only(found, "Service")
    assert "y" == monitor["metadata"]["labels"]["x"]
    assert (
        monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    )
    (endpoint,) = monitor["spec"]["endpoints"]
    (port,) = service["spec"]["ports"]
    # Otherwise a scrape replaces the namespaces of jobs by that of the operator.
    assert {"port": port["name"], "interval": "5s", "honorLabels": True} == endpoint


def test_alerts_ask_for_numbers_that_the_operator_has() -> None:
    """A mistyped name would never fire."""
    assert [] == chart.of_kind(chart.manifests(), "PrometheusRule")
    found = _with(prometheusRule={"enabled": True, "labels": {"x": "y"}})
    rule = chart.the_only(found, "PrometheusRule")
    assert "y" == rule["metadata"]["labels"]["x"]
    metrics = Metrics()
    metrics.watch_queue(lambda: 0, lambda: 0.0)
    known = {
        name
        for family in metrics.registry.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_count")
    }
    (group,) = rule["spec"]["groups"]
    for alert in group["rules"]:
        asked = set(re.findall(r"batchpoint_\w+", alert["expr"]))
        assert asked
        assert asked <= known
        assert alert["annotations"]["summary"].endswith(".")


def test_words_of_alerts_name_what_they_are_about() -> None:
    """Prometheus' own placeholders come through Helm's."""
    rule = chart.the_only(_with(prometheusRule={"enabled": True}), "PrometheusRule")
    words = [alert["annotations"]["summary"] for alert in rule["spec"]["groups"][0]["rules"]]
    assert any("{{ $labels.endpoint }}" in word for word in words)
