"""Limits on requests, and how every limit is told: 429 with the headers of the IETF's draft.

The fields are those of draft-ietf-httpapi-ratelimit-headers from its eighth version on. What
Flask-Limiter counts and tells is requests in the fields of older drafts; jobs and pictures that are
counted together, and given back, are not for it, so quotas.py counts them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from flask import Flask, Response, g, request

from jobs.queue.quotas import Quota, QuotaExceeded, count_request
from server.door.auth import caller, is_public
from server.errors import ApiError, respond
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


def _count() -> None:
    if not is_public() and request.endpoint not in NOT_COUNTED:
        g.quotas = count_request(resources().redis, caller().lane)


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
