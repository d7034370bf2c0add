"""A few tries for each address: codes and tokens cannot be guessed by trying many."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import cast

from flask import request

from server.errors import ApiError
from server.resources import resources

TRIES = 5
"""Wrong tries of one address in a window: a person mistypes a code twice, hardly five times."""

WINDOW = 60
"""Seconds after the first try of a window in which the next begins."""


def take_try(what: str) -> None:
    """Count one try of this address, before it is looked at. Raises a 429 after too many.

    Counted before, so that many at once are not let through; one that was right is given back.
    """
    key = _key(what)
    with resources().redis.pipeline() as pipe:
        pipe.set(key, 0, ex=WINDOW, nx=True)
        pipe.incr(key)
        pipe.ttl(key)
        _, tries, left = cast("tuple[bool, int, int]", tuple(pipe.execute()))
    if tries > TRIES:
        seconds = max(1, left)
        raise ApiError(
            429,
            "too-many-tries",
            f"{TRIES} wrong tries were too many; come back in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )


def give_back(what: str) -> None:
    """The try was right, so it does not count."""
    resources().redis.decr(_key(what))


def _key(what: str) -> str:
    return f"darkroom:tries:{what}:{_network(request.remote_addr or 'unknown')}"


def _network(address: str) -> str:
    """The address, or of IPv6 the /64 in which one machine can have as many as it likes."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{int(parsed) >> 64:x}"
    return str(parsed)
