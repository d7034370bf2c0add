"""Signed picture URLs: whoever has one may see that picture for a while, without a header."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import cast

from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from jobs.settings import settings
from server.resources import of

EXTENSION = "darkroom_signer"

SECRET = "darkroom:signing_secret"

DAY = 24 * 3600
"""Seconds to which expiry is rounded up: for a day a picture has one URL, so caches hold it."""

REFRESH = 60.0
"""Seconds after which the secret is read again, should Redis have been emptied meanwhile."""


class Signer:
    """Signs and verifies the URLs of pictures with a secret that all replicas share."""

    def __init__(self, redis: Redis, lifetime: int) -> None:
        self._redis = redis
        self._lifetime = lifetime
        self._secret: bytes | None = None
        self._read_at = 0.0

    def query(self, image: str) -> str:
        """The query string that opens this picture. Raises RedisError before the first success."""
        expires = -(-(int(time.time()) + self._lifetime) // DAY) * DAY
        return f"expires={expires}&signature={self._signature(image, expires)}"

    def allows(self, image: str, expires: int, signature: str) -> bool:
        """Whether a URL with these values opens this picture now."""
        right = self._signature(image, expires)
        return hmac.compare_digest(right.encode(), signature.encode()) and expires > time.time()

    def _signature(self, image: str, expires: int) -> str:
        message = f"{image}?expires={expires}".encode()
        return hmac.new(self._shared_secret(), message, hashlib.sha256).hexdigest()

    def _shared_secret(self) -> bytes:
        if self._secret is None or time.monotonic() - self._read_at > REFRESH:
            try:
                self._secret = self._agree()
                self._read_at = time.monotonic()
            except RedisError:
                # Pictures that are in the store can be shown while Redis is away.
                if self._secret is None:
                    raise
        return self._secret

    def _agree(self) -> bytes:
        there = cast("bytes | None", self._redis.get(SECRET))
        if there is None:
            self._redis.set(SECRET, secrets.token_hex(32), nx=True)
            there = cast("bytes", self._redis.get(SECRET))
        return there


def init_app(app: Flask) -> None:
    """Give the application its signer."""
    app.extensions[EXTENSION] = Signer(of(app).redis, settings().url_lifetime)


def current_signer() -> Signer:
    """The signer of the application that serves this request."""
    return cast("Signer", current_app.extensions[EXTENSION])
