"""The Prefer header is a wish: what is understood is granted, the rest ignored."""

from __future__ import annotations

import pytest

from server.requests import prefer


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=10", 10),
        ("WAIT=10", 10),
        ("respond-async, wait=10", 10),
        ("wait=10; foo=bar", 10),
        ('wait="10"', 10),
        ("wait = 10", 10),
        ("wait=0", 0),
        ("wait=3600", 60),
        ("wait=" + "9" * 5000, 60),
        ("", None),
        (None, None),
        ("wait", None),
        ("wait=", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=soon", None),
        ("wait=\u0663", None),
        ("return=minimal", None),
    ],
)
def test_only_whole_seconds_are_waited(header: str | None, seconds: int | None):
    assert prefer.wait(header) == seconds
