"""A few tries for each address: codes and tokens cannot be guessed by trying many."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from flask import request
from limits import RateLimitItemPerMinute

from jobs.sentences import say
from server.door.limiter import BACK, current_limiter, seconds_left
from server.errors import ApiError

TRIES = RateLimitItemPerMinute(5, namespace="tries")
"""Wrong tries of one address: a person mistypes a code twice, hardly five times."""


def take_try(what: str) -> None:
    """Count one try of this address, before it is looked at. Raises a 429 after too many.

    Counted before, so that many at once are not let through; one that was right is given back.
    """
    if not current_limiter().hit(TRIES, what, _network()):
        seconds = seconds_left(current_limiter().get_window_stats(TRIES, what, _network()))
        raise ApiError(
            429,
            "too-many-tries",
            say(
                "too-many-tries",
                "{tries} wrong tries were too many; come back in {seconds} s",
                tries=TRIES.amount,
                seconds=seconds,
            ),
            headers={"Retry-After": str(seconds)},
        )


def give_back(what: str) -> None:
    """The try was right, so it does not count."""
    current_limiter().hit(TRIES, what, _network(), cost=BACK)


def _network() -> str:
    """The address, or of IPv6 the /64 in which one machine can have as many as it likes."""
    try:
        parsed = ip_address(request.remote_addr or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return f"{int(parsed) >> 64:x}"
    return str(parsed)
