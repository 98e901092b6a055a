"""One certificate authority, and a certificate for every component: as on a cluster of several machines.

So authentication, RBAC, the Node authorizer, TokenReview, and the tokens of pods are the real thing.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluster import addresses

VALID = datetime.timedelta(days=30)
"""Longer than any cluster for tests lives."""

AUTHORITY = "ca"
SERVICE_ACCOUNTS = "service-accounts"
"""The pair of keys with which tokens of service accounts are signed and checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """Whom a certificate names."""

    user: str
    group: str | None = None
    names: Sequence[str] = ()
    """Host names and addresses under which it serves; none for a client."""


LEAVES = {
    "admin": Leaf(user="admin", group="system:masters"),
    "kube-apiserver": Leaf(
        user="kube-apiserver",
        names=(
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{addresses.DOMAIN}",
            "localhost",
            "127.0.0.1",
            addresses.NODE_IP,
            addresses.API_SERVICE_IP,
        ),
    ),
    "kube-apiserver-kubelet-client": Leaf(user="kube-apiserver", group="system:masters"),
    "kube-controller-manager": Leaf(user="system:kube-controller-manager"),
    "kube-proxy": Leaf(user="system:kube-proxy"),
    "kube-scheduler": Leaf(user="system:kube-scheduler"),
    "kubelet": Leaf(
        user=f"system:node:{addresses.NODE}",
        group="system:nodes",
        names=(addresses.NODE, addresses.NODE_IP),
    ),
}
"""Every certificate, by the name of its files ``<name>.crt`` and ``<name>.key``."""


def write(folder: Path, now: datetime.datetime) -> None:
    """Write the authority, every leaf, and the keys of service accounts into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority_name = _name("batchpoint-tests", None)
    authority = (
        _builder(authority_name, authority_name, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    _write_certificate(folder / f"{AUTHORITY}.crt", authority)
    _write_key(folder / f"{AUTHORITY}.key", authority_key)
    for name, leaf in LEAVES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        _write_key(folder / f"{name}.key", key)
        _write_certificate(folder / f"{name}.crt", issue(leaf, key, authority, authority_key, now))
    tokens = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _write_key(folder / f"{SERVICE_ACCOUNTS}.key", tokens)
    (folder / f"{SERVICE_ACCOUNTS}.pub").write_bytes(
        tokens.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def issue(
    leaf: Leaf,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> x509.Certificate:
    """Return the certificate of a leaf, good for a client and, if it has names, for a server."""
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = _builder(_name(leaf.user, leaf.group), authority.subject, key, now)
    if leaf.names:
        uses.append(ExtendedKeyUsageOID.SERVER_AUTH)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_alternative(name) for name in leaf.names]),
            critical=False,
        )
    return builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False).sign(
        authority_key, hashes.SHA256()
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # An hour of grace for clocks that differ.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + VALID)
    )


def _name(user: str, group: str | None) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
    if group:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(attributes)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
