"""https without anybody else: a local certificate authority, and the server's certificate by it.

A phone is told once to trust the authority. The authority's own certificate says that it speaks for
private networks and this machine's names only, so that whoever stole its key could not pass for a
bank.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from jobs.whereabouts.here import AUTHORITY

AUTHORITY_DAYS = 3650

SERVER_DAYS = 397
"""What browsers take at most of a certificate, also of one that its user trusts by hand."""

RENEW_DAYS = 30
"""Days before the end at which a certificate is made anew."""

AUTHORITY_KEY, SERVER = "ca.key", "server.pem"

PRIVATE = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "fc00::/7",
    "fe80::/10",
    "::1/128",
]
"""Networks that are nobody else's."""

LOCAL_NAMES = ("localhost", "local", "home.arpa", "internal", "lan")
"""Domains that are nobody else's, or have no meaning outside."""


def ensure(folder: Path, hosts: Sequence[str], now: datetime | None = None) -> bool:
    """Have a certificate for these names and addresses in `folder`; True if it was made anew.

    What is there stays while it names them all and has a month to go, and so does the authority
    that devices trust. `server.pem` has the key, the certificate and the authority's.
    """
    now = now or datetime.now(UTC)
    names = [_name(host) for host in dict.fromkeys(hosts) if _fits(host)]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = _read_authority(folder)
    if authority is None or _ends_soon(authority[1], now) or not _permits(authority[1], names):
        authority = _make_authority(folder, hosts[0], names, now)
    key, certificate = authority
    there = _read(folder / SERVER)
    if there and not _ends_soon(there, now) and _names(there) >= set(names):
        try:
            there.verify_directly_issued_by(certificate)
        except (InvalidSignature, ValueError):
            pass
        else:
            return False
    _make_server(folder, key, certificate, names, now)
    return True


def shown_fingerprint(folder: Path) -> str:
    """The authority's SHA-256 fingerprint as a browser or a phone shows it."""
    certificate = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def trusting(folder: Path) -> ssl.SSLContext:
    """What a client on this machine connects with: the usual authorities, and this one."""
    context = httpx.create_ssl_context()
    if (folder / AUTHORITY).exists():
        context.load_verify_locations(folder / AUTHORITY)
    return context


def _make_authority(
    folder: Path, title: str, names: list[x509.GeneralName], now: datetime
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Darkroom"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Darkroom on {title}"[:64]),
        ]
    )
    certificate = (
        _builder(name, name, key, AUTHORITY_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(_domains(names), None), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / AUTHORITY_KEY, _pem(key))
    _write(folder / AUTHORITY, certificate.public_bytes(Encoding.PEM), mode=0o644)
    return key, certificate


def _make_server(
    folder: Path,
    authority_key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    names: list[x509.GeneralName],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Darkroom")])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    certificate = (
        _builder(subject, authority.subject, key, SERVER_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    chain = certificate.public_bytes(Encoding.PEM) + authority.public_bytes(Encoding.PEM)
    _write(folder / SERVER, _pem(key) + chain)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A phone's clock may be behind.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days - 1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _domains(names: list[x509.GeneralName]) -> list[x509.GeneralName]:
    """All that the authority may speak for: what is private, and this machine's names."""
    own: list[x509.GeneralName] = [x509.DNSName(name) for name in LOCAL_NAMES]
    own += [x509.IPAddress(ipaddress.ip_network(network)) for network in PRIVATE]
    for name in names:
        if isinstance(name, x509.IPAddress):
            name = x509.IPAddress(ipaddress.ip_network(name.value))
        elif isinstance(name, x509.DNSName):
            name = x509.DNSName(name.value.removeprefix("*."))
        if not _is_within(name, own):
            own.append(name)
    return own


def _permits(authority: x509.Certificate, names: list[x509.GeneralName]) -> bool:
    try:
        found = authority.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return False
    permitted = found.permitted_subtrees or []
    return all(_is_within(name, permitted) for name in names)


def _is_within(name: x509.GeneralName, domains: Sequence[x509.GeneralName]) -> bool:
    if isinstance(name, x509.DNSName):
        return any(
            isinstance(each, x509.DNSName) and f".{name.value}".endswith(f".{each.value}")
            for each in domains
        )
    address = ipaddress.ip_network(name.value)
    networks = (ipaddress.ip_network(each.value) for each in domains if _is_address(each))
    return any(
        address.version == network.version
        and address.network_address in network
        and address.prefixlen >= network.prefixlen
        for network in networks
    )


def _is_address(name: x509.GeneralName) -> bool:
    return isinstance(name, x509.IPAddress)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(f"*{host}" if host.startswith(".") else host)


def _fits(host: str) -> bool:
    # A certificate has names as they go over the wire.
    return bool(host) and host.isascii()


def _names(certificate: x509.Certificate) -> set[x509.GeneralName]:
    try:
        return set(
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return set()


def _ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_after_utc - now < timedelta(days=RENEW_DAYS)


def _read_authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None:
    certificate = _read(folder / AUTHORITY)
    try:
        key = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
    except (FileNotFoundError, ValueError):
        return None
    if certificate is None or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    # Half of a pair that was cut off while it was written is none.
    return (key, certificate) if key.public_key() == certificate.public_key() else None


def _read(file: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (FileNotFoundError, ValueError):
        return None


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(file: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file at once: it is read for each connection."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as opened:
        opened.write(data)
    new.replace(file)
