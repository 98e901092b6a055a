"""Certificates name whom RBAC and the Node authorizer expect."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster import addresses, certificates

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all certificates."""
    folder = tmp_path_factory.mktemp("pki")
    certificates.write(folder, NOW)
    return folder


def read(folder: Path, name: str) -> x509.Certificate:
    """Return a certificate."""
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


@pytest.mark.parametrize("name", certificates.LEAVES)
def test_every_leaf_is_of_the_authority(folder: Path, name: str) -> None:
    """It is signed by it, and its key is the one beside it."""
    leaf = read(folder, name)
    leaf.verify_directly_issued_by(read(folder, certificates.AUTHORITY))
    key = serialization.load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    assert key.public_key() == leaf.public_key()


def test_kubelet_is_a_node(folder: Path) -> None:
    """The Node authorizer reads the node's name from the user, and wants the group."""
    subject = read(folder, "kubelet").subject
    user = subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    group = subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value
    assert (f"system:node:{addresses.NODE}", "system:nodes") == (user, group)


def test_api_server_is_known_to_pods_and_to_the_host(folder: Path) -> None:
    """Pods call it by its Service, the host by the node's address."""
    names = (
        read(folder, "kube-apiserver")
        .extensions.get_extension_for_class(x509.SubjectAlternativeName)
        .value
    )
    assert "kubernetes.default.svc" in names.get_values_for_type(x509.DNSName)
    found = set(map(str, names.get_values_for_type(x509.IPAddress)))
    assert {addresses.NODE_IP, addresses.API_SERVICE_IP} <= found


@pytest.mark.parametrize(
    ("name", "serves"), [("admin", False), ("kube-apiserver", True), ("kubelet", True)]
)
def test_only_servers_may_serve(folder: Path, name: str, serves: bool) -> None:
    """A client's certificate is good for nothing else."""
    uses = read(folder, name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert serves == (ExtendedKeyUsageOID.SERVER_AUTH in uses)


def test_keys_are_for_their_owner_alone(folder: Path) -> None:
    """Whoever reads the authority's key is administrator."""
    assert set() == {path.name for path in folder.glob("*.key") if path.stat().st_mode & 0o077}
