"""ComfyUI's API, for the programs that speak it: a graph is one of our jobs in its words."""

from __future__ import annotations

from flask import Flask

from server.compat.comfyui import catalogue, errors, follow, history, prompt, queue, view
from server.errors import envelope_below

PREFIXES = (
    *("/prompt", "/queue", "/interrupt", "/free", "/history", "/view", "/upload/", "/ws"),
    *("/object_info", "/embeddings", "/models", "/extensions", "/features", "/system_stats"),
)


def init_app(app: Flask) -> None:
    """Register every route, also below /api as ComfyUI has them, and the envelope of errors."""
    for part in (prompt, queue, history, view, catalogue, follow):
        app.register_blueprint(part.blueprint)
        app.register_blueprint(
            part.blueprint, url_prefix="/api", name=f"{part.blueprint.name}_below_api"
        )
    for prefix in PREFIXES:
        for path in (prefix, f"/api{prefix}"):
            envelope_below(app, path, errors.enveloped)
