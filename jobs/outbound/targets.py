"""To which addresses this server sends what its callers ask for, and to no others.

A caller who names a URL must not make the server talk to what only the server can reach: itself,
the router's admin page, a cloud's metadata service. A name is resolved once, every address it has
is checked, and the connection goes to the very address that was checked, so a name that changes
its address in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from jobs.sentences import say

MAX_URL = 2000
"""Characters of a URL; what is longer is refused by many servers."""

RESOLVE = 3.0
"""Seconds a name may take to resolve: the caller waits for it."""

NAT64 = IPv6Network("64:ff9b::/96")
"""Addresses that a gateway translates to the IPv4 address in their last four bytes (RFC 6052)."""

TUNNELS = tuple(
    IPv6Network(each) for each in ("64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "fec0::/10")
)
"""Ways to write an IPv4 address, or a private one, that no receiver of ours needs: local NAT64,
6to4, Teredo, IPv4-compatible, site-local."""

_resolvers = ThreadPoolExecutor(8, thread_name_prefix="resolve")

Address = IPv4Address | IPv6Address


class Refused(Exception):
    """This URL is not one to which the server sends anything; the sentence says why."""


class Unresolved(Refused):
    """Nobody knows the address of this host just now."""


@dataclass(frozen=True)
class Target:
    """A URL that was checked, and the address that was checked with it."""

    parts: SplitResult
    host: str
    port: int
    address: str

    @property
    def path(self) -> str:
        """Path and query, as a request has them."""
        query = f"?{self.parts.query}" if self.parts.query else ""
        return (self.parts.path or "/") + query

    @property
    def origin(self) -> str:
        """Whom a secret is for: scheme, host and port."""
        return f"{self.parts.scheme}://{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """What of the URL may be shown and logged: a path or a query may be a secret."""
        return place(self.parts.geturl())


@dataclass(frozen=True)
class Allowed:
    """What the operator allows beyond the public internet, by a setting: networks, host names."""

    networks: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    setting: str = "WEBHOOK_ALLOW"

    @classmethod
    def parse(cls, names: Iterable[str], setting: str = "WEBHOOK_ALLOW") -> Allowed:
        """From networks, addresses and host names, as they stand in a setting."""
        networks: list[str] = []
        hosts: list[str] = []
        for each in names:
            try:
                networks.append(str(ip_network(each, strict=False)))
            except ValueError:
                hosts.append(each.lower().rstrip("."))
        return cls(tuple(networks), tuple(hosts), setting)

    def address(self, address: Address) -> bool:
        """Whether an address is in one of the networks."""
        networks = [ip_network(each) for each in self.networks]
        return any(address in each for each in networks if each.version == address.version)

    def literal(self, address: str) -> bool:
        """Whether an address, as text, is in one of the networks."""
        return self.address(_unwrapped(ip_address(address)))


def place(url: str) -> str:
    """Scheme, host and port of a URL, or a word for one that has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "(no URL)"
    name = f"[{host}]" if host and ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def check(url: str, allowed: Allowed) -> Target:
    """The target of a URL to which this server may send. Raises Refused, saying why not."""
    parts, host, port = _split(url)
    addresses = _resolve(host, port)
    if host not in allowed.hosts:
        for each in addresses:
            if not _public(each) and not allowed.address(_unwrapped(each)):
                # Not which one: the caller may not know this network's names.
                raise Refused(
                    say(
                        "private-address",
                        "{host} leads to an address that is not on the public internet; the"
                        " server's operator may allow it with {setting}",
                        host=host,
                        setting=allowed.setting,
                    )
                )
    return Target(parts, host, port, str(addresses[0]))


def _split(url: str) -> tuple[SplitResult, str, int]:
    if len(url) > MAX_URL:
        raise Refused(f"has more than {MAX_URL} characters")
    if not url.isascii() or any(each <= " " or each == "\x7f" for each in url) or "\\" in url:
        raise Refused("must be ASCII without spaces, control characters and backslashes")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Refused(f"is not a URL: {error}") from None
    if parts.scheme not in ("http", "https"):
        raise Refused("must begin with http:// or https://")
    if not host:
        raise Refused("names no host")
    if parts.username is not None or parts.password is not None:
        raise Refused("must not contain a user name or a password")
    if port == 0:
        raise Refused("names port 0")
    # A fragment is for browsers, it is never sent.
    return parts, host.rstrip("."), port or (443 if parts.scheme == "https" else 80)


def _resolve(host: str, port: int) -> list[Address]:
    lookup = _resolvers.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        found = lookup.result(RESOLVE)
    except FutureTimeout:
        lookup.cancel()
        raise Unresolved(
            say(
                "unresolved-in-time",
                "{host} could not be resolved within {seconds:g} s",
                host=host,
                seconds=RESOLVE,
            )
        ) from None
    except (OSError, UnicodeError):
        raise Unresolved(say("unresolved", "{host} could not be resolved", host=host)) from None
    addresses = list(dict.fromkeys(ip_address(str(each[4][0]).split("%")[0]) for each in found))
    if not addresses:
        raise Refused(f"{host} has no address")
    return addresses


def _public(address: Address) -> bool:
    plain = _unwrapped(address)
    if isinstance(plain, IPv6Address) and any(plain in each for each in TUNNELS):
        return False
    return plain.is_global and not plain.is_multicast and not plain.is_reserved


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that only carries it."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
