"""The machinery that AUTOMATIC1111's clients ask about or steer, which here runs by itself."""

from __future__ import annotations

import psutil
from flask import Blueprint, Response, jsonify

from server.errors import ApiError

blueprint = Blueprint("a1111_system", __name__, url_prefix="/sdapi/v1")


@blueprint.get("/cmd-flags")
def show_flags() -> Response:
    """What AUTOMATIC1111 would have been started with to serve this and no more."""
    return jsonify(api=True, nowebui=True)


@blueprint.get("/memory")
def show_memory() -> Response:
    """Bytes of this machine's memory. GPUs are in workers, which may be on other machines."""
    memory = psutil.virtual_memory()
    ram = {
        "free": memory.available,
        "used": memory.total - memory.available,
        "total": memory.total,
    }
    return jsonify(ram=ram, cuda={"error": "the server has no GPU; its workers have"})


@blueprint.post("/unload-checkpoint")
@blueprint.post("/reload-checkpoint")
def leave_loaded() -> Response:
    """Nothing to do: workers load what jobs ask for and drop what does not fit beside it.

    Accepted all the same, since clients call it between jobs; it would touch everybody's.
    """
    return jsonify({})


@blueprint.post("/interrogate")
def interrogate() -> Response:
    """Refused: no model here says what is in a picture."""
    detail = "no model here describes pictures, so there is no caption"
    raise ApiError(501, "not-implemented", detail)
