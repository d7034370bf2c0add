"""Ollama's envelope of an error: one sentence."""

from __future__ import annotations

import json

from flask import Response

from server.errors import ApiError

NAMES = {"image": "images", "guidance_scale": "options.guidance_scale", "seed": "options.seed"}
"""Fields of this API by those of a job."""


def enveloped(error: ApiError) -> Response:
    """The error as Ollama sends one; a field that is wrong is a 400 there, not a 422."""
    return Response(
        json.dumps({"error": sentence(error)}, ensure_ascii=False),
        400 if error.status == 422 else error.status,
        {**error.headers, "Cache-Control": "no-store"},
        content_type="application/json",
    )


def sentence(error: ApiError) -> str:
    """What clients show: each field that is wrong, or what else is."""
    said: list[str] = []
    for each in error.errors:
        name = each.pointer[1:].replace("/", ".")
        said.append(f"{NAMES.get(name, name)}: {each.detail}" if name else each.detail)
    return "; ".join(said) or error.detail
