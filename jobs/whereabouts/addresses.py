"""The addresses on which the API listens, and which of them only this machine can reach."""

from __future__ import annotations

import ipaddress
import socket

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What stands for every address of a machine, and where the machine itself then finds it."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def in_url(host: str) -> str:
    """A host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def local_host(host: str) -> str:
    """The address at which this machine reaches what listens on `host`, ready for a URL."""
    if host in EVERYWHERE:
        return in_url(EVERYWHERE[host])
    return in_url(host) if is_loopback(host) else "127.0.0.1"


def listening(host: str) -> list[str]:
    """The hosts to bind for a setting of HOST.

    One address of a network has loopback with it: only there is the machine's owner known as such.
    """
    if host in EVERYWHERE or is_loopback(host) or _leads_to_loopback(host):
        return [host]
    return [host, "127.0.0.1"]


def _leads_to_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return any(address[0] == "127.0.0.1" for *_, address in found)
