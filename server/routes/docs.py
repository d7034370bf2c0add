"""The API's description: OpenAPI 3.1 for programs, for people a page that needs no network."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, render_template

from server.openapi import PREFIX, Routes, content, document_of

routes = Routes("docs", "This description.")


@routes.get(
    "/openapi.json",
    {200: content("An OpenAPI 3.1 document.", "application/json", schema={"type": "object"})},
)
def openapi() -> dict[str, Any]:
    """The OpenAPI document"""
    return document_of(current_app)


@routes.get("/docs", {200: content("A page.", "text/html")})
def docs() -> Response:
    """The API on one page"""
    document = document_of(current_app)
    return Response(render_template("docs.html", document=document, prefix=PREFIX))
