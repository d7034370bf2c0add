"""OpenAI's Images API, for the programs that speak it: the same jobs in its words."""

from __future__ import annotations

from flask import Flask

from server.compat.openai import errors, images, models
from server.errors import envelope_below


def init_app(app: Flask) -> None:
    """Register every route, and the envelope of errors below them."""
    for noun in (images, models):
        app.register_blueprint(noun.blueprint)
    envelope_below(app, errors.PREFIX, errors.enveloped)
    app.after_request(errors.finish)
