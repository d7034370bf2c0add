"""Secrets that every process agrees on: made at first need, kept in Redis."""

from __future__ import annotations

import secrets
from typing import cast

from redis import Redis


def shared_secret(connection: Redis, key: str) -> bytes:
    """The secret under this key: of many that ask first, one makes it and all get the same."""
    there = cast("bytes | None", connection.get(key))
    if there is None:
        connection.set(key, secrets.token_hex(32), nx=True)
        there = cast("bytes", connection.get(key))
    return there
