"""The looks at the queue that an application's requests share."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from jobs.lists.looks import Looks
from server.resources import of

EXTENSION = "darkroom_looks"


def init_app(app: Flask) -> None:
    """Give the application its looks."""
    app.extensions[EXTENSION] = Looks(of(app).redis)


def current_looks() -> Looks:
    """The looks of the application that serves this request."""
    return cast("Looks", current_app.extensions[EXTENSION])
