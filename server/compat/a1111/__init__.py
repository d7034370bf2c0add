"""AUTOMATIC1111's API, for the programs that speak it: the same jobs in its words."""

from __future__ import annotations

from flask import Flask

from server.compat.a1111 import errors
from server.compat.a1111.generation import extras, generate
from server.compat.a1111.panel import controlnet, lists, options, png_info, progress, system
from server.errors import envelope_below

PREFIXES = ("/sdapi/", "/controlnet/", "/internal/")


def init_app(app: Flask) -> None:
    """Register every route, and the envelope of errors below them."""
    for part in (generate, extras, progress, options, lists, controlnet, png_info, system):
        app.register_blueprint(part.blueprint)
    for prefix in PREFIXES:
        envelope_below(app, prefix, errors.enveloped)
