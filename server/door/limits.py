"""Limits on requests, and how every limit is told: 429 with the headers of the IETF's draft.

The fields are those of draft-ietf-httpapi-ratelimit-headers from its eighth version on, which
Flask-Limiter does not write; and one script counts and tells what its library asks for one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flask import Flask, Response, g, request
from redis.exceptions import RedisError

from jobs.connection import is_disk_full
from jobs.quota import Quota, QuotaExceeded
from jobs.sentences import say
from jobs.settings import settings
from server.door.auth import caller, is_public
from server.door.limiter import MINUTE, Window, count_in
from server.errors import ApiError, respond
from server.outages import is_full
from server.resources import resources

NOT_COUNTED = frozenset(("health.ready",))
"""What tells whether a job would run; nor is what is public, and pairing counts tries by itself."""


def init_app(app: Flask) -> None:
    """Count each request that came through the door."""
    app.before_request(_count)
    app.after_request(_tell)
    app.register_error_handler(QuotaExceeded, _exceeded)


def fields(quotas: Sequence[Quota]) -> dict[str, str]:
    """The headers that tell of some limits."""
    return {
        "RateLimit-Policy": ", ".join(_policy(each) for each in quotas),
        "RateLimit": ", ".join(_state(each) for each in quotas),
    }


def count_request(whose: str) -> list[Quota]:
    """Count one request of a caller; returns the limits that there are. Raises QuotaExceeded.

    A request that one limit refuses costs nothing of another.
    """
    windows = _windows(whose)
    if not windows:
        return []
    refusing, stand = count_in(resources().redis, windows)
    quotas = [
        Quota(each.name, each.limit, "requests", each.left, MINUTE, each.reset) for each in stand
    ]
    if refusing is None:
        return quotas
    full = quotas[refusing]
    of = "of one caller" if full.name == "requests" else "of all callers"
    template = f"{{limit}} requests {of} in a minute are the limit"
    said = say(f"quota-{full.name}", template, limit=full.limit)
    raise QuotaExceeded(full, said, full.reset or 1, quotas)


def _count() -> None:
    if not is_public() and request.endpoint not in NOT_COUNTED:
        try:
            g.quotas = count_request(caller().account)
        except RedisError as error:
            # It counts nothing then, and refuses by itself whatever takes more.
            if not (is_full(error) or is_disk_full(error)):
                raise


def _tell(response: Response) -> Response:
    quotas = cast("list[Quota]", g.get("quotas", []))
    if quotas and "RateLimit" not in response.headers:
        response.headers.extend(fields(quotas))
    return response


def _exceeded(error: QuotaExceeded) -> Response:
    headers = {"Retry-After": str(error.retry_after), **fields(error.quotas)}
    return respond(ApiError(429, "quota-exceeded", str(error), headers=headers))


def _policy(quota: Quota) -> str:
    unit = "" if quota.unit == "requests" else f';qu="{quota.unit}"'
    window = f";w={quota.window}" if quota.window else ""
    return f'"{quota.name}";q={quota.limit}{unit}{window}'


def _state(quota: Quota) -> str:
    reset = f";t={quota.reset}" if quota.reset else ""
    return f'"{quota.name}";r={quota.left}{reset}'


def _windows(whose: str) -> list[Window]:
    """Each limit on requests that there is, and of whom it counts."""
    chosen = settings()
    return [
        Window(name, who, limit)
        for name, who, limit in (
            ("requests", whose, chosen.requests_per_minute),
            ("requests-total", "all", chosen.requests_per_minute_total),
        )
        if limit
    ]
