"""ComfyUI's envelope of an error."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

from server.compat.comfyui.graph.errors import BadGraph
from server.errors import ApiError


def graph_refused(error: BadGraph) -> Response:
    """The answer to a graph that is wrong, as ComfyUI has it."""
    return _answer(error.body(), 400, {})


def enveloped(error: ApiError) -> Response:
    """Any other error: clients show `message`, and `type` is for programs."""
    details = "; ".join(f"{each.pointer[1:]}: {each.detail}" for each in error.errors)
    said: dict[str, Any] = {
        "type": error.code.replace("-", "_"),
        "message": error.detail,
        "details": details,
        "extra_info": {},
    }
    return _answer({"error": said, "node_errors": {}}, error.status, error.headers)


def _answer(body: dict[str, Any], status: int, headers: dict[str, str]) -> Response:
    return Response(
        json.dumps(body, ensure_ascii=False),
        status,
        {**headers, "Cache-Control": "no-store"},
        content_type="application/json",
    )
