"""The Prefer header (RFC 7240), of which `wait` is understood."""

from __future__ import annotations

from werkzeug.http import parse_dict_header

LONGEST = 60
"""Seconds that a request is held at most, below the time-outs of the proxies in between."""


def wait(prefer: str | None) -> int | None:
    """Seconds the caller would wait for the result, at most LONGEST; None without that wish.

    What cannot be understood is ignored, as the RFC asks.
    """
    wishes = {
        name.strip().lower(): value
        for name, value in parse_dict_header((prefer or "").replace(";", ",")).items()
    }
    seconds = (wishes.get("wait") or "").strip()
    if not (seconds.isascii() and seconds.isdigit()):
        return None
    return min(LONGEST, int(seconds[:6]))
