"""Signed picture URLs: whoever has one may see that picture for a while, without a header."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from typing import cast

import itsdangerous
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from jobs.settings import settings
from jobs.shared_secret import shared_secret
from server.resources import of

EXTENSION = "darkroom_signer"

SECRET = "darkroom:signing_secret"

DAY = 24 * 3600
"""Seconds to which expiry is rounded up: for a day a picture has one URL, so caches hold it."""

KEPT = 2000
"""Signatures that a process keeps: pages ask for the same pictures' URLs all day."""

REFRESH = 60.0
"""Seconds after which the secret is read again, and put back should Redis have lost it."""


class Signer:
    """Signs and verifies the URLs of pictures with a secret that all replicas share."""

    def __init__(self, redis: Redis, lifetime: int) -> None:
        self._redis = redis
        self._lifetime = lifetime
        self._secret: bytes | None = None
        self._read_at = 0.0

    def query(self, image: str, expires: int | None = None, *, plain: bool = False) -> str:
        """The query string that opens this picture, until `expires` (seconds since 1970).

        Without it as long as the settings say. With `plain` it opens the picture without its
        recipe, and not with it. Raises RedisError before the first success.
        """
        if expires is None:
            expires = -(-(int(time.time()) + self._lifetime) // DAY) * DAY
        signature = _signature(self._current(), _message(image, expires, plain))
        return f"expires={expires}{'&plain=true' if plain else ''}&signature={signature}"

    def allows(self, image: str, expires: int, signature: str, *, plain: bool = False) -> bool:
        """Whether a URL with these values opens this picture now."""
        signer = _signer(self._current())
        return signer.verify_signature(_message(image, expires, plain), signature) and (
            expires > time.time()
        )

    def _current(self) -> bytes:
        if self._secret is None or time.monotonic() - self._read_at > REFRESH:
            try:
                self._secret = shared_secret(self._redis, SECRET, known=self._secret)
                self._read_at = time.monotonic()
            except RedisError:
                # Pictures that are in the store can be shown while Redis is away.
                if self._secret is None:
                    raise
        return self._secret


@lru_cache(1)
def _signer(secret: bytes) -> itsdangerous.Signer:
    return itsdangerous.Signer(
        secret, salt="picture", key_derivation="hmac", digest_method=hashlib.sha256
    )


@lru_cache(KEPT)
def _signature(secret: bytes, message: str) -> str:
    return _signer(secret).get_signature(message).decode()


def init_app(app: Flask) -> None:
    """Give the application its signer."""
    app.extensions[EXTENSION] = Signer(of(app).redis, settings().url_lifetime)


def current_signer() -> Signer:
    """The signer of the application that serves this request."""
    return cast("Signer", current_app.extensions[EXTENSION])


def _message(image: str, expires: int, plain: bool) -> str:
    return f"{image}?expires={expires}{'&plain' if plain else ''}"
