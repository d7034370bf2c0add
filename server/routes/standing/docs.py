"""The API's description: OpenAPI 3.1 for programs, for people a page that needs no network."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, render_template

from server.door.headers import PAGE_POLICY
from server.openapi import PREFIX, Routes, content, document_of
from server.pages import page

VIEWER_POLICY = PAGE_POLICY.replace("; require-trusted-types-for 'script'", "").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)
"""Content-Security-Policy of the documentation: Swagger UI writes styles and HTML itself."""

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
    """The API on one page

    Searched and tried out by Swagger UI where the page for people is built; a plain list without
    scripts otherwise.
    """
    document = document_of(current_app)
    viewer = (page.FOLDER / "docs" / "viewer.js").is_file()
    text = render_template("docs.html", document=document, prefix=PREFIX, viewer=viewer)
    answer = Response(text)
    if viewer:
        answer.headers["Content-Security-Policy"] = VIEWER_POLICY
    return answer
