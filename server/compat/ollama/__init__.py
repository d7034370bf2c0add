"""Ollama's API of image models, for the programs that speak it: the same jobs in its words."""

from __future__ import annotations

from flask import Flask

from server.compat.ollama import errors, generate, models
from server.errors import envelope_below

PREFIXES = ("/api/generate", "/api/chat", "/api/tags", "/api/show", "/api/ps", "/api/version")


def init_app(app: Flask) -> None:
    """Register every route, and the envelope of their errors."""
    for part in (generate, models):
        app.register_blueprint(part.blueprint)
    for prefix in PREFIXES:
        envelope_below(app, prefix, errors.enveloped)
