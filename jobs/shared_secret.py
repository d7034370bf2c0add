"""Secrets that every process agrees on: made at first need, kept in Redis."""

from __future__ import annotations

import secrets
from typing import cast

from redis import Redis


def shared_secret(connection: Redis, key: str, known: bytes | None = None) -> bytes:
    """The secret under this key: of many that ask first, one makes it and all get the same.

    `known` is what the caller has had here before: where Redis has lost it since, it is put back,
    so that what was signed with it stays good.
    """
    there = cast("bytes | None", connection.get(key))
    if there is None:
        connection.set(key, known or secrets.token_hex(32), nx=True)
        there = cast("bytes", connection.get(key))
    return there
