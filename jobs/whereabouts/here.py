"""Where the network finds this server: its addresses, its URLs, and by what it is trusted."""

from __future__ import annotations

import base64
import socket
import ssl
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import psutil

from jobs.settings import Settings
from jobs.whereabouts.addresses import EVERYWHERE, in_url, is_loopback

AUTHORITY = "ca.crt"
"""The certificate of the local authority, in the folder of TLS."""


def url(chosen: Settings, host: str) -> str:
    """The server's URL at one of its hosts."""
    scheme, usual = ("https", 443) if chosen.tls else ("http", 80)
    port = "" if chosen.port == usual else f":{chosen.port}"
    return f"{scheme}://{in_url(host.strip('[]'))}{port}"


def addresses(chosen: Settings) -> list[str]:
    """The URLs at which devices of the network reach the server, the likeliest first."""
    if chosen.public_url:
        return [chosen.public_url]
    if is_loopback(chosen.host):
        return []
    hosts = lan_addresses() if chosen.host in EVERYWHERE else [chosen.host]
    return [url(chosen, host) for host in hosts]


def lan_addresses() -> list[str]:
    """The IPv4 addresses by which other machines of the network may reach this one.

    The one that leads to other networks comes first: that is where the phones are.
    """
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    found = [
        address.address
        for name, found_there in psutil.net_if_addrs().items()
        for address in found_there
        if name in up and address.family == socket.AF_INET
        # A container bridge is no way in from the network.
        if not is_loopback(address.address) and not name.startswith(("docker", "br-", "veth"))
    ]
    return sorted(found, key=lambda address: address != _main_address())


def fingerprint(folder: Path) -> str:
    """The SHA-256 of the authority's certificate in base64url, short enough for a QR code."""
    certificate = ssl.PEM_cert_to_DER_cert((folder / AUTHORITY).read_text())
    return base64.urlsafe_b64encode(sha256(certificate).digest()).decode().rstrip("=")


def _main_address() -> str | None:
    # A datagram socket is bound to the way it would take; nothing is sent (RFC 5737's address).
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("198.51.100.1", 9))
        return probe.getsockname()[0]
    return None
