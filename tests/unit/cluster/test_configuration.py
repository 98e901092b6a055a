"""Files and command lines of the cluster agree with each other."""

from __future__ import annotations

import base64
import datetime
import ipaddress
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from cluster import addresses, binaries, certificates, configuration
from cluster.configuration import Limits
from cluster.paths import State

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
STATE = State(Path("/state"))
COMPONENTS = {each.name: each for each in configuration.components(STATE, Limits.RAISED)}


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A cluster with certificates."""
    state = State(tmp_path)
    certificates.write(state.certificates, NOW)
    return state


def test_every_file_that_a_component_reads_is_written(state: State) -> None:
    """No command line names a configuration, key or certificate that nobody makes."""
    written = {*configuration.files(state), *state.certificates.iterdir()}
    arguments = [
        argument
        for each in configuration.components(state, Limits.RAISED)
        for argument in each.arguments
    ]
    named = {
        Path(match[0])
        for argument in arguments
        for match in re.finditer(rf"{re.escape(str(state.root))}/(etc|pki)/\S+", argument)
    }
    assert set() == named - written
    assert len(named) > 10


def test_containerd_is_configured_below_the_state() -> None:
    """Nothing of it is where a container runtime of the machine would be."""
    parsed = tomllib.loads(configuration.containerd(STATE))
    assert "/state/containerd" == parsed["root"]
    assert "/state/run/containerd" == parsed["state"]
    assert "/state/run/containerd.sock" == parsed["grpc"]["address"]


def test_kubelet_talks_to_the_containerd_that_is_started() -> None:
    """Both name the same socket."""
    socket = tomllib.loads(configuration.containerd(STATE))["grpc"]["address"]
    assert f"unix://{socket}" == configuration.kubelet(STATE)["containerRuntimeEndpoint"]


def test_pods_ask_the_name_server_that_is_started() -> None:
    """Its address is what the kubelet writes into pods."""
    assert f"bind {addresses.NODE_IP}" in configuration.corefile(STATE)
    assert [addresses.NODE_IP] == configuration.kubelet(STATE)["clusterDNS"]


def test_addresses_are_of_their_ranges() -> None:
    """Fixed addresses of Services are in the range of Services, which is not that of pods."""
    services = ipaddress.ip_network(addresses.SERVICE_RANGE)
    assert not services.overlaps(ipaddress.ip_network(addresses.POD_RANGE))
    assert ipaddress.ip_address(addresses.OBJECT_STORE_IP) in services
    assert ipaddress.ip_address(addresses.API_SERVICE_IP) == next(services.hosts())
    link = ipaddress.ip_interface(f"{addresses.HOST_IP}/{addresses.CARD_PREFIX}").network
    assert ipaddress.ip_address(addresses.NODE_IP) in link


def test_components_start_after_what_they_need() -> None:
    """The API server after its database; everything that connects to it afterwards."""
    names = list(COMPONENTS)
    server = names.index("kube-apiserver")
    assert {"containerd", "etcd"} == set(names[:server])


def test_every_component_is_in_the_binary_or_of_the_distribution() -> None:
    """Each has a link of its name, or names its program."""
    without = {name for name, each in COMPONENTS.items() if each.program is None}
    assert set() == without - set(configuration.PROGRAMS_OF_KUBERNETES)


def test_links_are_programs_of_the_binary() -> None:
    """What is linked is what main.go dispatches."""
    source = (binaries.SOURCES / "kubernetes" / "main.go").read_text()
    dispatched = set(re.findall(r'^\t"([a-z-]+)": ', source, re.MULTILINE))
    assert set(configuration.PROGRAMS_OF_KUBERNETES) == dispatched


@pytest.mark.parametrize(("limits", "expected"), [(Limits.DEFAULT, False), (Limits.RAISED, True)])
def test_limits_of_the_controller_manager_can_stay(limits: Limits, expected: bool) -> None:
    """A measurement needs those that real clusters have."""
    components = configuration.components(STATE, limits)
    arguments = [argument for each in components for argument in each.arguments]
    assert expected == any(argument.startswith("--kube-api-qps") for argument in arguments)


def test_health_is_asked_at_the_node() -> None:
    """Loopback of the node cannot be reached from the host."""
    assert [] == [name for name, each in COMPONENTS.items() if addresses.NODE_IP not in each.health]


def test_kubeconfig_needs_no_other_file(state: State) -> None:
    """It can be copied anywhere: authority, certificate and key are in it."""
    text = configuration.files(state)[state.kubeconfig]
    parsed = yaml.safe_load(text)
    user = parsed["users"][0]["user"]
    authority = parsed["clusters"][0]["cluster"]["certificate-authority-data"]
    assert (state.certificates / "ca.crt").read_bytes() == base64.b64decode(authority)
    assert (state.certificates / "admin.crt").read_bytes() == base64.b64decode(
        user["client-certificate-data"]
    )
    assert str(state.root) not in text
