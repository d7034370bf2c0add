"""Applications that are put together once: that takes as long as a dozen of the tests on them."""

from __future__ import annotations

from flask import Flask

from jobs.settings import Settings, settings
from server.app import create_app
from server.resources import of


class Apps:
    """One application for each choice of settings that a test process meets.

    What is kept between requests is in Redis and in the image store, which tests empty. A test that
    closes or changes its application makes one of its own.
    """

    def __init__(self) -> None:
        self._kept: list[tuple[Settings, str, str, Flask]] = []

    def one(self, redis_url: str, images: str) -> Flask:
        """The application with the settings of this moment."""
        chosen = settings()
        for having, url, folder, app in self._kept:
            if (having, url, folder) == (chosen, redis_url, images):
                return app
        app: Flask = create_app(redis_url, images)
        self._kept.append((chosen, redis_url, images, app))
        return app

    def close(self) -> None:
        for *_, app in self._kept:
            of(app).close()
